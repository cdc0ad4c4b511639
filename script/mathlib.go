package script

// The tables `math`, `os` and `bit`.

import (
	"encoding/hex"
	"math"
	"math/bits"

	lua "github.com/yuin/gopher-lua"
)

func (in *interp) openMath() {
	one := map[string]func(float64) float64{
		"abs": math.Abs, "acos": math.Acos, "asin": math.Asin, "atan": math.Atan, "ceil": math.Ceil,
		"cos": math.Cos, "cosh": math.Cosh, "exp": math.Exp, "floor": math.Floor, "log": math.Log,
		"log10": math.Log10, "sin": math.Sin, "sinh": math.Sinh, "sqrt": math.Sqrt, "tan": math.Tan,
		"tanh": math.Tanh,
		"deg":  func(f float64) float64 { return f / (math.Pi / 180) },
		"rad":  func(f float64) float64 { return f * (math.Pi / 180) },
	}
	two := map[string]func(a, b float64) float64{
		"atan2": math.Atan2, "fmod": math.Mod, "mod": math.Mod, "pow": math.Pow,
	}
	functions := map[string]builtin{
		"frexp": mathFrexp, "ldexp": mathLdexp, "max": mathMax, "min": mathMin, "modf": mathModf,
		"random": mathRandom, "randomseed": mathRandomSeed,
	}
	for name, f := range one {
		functions[name] = func(c call) int { return c.pushNumber(f(c.number(1))) }
	}
	for name, f := range two {
		functions[name] = func(c call) int { return c.pushNumber(f(c.number(1), c.number(2))) }
	}
	t := in.library("math", functions)
	t.RawSetString("pi", lua.LNumber(math.Pi))
	t.RawSetString("huge", lua.LNumber(math.Inf(1)))
	// A clock that counts what the script did: the same on all nodes.
	in.library("os", map[string]builtin{"clock": func(c call) int {
		return c.pushNumber(float64(c.in.steps-c.in.budget.steps) / 1e8)
	}})
}

func mathFrexp(c call) int {
	f, e := math.Frexp(c.number(1))
	return c.push(lua.LNumber(f), lua.LNumber(e))
}

func mathLdexp(c call) int { return c.pushNumber(math.Ldexp(c.number(1), c.int(2))) }

func mathModf(c call) int {
	f := c.number(1)
	whole, part := math.Modf(f)
	if math.IsInf(f, 0) {
		part = math.Copysign(0, f)
	}
	return c.push(lua.LNumber(whole), lua.LNumber(part))
}

func mathMax(c call) int {
	best := c.number(1)
	for i := 2; i <= c.L.GetTop(); i++ {
		if f := c.number(i); f > best {
			best = f
		}
	}
	return c.pushNumber(best)
}

func mathMin(c call) int {
	best := c.number(1)
	for i := 2; i <= c.L.GetTop(); i++ {
		if f := c.number(i); f < best {
			best = f
		}
	}
	return c.pushNumber(best)
}

// The generator is POSIX's lrand48, which Redis has its own copy of. Redis goes on with its numbers from
// script to script; here a run that does not say begins with a seed of the host's.
const randSeed = 0x330E // the lower bits of what a seed makes, so that it is never 0

func mathRandomSeed(c call) int {
	c.seed(uint32(c.int(1)))
	return 0
}

func (c call) seed(seed uint32) { c.in.run1.rand = uint64(seed)<<16 | randSeed }

func mathRandom(c call) int {
	r := &c.in.run1.rand
	if *r == 0 {
		c.seed(c.in.run1.host.Seed())
	}
	*r = (*r*0x5DEECE66D + 0xB) & (1<<48 - 1)
	f := float64((*r>>17)%math.MaxInt32) / math.MaxInt32
	low, high := 1, 0
	switch c.L.GetTop() {
	case 0:
		return c.pushNumber(f)
	case 1:
		if high = c.int(1); high < 1 {
			c.argError(1, "interval is empty")
		}
	case 2:
		low, high = c.int(1), c.int(2)
		if low > high {
			c.argError(2, "interval is empty")
		}
	default:
		c.raise("wrong number of arguments")
	}
	return c.pushNumber(math.Floor(f*float64(high-low+1)) + float64(low))
}

func (in *interp) openBit() {
	fold := func(f func(a, b uint32) uint32) builtin {
		return func(c call) int {
			v := c.bits(1)
			for i := 2; i <= c.L.GetTop(); i++ {
				v = f(v, c.bits(i))
			}
			return c.pushBits(v)
		}
	}
	shift := func(f func(v uint32, n int) uint32) builtin {
		return func(c call) int { return c.pushBits(f(c.bits(1), int(c.bits(2)&31))) }
	}
	in.library("bit", map[string]builtin{
		"tobit":   func(c call) int { return c.pushBits(c.bits(1)) },
		"bnot":    func(c call) int { return c.pushBits(^c.bits(1)) },
		"bswap":   func(c call) int { return c.pushBits(bits.ReverseBytes32(c.bits(1))) },
		"band":    fold(func(a, b uint32) uint32 { return a & b }),
		"bor":     fold(func(a, b uint32) uint32 { return a | b }),
		"bxor":    fold(func(a, b uint32) uint32 { return a ^ b }),
		"lshift":  shift(func(v uint32, n int) uint32 { return v << n }),
		"rshift":  shift(func(v uint32, n int) uint32 { return v >> n }),
		"arshift": shift(func(v uint32, n int) uint32 { return uint32(int32(v) >> n) }),
		"rol":     shift(bits.RotateLeft32),
		"ror":     shift(func(v uint32, n int) uint32 { return bits.RotateLeft32(v, -n) }),
		"tohex":   bitToHex,
	})
}

// bits returns argument i as 32 bits, rounded to even as the processor does.
func (c call) bits(i int) uint32 {
	return uint32(int64(math.RoundToEven(math.Mod(c.number(i), 1<<52))))
}

func (c call) pushBits(v uint32) int { return c.pushNumber(float64(int32(v))) }

func bitToHex(c call) int {
	v, n := c.bits(1), 8
	if c.given(2) {
		n = int(int32(c.bits(2)))
	}
	text := hex.EncodeToString([]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
	if n < 0 {
		n = -n
		b := []byte(text)
		for i, ch := range b {
			if ch >= 'a' {
				b[i] = ch - 32
			}
		}
		text = string(b)
	}
	if n > 8 || n < 0 {
		n = 8
	}
	return c.pushText(text[8-n:])
}
