// Who may not hold what another holds. See doc.go for what counts as surely held.

package history

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// CheckExclusive finds keys that two owners held at once, and grants that came before the one before them
// could have ended. Tokens tell the order in which the server granted, so that each grant must come after
// all holdings of lower tokens that keep it out; where they are not known, holdings must only not overlap.
func CheckExclusive(holds []*Holding) []string {
	byKey := map[string][]*Holding{}
	for _, h := range holds {
		byKey[h.Key] = append(byKey[h.Key], h)
	}
	var wrong []string
	for _, list := range byKey {
		slices.SortFunc(list, func(a, b *Holding) int { return cmp.Compare(a.Token, b.Token) })
		longest := map[Mode]*Holding{}
		for _, h := range list {
			if h.Token == 0 {
				continue
			}
			for _, mode := range h.Mode.keepsOut() {
				wrong = append(wrong, overlap(longest[mode], h)...)
			}
			longest[h.Mode] = longer(longest[h.Mode], h)
		}
		wrong = append(wrong, overlaps(list)...)
		wrong = append(wrong, checkPermits(list)...)
	}
	slices.Sort(wrong)
	return wrong
}

// keepsOut are the modes that nobody may hold beside m, apart from permits of a semaphore.
func (m Mode) keepsOut() []Mode {
	switch m {
	case ModeAlone:
		return []Mode{ModeAlone, ModeShared, ModeUpdate, ModeSemaphore}
	case ModeShared:
		return []Mode{ModeAlone, ModeSemaphore}
	case ModeUpdate:
		return []Mode{ModeAlone, ModeUpdate, ModeSemaphore}
	}
	return []Mode{ModeAlone, ModeShared, ModeUpdate}
}

// checkPermits finds moments in which more permits of a semaphore were surely held than there were when the
// last of them were granted.
func checkPermits(list []*Holding) []string {
	type change struct {
		at      time.Duration
		permits int64
		h       *Holding
	}
	var changes []change
	for _, h := range list {
		if h.Mode == ModeSemaphore && h.Start < h.End {
			changes = append(changes, change{h.Start, h.Permits, h}, change{h.End, -h.Permits, h})
		}
	}
	slices.SortFunc(changes, func(a, b change) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.permits, b.permits))
	})
	var wrong []string
	held := int64(0)
	for _, c := range changes {
		if held += c.permits; c.permits > 0 && held > c.h.Limit {
			wrong = append(wrong, fmt.Sprintf("%d permits were held of %d: with %v", held, c.h.Limit, c.h))
		}
	}
	return wrong
}

// overlaps looks at the pairs of which one has no token.
func overlaps(list []*Holding) []string {
	list = slices.DeleteFunc(slices.Clone(list), func(h *Holding) bool {
		return h.End <= h.Start || h.Mode != ModeAlone
	})
	slices.SortFunc(list, func(a, b *Holding) int { return cmp.Compare(a.Start, b.Start) })
	var wrong []string
	var longest, nameless *Holding // of all, and of those without a token
	for _, h := range list {
		if h.Token == 0 {
			wrong = append(wrong, overlap(longest, h)...)
			nameless = longer(nameless, h)
		} else {
			wrong = append(wrong, overlap(nameless, h)...)
		}
		longest = longer(longest, h)
	}
	return wrong
}

func longer(a, b *Holding) *Holding {
	if a == nil || b.End > a.End {
		return b
	}
	return a
}

// overlap tells whether h was granted before a holding that was before it had ended.
func overlap(before, h *Holding) []string {
	if before == nil || h.Start >= before.End || h.Owner == before.Owner {
		return nil
	}
	return []string{fmt.Sprintf("two holders at once, or an early end: %v; and %v", before, h)}
}
