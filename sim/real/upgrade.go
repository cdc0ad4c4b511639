// Builds of other commits, so that clusters can be taken from one to the next.

package real

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// previousCommit is the last one before this build that was given to users. LOCKD_PREVIOUS names another: a
// tag, or a commit.
const previousCommit = "d89b94e"

// Previous builds the lockd before this one, once for all runs on this machine, and returns the program. It
// needs git, and a clone that goes back so far.
func Previous() (string, error) {
	name := os.Getenv("LOCKD_PREVIOUS")
	if name == "" {
		name = previousCommit
	}
	root, err := output("", "git", "rev-parse", "--show-toplevel")
	if err != nil {
		return "", fmt.Errorf("the previous lockd is built from the git repository: %w", err)
	}
	commit, err := output(root, "git", "rev-parse", "--verify", "--quiet", name+"^{commit}")
	if err != nil {
		return "", fmt.Errorf("git does not have %s, the commit of the previous lockd: this clone is shallow "+
			"(git fetch --unshallow), or LOCKD_PREVIOUS is wrong: %w", name, err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "lockd-builds")
	program := filepath.Join(dir, "lockd-"+commit)
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	return program, build(root, commit, program)
}

// build builds lockd as it was at a commit. The program gets its name when it is complete: others may build
// it at the same time.
func build(root, commit, program string) (err error) {
	source, err := os.MkdirTemp(filepath.Dir(program), "source-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(source)) }()
	archive := filepath.Join(source, "source.tar")
	tree := filepath.Join(source, "tree")
	made := filepath.Join(source, "lockd")
	if err := os.Mkdir(tree, 0o700); err != nil {
		return err
	}
	for _, step := range [][]string{
		{root, "git", "archive", "--output", archive, commit},
		{tree, "tar", "-xf", archive},
		{tree, "go", "build", "-buildvcs=false", "-o", made, "."},
	} {
		if _, err := output(step[0], step[1:]...); err != nil {
			return err
		}
	}
	return os.Rename(made, program)
}

// output runs a program in a folder, "" being this one, and returns what it says.
func output(dir string, words ...string) (string, error) {
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(words, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// RunAs stops a node in order and starts it as another program, on the same data.
func (n *Node) RunAs(program string) error {
	code, err := n.Stop(patience)
	if err == nil && code != 0 {
		err = fmt.Errorf("%s ended with code %d\n%s", n.ID, code, n.Tail(5))
	}
	n.bin = program
	return errors.Join(err, n.Start())
}
