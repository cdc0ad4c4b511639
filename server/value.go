// This file has the kinds of value that a setting can hold: how each is read from text and written back.
//
// A value is a pointer to a field of a Config with its rules. It is made anew for each reading (a Config
// is copied, never changed in place), so the rules sit in the table and the Config stays a plain struct.
// What is wrong is said in the words of Redis' CONFIG SET, so that the same sentence serves both.

package server

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/divtxt/lockd/session"
)

// value reads and writes one field of a Config.
type value interface {
	parse(text string) error // sets the field, or says why not in a few words
	String() string          // the field as CONFIG GET shows it
	kind() string            // what to write in its place in a help text: port, bytes, yes|no
}

// The kinds that the table asks for.
const (
	kindSecret = "secret" // is not to be shown
	kindList   = "list"   // takes several words, and may be given several times
)

// textValue is any string.
type textValue struct{ at *string }

func (v textValue) parse(s string) error { *v.at = s; return nil }
func (v textValue) String() string       { return *v.at }
func (v textValue) kind() string         { return "text" }

// secretValue is any string that is not to be shown. String gives it all the same, for CONFIG GET does so.
type secretValue struct{ at *Secret }

func (v secretValue) parse(s string) error { *v.at = Secret(s); return nil }
func (v secretValue) String() string       { return v.at.Reveal() }
func (v secretValue) kind() string         { return kindSecret }

// listValue is words between spaces or commas.
type listValue struct{ at *[]string }

func (v listValue) parse(s string) error {
	*v.at = strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
	return nil
}
func (v listValue) String() string { return strings.Join(*v.at, " ") }
func (v listValue) kind() string   { return kindList }

// boolValue is yes or no. true and false are taken too, for they are what people write in an environment.
type boolValue struct{ at *bool }

func (v boolValue) parse(s string) error {
	switch strings.ToLower(s) {
	case "yes", "true":
		*v.at = true
	case "no", "false":
		*v.at = false
	default:
		return errors.New("argument must be 'yes' or 'no'")
	}
	return nil
}

func (v boolValue) String() string {
	if *v.at {
		return "yes"
	}
	return "no"
}
func (v boolValue) kind() string { return "yes|no" }

// choiceValue is one of a few words; also holds other words for them, as redis.conf's log levels.
type choiceValue struct {
	at    *string
	words []string
	also  map[string]string
}

func (v choiceValue) parse(s string) error {
	word := strings.ToLower(s)
	if other, found := v.also[word]; found {
		word = other
	}
	if !slices.Contains(v.words, word) {
		return errors.New("argument(s) must be one of the following: " + strings.Join(v.words, ", "))
	}
	*v.at = word
	return nil
}
func (v choiceValue) String() string { return *v.at }
func (v choiceValue) kind() string   { return strings.Join(v.words, "|") }

// integer is the set of number types that settings have.
type integer interface{ ~int | ~int64 | ~uint32 }

// intValue is a whole number between two others.
type intValue[T integer] struct {
	at       *T
	low, top int64
}

func (v intValue[T]) parse(s string) error {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return errors.New("argument couldn't be parsed into an integer")
	}
	if err := within(n, v.low, v.top); err != nil {
		return err
	}
	*v.at = T(n)
	return nil
}
func (v intValue[T]) String() string { return strconv.FormatInt(int64(*v.at), 10) }
func (v intValue[T]) kind() string   { return "number" }

type portValue struct{ intValue[int] }

func (portValue) kind() string { return "port" }

// octalValue is a file's permissions, 0 or 700 to 777 as in redis.conf.
type octalValue struct{ at *uint32 }

func (v octalValue) parse(s string) error {
	n, err := strconv.ParseUint(s, 8, 32)
	if err != nil || n > 0o777 {
		return errors.New("argument couldn't be parsed as octal permissions, as 770")
	}
	*v.at = uint32(n)
	return nil
}
func (v octalValue) String() string { return strconv.FormatUint(uint64(*v.at), 8) }
func (v octalValue) kind() string   { return "octal" }

// sizeValue is a number of bytes with a unit of Redis: 1k is 1000, 1kb is 1024, and so on.
type sizeValue struct {
	at       *int64
	low, top int64
}

func (v sizeValue) parse(s string) error {
	n, err := parseBytes(s)
	if err != nil {
		return err
	}
	if err := within(n, v.low, v.top); err != nil {
		return err
	}
	*v.at = n
	return nil
}
func (v sizeValue) String() string { return strconv.FormatInt(*v.at, 10) }
func (v sizeValue) kind() string   { return "bytes" }

// timeValue is a time with a unit of Go (10s, 250ms, 5m). A bare number counts in unit, and so does what is
// shown: redis.conf's timeout is in seconds and a tool that reads it back expects a bare number.
type timeValue struct {
	at       *time.Duration
	unit     time.Duration
	bare     bool // show a bare number
	low, top time.Duration
}

func (v timeValue) parse(s string) error {
	d, err := time.ParseDuration(s)
	if n, errNumber := strconv.ParseInt(s, 10, 64); errNumber == nil {
		if n > int64(math.MaxInt64/v.unit) || n < 0 {
			return fmt.Errorf("argument must be between %v and %v inclusive", v.low, v.top)
		}
		d, err = time.Duration(n)*v.unit, nil
	}
	if err != nil {
		return errors.New("argument must be a time, as 250ms, 10s or 5m")
	}
	if d < v.low || d > v.top {
		return fmt.Errorf("argument must be between %v and %v inclusive", v.low, v.top)
	}
	*v.at = d
	return nil
}

func (v timeValue) String() string {
	if v.bare {
		return strconv.FormatInt(int64(*v.at/v.unit), 10)
	}
	return v.at.String()
}
func (v timeValue) kind() string { return "time" }

// within says in Redis' words that n is out of its range.
func within(n, low, top int64) error {
	if n < low || n > top {
		return fmt.Errorf("argument must be between %d and %d inclusive", low, top)
	}
	return nil
}

// parseBytes reads 100, 1b, 1k, 1kb, 1m, 1mb, 1g, 1gb as redis.conf defines them, in either case.
func parseBytes(s string) (int64, error) {
	digits := strings.TrimRight(s, "bBkKmMgG")
	n, err := strconv.ParseInt(digits, 10, 64)
	unit, known := map[string]int64{
		"": 1, "b": 1,
		"k": 1000, "kb": 1 << 10,
		"m": 1000 * 1000, "mb": 1 << 20,
		"g": 1000 * 1000 * 1000, "gb": 1 << 30,
	}[strings.ToLower(s[len(digits):])]
	if err != nil || !known || n < 0 || n > math.MaxInt64/unit {
		return 0, errors.New("argument must be a memory value")
	}
	return n * unit, nil
}

// nodeIDValue is a node's name, or "" for the stored one. It goes into file names, addresses and metric
// labels, so it keeps to what is plain in all of them.
type nodeIDValue struct{ at *string }

func (v nodeIDValue) parse(s string) error {
	if s != "" && !validNodeID(s) {
		return errors.New("argument must be 1 to 64 of the letters, digits, '.', '_' and '-', " +
			"and not begin with '-' or '.'")
	}
	*v.at = s
	return nil
}
func (v nodeIDValue) String() string { return *v.at }
func (v nodeIDValue) kind() string   { return "name" }

// validNodeID tells whether id may be a node's name.
func validNodeID(id string) bool {
	if id == "" || len(id) > 64 || id[0] == '-' || id[0] == '.' {
		return false
	}
	for _, r := range id {
		plain := r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !plain && !strings.ContainsRune("._-", r) {
			return false
		}
	}
	return true
}

// eventsValue is the letters of notify-keyspace-events.
type eventsValue struct{ at *session.Events }

func (v eventsValue) parse(s string) (err error) {
	e, err := session.ParseEvents(s)
	if err == nil {
		*v.at = e
	}
	return err
}
func (v eventsValue) String() string { return v.at.String() }
func (v eventsValue) kind() string   { return "letters" }
