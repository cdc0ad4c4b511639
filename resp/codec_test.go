package resp

import (
	"bytes"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// carried are values of every kind, with what could get lost on the way.
func carried() []Value {
	nan := math.Float64frombits(0x7ff8_0000_dead_beef)
	return []Value{
		Null(), NullArray(), None(), OK(), Simple(""), Error("ERR x\r\ny"), Bulk(""), Bulk("a\x00\xff\r\n"),
		Bulk(strings.Repeat("x", 1<<20)), Int(0), Int(-1), Int(math.MaxInt64), Int(math.MinInt64),
		Pairs(Bulk("a"), Double(1)), Double(1.5), Double(math.Inf(-1)), Double(nan), Double(math.Copysign(0, -1)), Bool(true), Bool(false),
		Verbatim("txt", ""), Big("-12345678901234567890"), Verbatim("mkd", "# a"), Array(), Set(), Map(), Push(Bulk("message")),
		Map(Bulk("k"), Array(Int(1), Map(Bulk("n"), Null()), Set(Bool(true)))), Array(make([]Value, 5000)...),
		nested(MaxDepth),
	}
}

// nested is a value in depth lists.
func nested(depth int) Value {
	v := Bulk("core")
	for range depth {
		v = Array(v)
	}
	return v
}

func TestValueBetweenNodes(t *testing.T) {
	var all []byte
	for _, v := range carried() {
		all = AppendValue(all, v)
	}
	rest := all
	for i, want := range carried() {
		got, left, err := DecodeValue(rest)
		if err != nil || !reflect.DeepEqual(normal(got), normal(want)) {
			t.Fatalf("value %d: got %v, %v", i, got.kind, err)
		}
		rest = left
	}
	if len(rest) > 0 {
		t.Errorf("%d bytes are left over", len(rest))
	}
	if n := len(AppendValue(nil, Int(7))); n != 2 {
		t.Errorf("a small integer takes %d bytes", n)
	}
}

// normal makes a list without elements the same whether it is nil or not.
func normal(v Value) Value {
	if len(v.list) == 0 {
		v.list = nil
	}
	for i := range v.list {
		v.list[i] = normal(v.list[i])
	}
	return v
}

// The bytes that a value came from are used again while the reply still waits for its turn.
func TestDecodedValueOwnsItsMemory(t *testing.T) {
	want := Map(Bulk("key"), Verbatim("txt", "text"), Error("ERR e"), Array(Simple("s")))
	b := AppendValue(nil, want)
	got, _, err := DecodeValue(b)
	clear(b)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}

// What is nested too deep becomes an error in its place, and what stands beside it is kept.
func TestValueNestedTooDeep(t *testing.T) {
	b := AppendValue(nil, Array(nested(MaxDepth), Int(7)))
	v, rest, err := DecodeValue(b)
	if err != nil || len(rest) > 0 || v.List()[1].Num() != 7 {
		t.Fatalf("%v, %v", v, err)
	}
	v = v.List()[0]
	for range MaxDepth - 1 {
		v = v.List()[0]
	}
	if !v.IsError() {
		t.Errorf("the innermost is of kind %d", v.Kind())
	}
	deep := append(bytes.Repeat([]byte{byte(KindArray), 1}, MaxDepth+1), byte(KindNull))
	if _, _, err := DecodeValue(deep); err != errValueDeep {
		t.Errorf("a value nested too deep: %v", err)
	}
	if _, _, err := DecodeValue(deep[2:]); err != nil {
		t.Errorf("the deepest value: %v", err)
	}
}

func TestDamagedValues(t *testing.T) {
	for _, v := range carried() {
		b := AppendValue(nil, v)
		for n := 0; n < len(b) && n < 300; n++ {
			if _, _, err := DecodeValue(b[:n]); err == nil {
				t.Fatalf("kind %d was read from %d of its %d bytes", v.kind, n, len(b))
			}
		}
	}
	for _, bad := range [][]byte{
		{byte(KindNone) + 1}, {byte(KindBulk), 200, 1}, {byte(KindVerbatim), 3, 't', 'x', 't'},
		append([]byte{byte(KindInt)}, bytes.Repeat([]byte{0xff}, 11)...),
		append([]byte{byte(KindBulk)}, bytes.Repeat([]byte{0xff}, 9)...),
	} {
		if v, rest, err := DecodeValue(bad); err == nil || rest != nil || !reflect.DeepEqual(v, Value{}) {
			t.Errorf("%v gave %v, %v, %v", bad, v, rest, err)
		}
	}
}

// A number of elements that the rest of the frame cannot hold, at every depth, takes no memory.
func TestPromisesTakeNoMemory(t *testing.T) {
	const size = 1 << 20
	b := bytes.Repeat([]byte{byte(KindArray), 0x80, 0x80, 0x20}, MaxDepth) // each promises 512 Ki
	b = append(b, bytes.Repeat([]byte{byte(KindArray), 0}, size/2)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, err := DecodeValue(b[:len(b)-1])
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; err == nil || n > 300*size {
		t.Errorf("%v, %d bytes were allocated", err, n)
	}
	runtime.ReadMemStats(&before)
	_, _, err = DecodeValue(b[:4*MaxDepth])
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; err == nil || n > 64<<10 {
		t.Errorf("%v, %d bytes were allocated", err, n)
	}
}

func FuzzDecodeValue(f *testing.F) {
	for _, v := range carried() {
		if b := AppendValue(nil, v); len(b) < 1000 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, rest, err := DecodeValue(b)
		if err != nil {
			return
		}
		if len(rest) >= len(b) {
			t.Fatal("a value took no bytes")
		}
		for proto := 2; proto <= 3; proto++ {
			Append(nil, v, proto) // must be writable to a client
		}
		again, left, err := DecodeValue(AppendValue(nil, v))
		if err != nil || len(left) > 0 || !reflect.DeepEqual(again, v) {
			t.Fatalf("%v, then %v, %v", v, again, err)
		}
	})
}
