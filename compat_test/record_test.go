// What redis-server replied, kept so that the cases run where there is none.
package compat_test

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// record is the replies by protocol and script.
type record map[string]recorded

// recorded is the replies to one script, in Go's spelling, for JSON has no words of any bytes.
type recorded struct {
	At      int64    `json:"at"` // milliseconds since 1970
	Replies []string `json:"replies"`
}

func newRecorded(replies []string) recorded {
	r := recorded{At: time.Now().UnixMilli()}
	for _, reply := range replies {
		r.Replies = append(r.Replies, strconv.QuoteToASCII(reply))
	}
	return r
}

func (r recorded) unquoted() (replies []string, err error) {
	for _, quoted := range r.Replies {
		reply, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, err
		}
		replies = append(replies, reply)
	}
	return replies, nil
}

func recordFile() string { return filepath.Join("testdata", "redis-7.0.15.json.gz") }

// key is what a script is found by: all that was sent.
func (s *script) key(proto int) string {
	var b strings.Builder
	b.WriteString(strconv.Itoa(proto))
	for _, words := range s.commands() {
		b.WriteString("\n")
		for _, w := range words {
			b.WriteString(strconv.Quote(w) + " ")
		}
	}
	return b.String()
}

func loadRecord() (record, error) {
	f, err := os.Open(recordFile())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	r := record{}
	return r, json.NewDecoder(z).Decode(&r)
}

func (r record) save() error {
	f, err := os.Create(recordFile())
	if err != nil {
		return err
	}
	z, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err != nil {
		return err
	}
	e := json.NewEncoder(z) // it sorts the keys, so that equal records are equal files
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return f.Close()
}
