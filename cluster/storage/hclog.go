// raft and raft-wal speak hclog; lockd logs through log/slog. This adapter makes one log of both,
// so that format, level and destination are decided in one place.

package storage

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"strings"

	"github.com/hashicorp/go-hclog"
)

// NewHCLog gives an hclog.Logger that writes to l, for raft.Config.Logger and transports.
func NewHCLog(l *slog.Logger, name string) hclog.Logger {
	return &hcLog{out: l, name: name}
}

// hcLog is immutable; With and Named give new ones, so it needs no lock.
type hcLog struct {
	out  *slog.Logger
	name string
	with []any
}

var _ hclog.Logger = (*hcLog)(nil)

// slogLevel maps hclog's levels. What raft and raft-wal call info is of use to who debugs them, not to who
// runs a lock server, so it is debug here; slog has no trace, which goes one step below.
func slogLevel(l hclog.Level) slog.Level {
	switch l {
	case hclog.Trace:
		return slog.LevelDebug - 4
	case hclog.Debug, hclog.Info:
		return slog.LevelDebug
	case hclog.Warn:
		return slog.LevelWarn
	case hclog.Error:
		return slog.LevelError
	}
	return slog.LevelInfo
}

// Log forwards one line; hclog.Fmt values are formatted here because slog does not know them.
func (h *hcLog) Log(level hclog.Level, msg string, args ...any) {
	at := slogLevel(level)
	if !h.out.Enabled(context.Background(), at) {
		return
	}
	all := make([]any, 0, len(h.with)+len(args)+2)
	if h.name != "" {
		all = append(all, "part", h.name)
	}
	all = append(append(all, h.with...), args...)
	for i, a := range all {
		if f, ok := a.(hclog.Format); ok && len(f) > 0 {
			all[i] = fmt.Sprintf(fmt.Sprint(f[0]), f[1:]...)
		}
	}
	h.out.Log(context.Background(), at, msg, all...)
}

func (h *hcLog) Trace(msg string, args ...any) { h.Log(hclog.Trace, msg, args...) }
func (h *hcLog) Debug(msg string, args ...any) { h.Log(hclog.Debug, msg, args...) }
func (h *hcLog) Info(msg string, args ...any)  { h.Log(hclog.Info, msg, args...) }
func (h *hcLog) Warn(msg string, args ...any)  { h.Log(hclog.Warn, msg, args...) }
func (h *hcLog) Error(msg string, args ...any) { h.Log(hclog.Error, msg, args...) }

func (h *hcLog) enabled(l hclog.Level) bool {
	return h.out.Enabled(context.Background(), slogLevel(l))
}

func (h *hcLog) IsTrace() bool { return h.enabled(hclog.Trace) }
func (h *hcLog) IsDebug() bool { return h.enabled(hclog.Debug) }
func (h *hcLog) IsInfo() bool  { return h.enabled(hclog.Info) }
func (h *hcLog) IsWarn() bool  { return h.enabled(hclog.Warn) }
func (h *hcLog) IsError() bool { return h.enabled(hclog.Error) }

func (h *hcLog) ImpliedArgs() []any { return h.with }
func (h *hcLog) Name() string       { return h.name }

// SetLevel does nothing: the level belongs to the slog handler.
func (h *hcLog) SetLevel(hclog.Level) {}

// GetLevel reports the lowest level that the slog handler lets through.
func (h *hcLog) GetLevel() hclog.Level {
	for _, l := range []hclog.Level{hclog.Trace, hclog.Debug, hclog.Info, hclog.Warn} {
		if h.enabled(l) {
			return l
		}
	}
	return hclog.Error
}

func (h *hcLog) With(args ...any) hclog.Logger {
	with := append(append([]any(nil), h.with...), args...)
	return &hcLog{out: h.out, name: h.name, with: with}
}

func (h *hcLog) Named(name string) hclog.Logger {
	if h.name != "" {
		name = h.name + "." + name
	}
	return h.ResetNamed(name)
}

func (h *hcLog) ResetNamed(name string) hclog.Logger {
	return &hcLog{out: h.out, name: name, with: h.with}
}

func (h *hcLog) StandardLogger(o *hclog.StandardLoggerOptions) *log.Logger {
	return log.New(h.StandardWriter(o), "", 0)
}

func (h *hcLog) StandardWriter(*hclog.StandardLoggerOptions) io.Writer { return lineWriter{h} }

// lineWriter takes the lines of a standard logger, which know no levels.
type lineWriter struct{ h *hcLog }

func (w lineWriter) Write(p []byte) (int, error) {
	w.h.Info(strings.TrimSpace(string(p)))
	return len(p), nil
}
