//go:build linux

// Results go to a Markdown file, with what is needed to repeat them; progress goes to the terminal.

package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// report gathers Markdown.
type report struct{ text strings.Builder }

func (r *report) line(format string, a ...any) { fmt.Fprintf(&r.text, format+"\n", a...) }

func (r *report) head(title string, b *bed) {
	r.line("# %s", title)
	r.line("")
	r.line("%s, %d cores, %s, %s; `bench %s`", time.Now().UTC().Format("2006-01-02 15:04 MST"), runtime.NumCPU(),
		runtime.Version(), oneLine(b.redis, "--version"), strings.Join(os.Args[1:], " "))
	r.line("")
}

// oneLine is the first words that a program prints.
func oneLine(name string, args ...string) string {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return name + ": " + err.Error()
	}
	words := strings.Fields(string(out))
	return strings.Join(words[:min(3, len(words))], " ")
}

// verdict marks a figure.
func verdict(ok bool) string {
	if ok {
		return "ok"
	}
	return "MISSED"
}

// write puts the report where it is wanted, and on the terminal.
func (r *report) write(path string) error {
	fmt.Print(r.text.String())
	if path == "" {
		return nil
	}
	return os.WriteFile(path, []byte(r.text.String()), 0o644)
}

func progress(format string, a ...any) { fmt.Fprintf(os.Stderr, format+"\n", a...) }
