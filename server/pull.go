// This file is "lockd backup": it pulls a copy of the state from any node, by ordinary commands
// (RAFT.BACKUP), checks it, and only then gives the file its name. So a file that is there is a whole backup,
// and a job that was cut off leaves the one of yesterday.

package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/divtxt/lockd/backup"
)

func (p *program) backupCommand() *cobra.Command {
	at, password, output := &pinger{}, "", ""
	cmd := &cobra.Command{
		Use:   "backup [flags]",
		Short: "Copy the state of a running cluster into a file",
		Long: "Pulls a copy of all locks and keys from the node at --addr, which may be any node of the\n" +
			"cluster; it holds everything that was acknowledged before it began. The file appears under its\n" +
			"name once it is whole and checked. The environment is read as by lockd ping. To use the file:\n" +
			"lockd restore.",
		Args: noFile,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("password") {
				at.password = Secret(password)
			}
			return p.backup(cmd.Context(), at, output)
		},
	}
	p.pingDefaults(at)
	at.timeout = 30 * time.Second
	at.addFlags(cmd.Flags(), &password)
	cmd.Flags().DurationVar(&at.timeout, "timeout", at.timeout, "how long to wait for each answer")
	cmd.Flags().StringVar(&output, "output", "", "file to write, - is standard output; by default a name with "+
		"the date, in this folder")
	return cmd
}

// backup pulls a backup and says what it is.
func (p *program) backup(ctx context.Context, at *pinger, output string) error {
	begun := time.Now()
	if output == "" {
		output = "lockd-" + begun.UTC().Format("20060102T150405Z") + ".backup"
	}
	var h backup.Header
	var size int64
	var err error
	if output == "-" {
		h, size, err = at.pull(ctx, p.stdout)
	} else {
		h, size, err = pullTo(ctx, at, output)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stderr, "backup of cluster %s by node %s: %d keys up to log entry %d, last token %d, "+
		"%d bytes, in %v%s\n", h.Cluster, h.Node, h.Keys, h.Index, h.Token, size,
		time.Since(begun).Round(time.Millisecond), namedFile(output))
	return nil
}

func namedFile(output string) string {
	if output == "-" {
		return ""
	}
	return "; file " + output
}

// pullTo pulls into a file beside path and renames it when it is whole and on disk.
func pullTo(ctx context.Context, at *pinger, path string) (h backup.Header, size int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.part")
	if err != nil {
		return h, 0, err
	}
	defer os.Remove(f.Name()) // fails after the rename, as it should
	h, size, err = at.pull(ctx, f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return h, size, err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return h, size, err
	}
	return h, size, syncFolder(filepath.Dir(path))
}

// pull copies a backup to w, and checks it on the way.
func (p *pinger) pull(ctx context.Context, w io.Writer) (h backup.Header, size int64, err error) {
	dialing, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	conn, err := p.dial(dialing)
	if err != nil {
		return h, 0, p.explain(err)
	}
	defer conn.Close()
	l := &puller{pinger: p, conn: conn, replies: bufio.NewReaderSize(conn, 64<<10)}
	if err := conn.SetDeadline(time.Now().Add(p.timeout)); err != nil {
		return h, 0, err
	}
	if err := p.login(conn, l.replies); err != nil {
		return h, 0, p.explain(err)
	}
	v := new(backup.Verifier)
	if size, err = l.all(ctx, io.MultiWriter(w, v)); err != nil {
		return h, size, err
	}
	if h, err = v.End(); err != nil {
		return h, size, fmt.Errorf("what %s sent is no whole backup: %w", p.address, err)
	}
	return h, size, nil
}

// puller is the connection over which a backup comes.
type puller struct {
	*pinger
	conn    net.Conn
	replies *bufio.Reader
}

// all copies one backup to w.
func (l *puller) all(ctx context.Context, w io.Writer) (size int64, err error) {
	name, _, err := l.ask("RAFT.BACKUP", "BEGIN")
	if err != nil {
		return 0, err
	}
	for ctx.Err() == nil {
		piece, more, err := l.ask("RAFT.BACKUP", "READ", string(name), strconv.FormatInt(size, 10))
		if err != nil {
			return size, err
		}
		if !more {
			_, _, err = l.ask("RAFT.BACKUP", "END", string(name))
			return size, err
		}
		if _, err := w.Write(piece); err != nil {
			return size, err
		}
		size += int64(len(piece))
	}
	return size, ctx.Err()
}

// longestPiece is more than a node sends at once.
const longestPiece = 16 << 20

// ask sends a command and reads its reply, a text. more is false where it is null.
func (l *puller) ask(words ...string) (text []byte, more bool, err error) {
	if err := l.conn.SetDeadline(time.Now().Add(l.timeout)); err != nil {
		return nil, false, err
	}
	if _, err := io.WriteString(l.conn, wire(words...)); err != nil {
		return nil, false, l.explain(err)
	}
	line, err := l.replies.ReadString('\n')
	if err != nil {
		return nil, false, l.explain(fmt.Errorf("the connection broke, the backup is not whole: %w", err))
	}
	line = strings.TrimRight(line, "\r\n")
	switch {
	case strings.HasPrefix(line, "-"):
		return nil, false, l.explain(errors.New("the node answers: " + line[1:]))
	case line == "+OK":
		return nil, true, nil
	case line == "$-1":
		return nil, false, nil
	case !strings.HasPrefix(line, "$"):
		return nil, false, l.explain(fmt.Errorf("the answer %.40q is not a lock server's", line))
	}
	n, err := strconv.ParseUint(line[1:], 10, 63)
	if err != nil || n > longestPiece {
		return nil, false, l.explain(fmt.Errorf("the answer %.40q is not a lock server's", line))
	}
	text = make([]byte, n+2)
	if _, err := io.ReadFull(l.replies, text); err != nil {
		return nil, false, l.explain(fmt.Errorf("the connection broke, the backup is not whole: %w", err))
	}
	return text[:n], true, nil
}
