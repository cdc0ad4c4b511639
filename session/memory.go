// Figures about this process's memory, as INFO and MEMORY show them. used is what the program has allocated
// and not freed, garbage that was not collected yet among it; resident is what the system says it takes.

package session

import (
	"bufio"
	"fmt"
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
)

// memory is in bytes.
type memory struct {
	used, mapped   uint64 // by Go: allocated, and kept from the system
	resident, peak uint64 // by the system; without it, mapped stands in
}

// readMemory stops nobody: the runtime keeps these figures anyway.
func readMemory() memory {
	list := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(list)
	m := memory{used: list[0].Value.Uint64(), mapped: list[1].Value.Uint64() - list[2].Value.Uint64()}
	m.resident = procBytes("/proc/self/status", "VmRSS:")
	m.peak = procBytes("/proc/self/status", "VmHWM:")
	if m.resident == 0 {
		m.resident = m.mapped
	}
	m.peak = max(m.peak, m.resident)
	return m
}

// procBytes reads a line such as "VmRSS:  6884 kB"; 0 where there is no such file or line.
func procBytes(path, name string) uint64 {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) > 1 && words[0] == name {
			kb, _ := strconv.ParseUint(words[1], 10, 64)
			return kb << 10
		}
	}
	return 0
}

// memoryReport is all that the Go runtime tells about memory, one figure a line.
func memoryReport() string {
	var list []metrics.Sample
	for _, d := range metrics.All() {
		if strings.HasPrefix(d.Name, "/memory/") || strings.HasPrefix(d.Name, "/gc/") {
			list = append(list, metrics.Sample{Name: d.Name})
		}
	}
	metrics.Read(list)
	var b strings.Builder
	b.WriteString("The Go runtime's figures\n")
	for _, s := range list {
		switch s.Value.Kind() {
		case metrics.KindUint64:
			fmt.Fprintf(&b, "%s %d\n", s.Name, s.Value.Uint64())
		case metrics.KindFloat64:
			fmt.Fprintf(&b, "%s %g\n", s.Name, s.Value.Float64())
		}
	}
	return b.String()
}

// humanBytes writes bytes the way Redis does: 1.50M.
func humanBytes(n uint64) string {
	if n < 1024 {
		return strconv.FormatUint(n, 10) + "B"
	}
	f, units := float64(n)/1024, "KMGTP"
	for f >= 1024 && len(units) > 1 {
		f, units = f/1024, units[1:]
	}
	return strconv.FormatFloat(f, 'f', 2, 64) + units[:1]
}

func percent(part, whole int64) float64 {
	if whole <= 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}

func ratio(a, b uint64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}
