// This file keeps passwords out of everything that prints. A Secret is a string that shows itself as
// stars to fmt, slog and encoding/json alike; only Reveal gives the text, so that a search for that one
// word finds every place where a password leaves.

package server

import (
	"crypto/subtle"
	"fmt"
	"log/slog"
)

// hidden is what is printed in place of a secret.
const hidden = "***"

// Secret is text that must not be printed. The zero value is "none".
type Secret string

// Reveal returns the text itself.
func (s Secret) Reveal() string { return string(s) }

// Matches tells whether text is the secret, in a time that does not depend on where they differ.
func (s Secret) Matches(text string) bool {
	return subtle.ConstantTimeCompare([]byte(s), []byte(text)) == 1
}

// String returns stars, or nothing if there is no secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// Format answers every verb of fmt; String alone would leave %d and %#v open.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// LogValue hides the secret from log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the secret from encoding/json and its like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
