// Numbers and durations as people read them.

package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Count writes a whole number with commas: 14,900.
func Count(n int) string {
	digits := strconv.Itoa(n)
	start := len(digits) % 3
	if n < 0 {
		start = (len(digits)-1)%3 + 1
	}
	var b strings.Builder
	b.WriteString(digits[:start])
	for i := start; i < len(digits); i += 3 {
		if b.Len() > 0 && digits[:i] != "-" {
			b.WriteByte(',')
		}
		b.WriteString(digits[i : i+3])
	}
	return b.String()
}

// Short writes a number of operations: from a million on as 5.3 M, below as Count. It rounds down, so that a
// page never claims more than there was.
func Short(n int) string {
	if n < 1e6 {
		return Count(n)
	}
	return fmt.Sprintf("%s.%d M", Count(n/1e6), n/1e5%10)
}

// Of writes a number with its noun, which is given in both forms.
func Of(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(n) + " " + many
}

// Span writes a duration with the two units that matter: 2 h 05 min, 3 min 20 s, 12.4 s, 310 ms.
func Span(d time.Duration) string {
	switch {
	case d >= time.Hour:
		d = d.Round(time.Minute)
		return fmt.Sprintf("%s h %02d min", Count(int(d/time.Hour)), d%time.Hour/time.Minute)
	case d >= time.Minute:
		d = d.Round(time.Second)
		return fmt.Sprintf("%d min %02d s", d/time.Minute, d%time.Minute/time.Second)
	case d >= time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d > 0 && d < time.Millisecond:
		return "under 1 ms"
	default:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
}

// niceStep is the smallest of 1, 2 and 5 times a power of ten that cuts most into at most parts steps.
func niceStep(most float64, parts int) float64 {
	if most <= 0 {
		return 1
	}
	raw := most / float64(parts)
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, factor := range []float64{1, 2, 5} {
		if factor*power >= raw*(1-1e-9) {
			return factor * power
		}
	}
	return 10 * power
}

// timeStep is the distance of marks on an axis of the time: round in seconds, minutes or hours.
func timeStep(span time.Duration, parts int) time.Duration {
	steps := []time.Duration{
		time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second, 30 * time.Second,
		time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 30 * time.Minute,
	}
	for _, step := range steps {
		if span <= step*time.Duration(parts) {
			return step
		}
	}
	hours := niceStep(span.Hours(), parts)
	return time.Duration(max(hours, 1) * float64(time.Hour))
}

// mark is what stands at a place of the axis of the time.
func mark(d, step time.Duration) string {
	switch {
	case d == 0:
		return "0"
	case step >= time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	case step >= time.Minute:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	default:
		return fmt.Sprintf("%d:%02d", d/time.Minute, d%time.Minute/time.Second)
	}
}
