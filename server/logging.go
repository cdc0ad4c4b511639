// This file makes the logger. Secrets are kept out of it twice: Secret shows itself as stars, and an
// attribute that bears a secret setting's name is starred whatever type its value has.

package server

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
)

// Logging is a logger whose level can change while it is used.
type Logging struct {
	*slog.Logger
	level *slog.LevelVar
	file  *os.File // nil for stderr
}

// NewLogging opens the log that cfg asks for. Close it at the end.
func NewLogging(cfg Log, stderr io.Writer) (*Logging, error) {
	l := &Logging{level: new(slog.LevelVar)}
	l.SetLevel(cfg.Level)
	out := stderr
	if cfg.File != "" {
		file, err := os.OpenFile(cfg.File, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
		if err != nil {
			return nil, usageError("log-file: %w", err)
		}
		l.file, out = file, file
	}
	options := &slog.HandlerOptions{Level: l.level, ReplaceAttr: starSecrets(newTable())}
	if cfg.Format == LogJSON {
		l.Logger = slog.New(slog.NewJSONHandler(out, options))
	} else {
		l.Logger = slog.New(slog.NewTextHandler(out, options))
	}
	return l, nil
}

// SetLevel changes the least that is logged to debug, info, warn or error.
func (l *Logging) SetLevel(level string) {
	l.level.Set(map[string]slog.Level{
		"debug": slog.LevelDebug,
		"warn":  slog.LevelWarn,
		"error": slog.LevelError,
	}[level]) // anything else is 0, which is info
}

// Close closes the log's file.
func (l *Logging) Close() error {
	if l.file == nil {
		return nil
	}
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("closing the log: %w", err)
	}
	return nil
}

// starSecrets returns slog's hook that hides attributes by their name.
func starSecrets(t *table) func([]string, slog.Attr) slog.Attr {
	secrets := []string{"password", "passphrase", "pass", "auth"}
	for _, s := range t.all() {
		if s.secret() {
			secrets = append(secrets, s.name)
		}
	}
	return func(_ []string, a slog.Attr) slog.Attr {
		if slices.Contains(secrets, strings.ToLower(a.Key)) {
			a.Value = slog.StringValue(Secret(a.Value.String()).String())
		}
		return a
	}
}
