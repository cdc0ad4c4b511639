// This file asks the machine how much memory it has, for the default of max-memory. A container's limit
// counts as the machine's, for beyond it the kernel kills the process whatever the machine has.

package server

import (
	"bufio"
	"os"
	"strconv"
	"strings"
)

// assumedMemory stands in where nothing tells (systems other than Linux): small enough for any laptop.
const assumedMemory = 4 << 30

// machineMemory returns the bytes of memory that this process may count on.
func machineMemory() int64 {
	total := memTotal("/proc/meminfo")
	for _, path := range []string{
		"/sys/fs/cgroup/memory.max",                   // cgroup 2
		"/sys/fs/cgroup/memory/memory.limit_in_bytes", // cgroup 1
	} {
		if limit := cgroupLimit(path); limit > 0 && limit < total {
			total = limit
		}
	}
	return total
}

// memTotal reads the first line of /proc/meminfo: "MemTotal:  16384256 kB".
func memTotal(path string) int64 {
	f, err := os.Open(path)
	if err != nil {
		return assumedMemory
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) < 2 || words[0] != "MemTotal:" {
			continue
		}
		if kb, err := strconv.ParseInt(words[1], 10, 64); err == nil && kb > 0 {
			return kb << 10
		}
	}
	return assumedMemory
}

// cgroupLimit returns the limit in a cgroup's file, or 0 if there is none ("max", or no such file).
func cgroupLimit(path string) int64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0
	}
	return limit
}
