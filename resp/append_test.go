package resp

import (
	"math"
	"testing"
)

func TestAppend(t *testing.T) {
	inf, minus := math.Inf(1), math.Inf(-1)
	for _, tt := range []struct {
		name  string
		v     Value
		want2 string
		want3 string
	}{
		{"zero value", Value{}, "$-1\r\n", "_\r\n"},
		{"null", Null(), "$-1\r\n", "_\r\n"},
		{"null array", NullArray(), "*-1\r\n", "_\r\n"},
		{"none", None(), "", ""},
		{"ok", OK(), "+OK\r\n", "+OK\r\n"},
		{"simple with line break", Simple("a\r\nb"), "+a  b\r\n", "+a  b\r\n"},
		{"error", Error("ERR no"), "-ERR no\r\n", "-ERR no\r\n"},
		{"error with line break", Error("ERR a\nb\rc"), "-ERR a b c\r\n", "-ERR a b c\r\n"},
		{"int", Int(-42), ":-42\r\n", ":-42\r\n"},
		{"lowest int", Int(math.MinInt64), ":-9223372036854775808\r\n", ":-9223372036854775808\r\n"},
		{"empty bulk", Bulk(""), "$0\r\n\r\n", "$0\r\n\r\n"},
		{"bulk with line break", Bulk("a\r\nb"), "$4\r\na\r\nb\r\n", "$4\r\na\r\nb\r\n"},
		{"empty array", Array(), "*0\r\n", "*0\r\n"},
		{"array", Array(Int(1), Null(), Bulk("x")), "*3\r\n:1\r\n$-1\r\n$1\r\nx\r\n", "*3\r\n:1\r\n_\r\n$1\r\nx\r\n"},
		{"none in array is nothing", Array(None()), "*1\r\n", "*1\r\n"},
		{"set", Set(Int(1), Int(2)), "*2\r\n:1\r\n:2\r\n", "~2\r\n:1\r\n:2\r\n"},
		{"map", Map(Bulk("a"), Bool(true)), "*2\r\n$1\r\na\r\n:1\r\n", "%1\r\n$1\r\na\r\n#t\r\n"},
		{"push", Push(Bulk("a")), "*1\r\n$1\r\na\r\n", ">1\r\n$1\r\na\r\n"},
		{"nested", Array(Map(Bulk("a"), Set(Null()))), "*1\r\n*2\r\n$1\r\na\r\n*1\r\n$-1\r\n",
			"*1\r\n%1\r\n$1\r\na\r\n~1\r\n_\r\n"},
		{"false", Bool(false), ":0\r\n", "#f\r\n"},
		{"big", Big("-12345678901234567890"), "$21\r\n-12345678901234567890\r\n", "(-12345678901234567890\r\n"},
		{"verbatim", Verbatim("txt", "a b"), "$3\r\na b\r\n", "=7\r\ntxt:a b\r\n"},
		{"double", Double(2.5), "$3\r\n2.5\r\n", ",2.5\r\n"},
		{"double of few digits", Double(0.1), "$3\r\n0.1\r\n", ",0.1\r\n"},
		{"pairs", Pairs(Bulk("a"), Double(1), Bulk("b"), Int(2)), "*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n:2\r\n",
			"*2\r\n*2\r\n$1\r\na\r\n,1\r\n*2\r\n$1\r\nb\r\n:2\r\n"},
		{"infinite", Double(inf), "$3\r\ninf\r\n", ",inf\r\n"},
		{"minus infinite", Double(minus), "$4\r\n-inf\r\n", ",-inf\r\n"},
		{"not a number", Double(math.NaN()), "$3\r\nnan\r\n", ",nan\r\n"},
		{"large double", Double(1e20), "$5\r\n1e+20\r\n", ",1e+20\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(Append(nil, tt.v, 2)); got != tt.want2 {
				t.Errorf("RESP2 %q, want %q", got, tt.want2)
			}
			if got := string(Append([]byte("before"), tt.v, 3)); got != "before"+tt.want3 {
				t.Errorf("RESP3 %q, want %q", got, tt.want3)
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	v := Array(Bulk("some-key"), Int(12345), Null(), OK())
	buf := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		buf = Append(buf[:0], v, 3)
	}
}

// Redis 7.2 writes these so.
func TestFormatDouble(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0", 1: "1", -1: "-1", 0.1: "0.1", 3.14: "3.14", 1795384845668123.5: "1795384845668123.5",
		1795384845668: "1795384845668", 1e17: "100000000000000000", 1 << 61: "2305843009213693952",
		1 << 62: "4611686018427387904", 3 << 61: "6917529027641082000", 1e19: "1e+19", 1e20: "1e+20", 1.5e300: "1.5e+300", 1e-5: "0.00001", 1e-7: "1e-7",
		1.5e-7: "1.5e-7", 123.456e-8: "1.23456e-6", 1.5e-6: "1.5e-6", -2.5e-10: "-2.5e-10", 1234567890.123: "1234567890.123",
		5e-324: "5e-324", math.MaxFloat64: "1.7976931348623157e+308",
		math.Inf(1): "inf", math.Inf(-1): "-inf",
	} {
		if got := FormatDouble(f); got != want {
			t.Errorf("%v: %s, want %s", f, got, want)
		}
	}
	if got := FormatDouble(math.Copysign(0, -1)); got != "-0" {
		t.Error(got)
	}
}
