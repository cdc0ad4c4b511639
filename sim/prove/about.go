// Where the proof runs, for those who read of it elsewhere.

package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/divtxt/lockd/sim/report"
)

func about(args []string, seed uint64, began time.Time) report.About {
	command := strings.Join(append([]string{"go run ./sim/prove"}, args...), " ")
	if !strings.Contains(command, "-seed") {
		command += fmt.Sprint(" -seed ", seed)
	}
	return report.About{
		Commit: commit(), Machine: machine(), Go: runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH,
		Command: command, Seed: seed, Began: began,
	}
}

// root is the folder of the repository, as the parts are built and run there.
func root(ctx context.Context) (string, error) {
	said, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if file := strings.TrimSpace(string(said)); err == nil && filepath.Base(file) == "go.mod" {
		return filepath.Dir(file), nil
	}
	return "", fmt.Errorf("this must run inside the repository: %w", err)
}

// commit is what git calls the code, with a word where files differ from it.
func commit() string {
	said, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "not in a git repository"
	}
	name := strings.TrimSpace(string(said))
	changed, err := exec.Command("git", "status", "--porcelain", "--untracked-files=no").Output()
	if err != nil || len(changed) > 0 {
		return name + " with changes"
	}
	return name
}

// machine tells the processor, the memory and the kernel, as far as the system tells.
func machine() string {
	s := value("/proc/cpuinfo", "model name")
	if s == "" {
		s = runtime.GOARCH
	}
	s = fmt.Sprintf("%s, %s", s, report.Of(runtime.NumCPU(), "processor", "processors"))
	kilobytes, err := strconv.Atoi(strings.TrimSuffix(value("/proc/meminfo", "MemTotal"), " kB"))
	if err == nil {
		s += fmt.Sprintf(", %.1f GB of memory", float64(kilobytes)/1e6)
	}
	if kernel, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		s += ", Linux " + strings.TrimSpace(string(kernel))
	}
	return s
}

// value is that of the first line with a name in a file of "name: value".
func value(path, name string) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
