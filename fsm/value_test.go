package fsm

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// pocket is what a value is held against: the elements in order, as text.
type pocket []string

func hashText(h *Hash) (p pocket) {
	h.Each("", func(field, value string) bool { p = append(p, field+"="+value); return true })
	return p
}

func listText(l *List) (p pocket) {
	l.Each(0, func(element string) bool { p = append(p, element); return true })
	return p
}

func setText(s *Set) (p pocket) {
	s.Each("", func(member string) bool { p = append(p, member); return true })
	return p
}

func sortedText(s *Sorted) (p pocket) {
	s.Each(0, func(v Scored) bool { p = append(p, fmt.Sprint(v.Score, " ", v.Member)); return true })
	return p
}

func valueText(v Value) pocket {
	switch v := v.(type) {
	case *Hash:
		return hashText(v)
	case *List:
		return listText(v)
	case *Set:
		return setText(v)
	case *Sorted:
		return sortedText(v)
	}
	return nil
}

// written is a value as it is in a snapshot, read again.
func written(t *testing.T, v Value) Value {
	t.Helper()
	var b bytes.Buffer
	e := &encoder{w: &b, version: SnapshotVersion}
	v.write(e)
	e.flush(true)
	d := newDecoder(&b)
	back := d.value(typeNumber(v))
	if d.err != nil {
		t.Fatal(d.err)
	}
	return back
}

// holdAgainst insists that v has these elements, counts bytes as a value that was made anew of them, and
// is the same after a snapshot.
func holdAgainst(t *testing.T, v Value, want pocket) {
	t.Helper()
	if got := valueText(v); !slices.Equal(got, want) || v.Len() != len(want) {
		t.Fatalf("%s of %d: %q, want %q", v.Type(), v.Len(), got, want)
	}
	back := written(t, v)
	if got := valueText(back); !slices.Equal(got, want) || back.cost() != v.cost() {
		t.Fatalf("%s after a snapshot: %q of %d bytes, want %q of %d", v.Type(), got, back.cost(), want, v.cost())
	}
}

// changer makes random changes to a value and to its model.
type changer struct {
	*rand.Rand
	hash   map[string]string
	list   pocket
	set    map[string]bool
	sorted map[string]float64
}

func newChanger(seed uint64) *changer {
	return &changer{
		Rand: rand.New(rand.NewPCG(seed, 1)), hash: map[string]string{}, set: map[string]bool{}, sorted: map[string]float64{},
	}
}

func (c *changer) word() string { return strings.Repeat("w", c.IntN(4)) + fmt.Sprint(c.IntN(40)) }

// change changes v once, and the model of its type; it returns what the model holds then.
func (c *changer) change(t *testing.T, v Value) pocket {
	t.Helper()
	word, other := c.word(), c.word()
	switch v := v.(type) {
	case *Hash:
		_, had := c.hash[word]
		if c.IntN(3) > 0 {
			if v.Set(word, other) == had {
				t.Fatalf("whether %q is new", word)
			}
			c.hash[word] = other
		} else if delete(c.hash, word); v.Delete(word) != had {
			t.Fatalf("whether %q was there", word)
		}
	case *List:
		c.changeList(t, v, word)
	case *Set:
		had := c.set[word]
		if c.IntN(3) > 0 {
			if v.Add(word) == had {
				t.Fatalf("whether %q is new", word)
			}
			c.set[word] = true
		} else if delete(c.set, word); v.Remove(word) != had {
			t.Fatalf("whether %q was there", word)
		}
	case *Sorted:
		_, had := c.sorted[word]
		if score := float64(c.IntN(9)) / 4; c.IntN(3) > 0 {
			if v.Set(word, score) == had {
				t.Fatalf("whether %q is new", word)
			}
			c.sorted[word] = score
		} else if delete(c.sorted, word); v.Remove(word) != had {
			t.Fatalf("whether %q was there", word)
		}
	}
	return c.model(v)
}

func (c *changer) changeList(t *testing.T, l *List, word string) {
	t.Helper()
	n := len(c.list)
	switch what := c.IntN(7); {
	case what == 0:
		l.PushFront(word)
		c.list = slices.Insert(c.list, 0, word)
	case what == 1 || n == 0:
		l.PushBack(word)
		c.list = append(c.list, word)
	case what < 4:
		i := c.IntN(n + 1)
		l.InsertAt(i, word)
		c.list = slices.Insert(c.list, i, word)
	case what == 4:
		i := c.IntN(n)
		l.SetAt(i, word)
		c.list[i] = word
	case what == 5 || c.IntN(10) > 0:
		i := c.IntN(n)
		if got := l.RemoveAt(i); got != c.list[i] {
			t.Fatalf("%q stood at %d, not %q", got, i, c.list[i])
		}
		c.list = slices.Delete(c.list, i, i+1)
	default:
		i := c.IntN(n)
		count := c.IntN(n - i + 1)
		l.Keep(i, count)
		c.list = slices.Clone(c.list[i : i+count])
	}
}

// model is the elements that a value should have.
func (c *changer) model(v Value) (p pocket) {
	switch v.(type) {
	case *Hash:
		for _, field := range slices.Sorted(maps.Keys(c.hash)) {
			p = append(p, field+"="+c.hash[field])
		}
	case *List:
		p = slices.Clone(c.list)
	case *Set:
		p = slices.Sorted(maps.Keys(c.set))
	case *Sorted:
		members := slices.Sorted(maps.Keys(c.sorted))
		slices.SortStableFunc(members, func(a, b string) int {
			switch x, y := c.sorted[a], c.sorted[b]; {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		})
		for _, member := range members {
			p = append(p, fmt.Sprint(c.sorted[member], " ", member))
		}
	}
	return p
}

func emptyValues() []Value { return []Value{NewHash(), NewList(), NewSet(), NewSorted()} }

// Values do what simple models do. Copies stay as they were made, and every change is taken back by what
// it noted.
func TestValues(t *testing.T) {
	for _, v := range emptyValues() {
		t.Run(v.Type(), func(t *testing.T) {
			for seed := range uint64(20) {
				c := newChanger(seed)
				v := v.copied()
				var journal []undo
				*v.holder() = holding{1, &journal}
				copies, texts := []Value{v.copied()}, []pocket{nil}
				for n := range 300 {
					want := c.change(t, v)
					if n%7 == 0 {
						holdAgainst(t, v, want)
					}
					if n%50 == 0 {
						copies, texts = append(copies, v.copied()), append(texts, want)
					}
				}
				for i := range copies {
					holdAgainst(t, copies[i], texts[i])
				}
				for i := len(journal) - 1; i >= 0; i-- {
					journal[i].back()
				}
				holdAgainst(t, v, nil)
				for i := range copies {
					holdAgainst(t, copies[i], texts[i])
				}
			}
		})
	}
}

// Where there is no room left between two elements, all get new numbers.
func TestListInsertBetween(t *testing.T) {
	l := NewList()
	var want pocket
	for _, s := range []string{"first", "last"} {
		l.PushBack(s)
		want = append(want, s)
	}
	for i := range 200 {
		l.InsertAt(1, fmt.Sprint(i))
		want = slices.Insert(want, 1, fmt.Sprint(i))
		holdAgainst(t, l, want)
	}
	back := pocket{}
	l.EachBack(l.Len()-1, func(element string) bool { back = append(back, element); return true })
	slices.Reverse(back)
	if !slices.Equal(back, want) {
		t.Errorf("backwards: %q", back)
	}
}

// Places and ranks of a sorted set are those of its order.
func TestSortedPlaces(t *testing.T) {
	s := NewSorted()
	for i := range 500 {
		s.Set(fmt.Sprintf("%03d", i*7%500), float64(i%10))
	}
	names := map[string]bool{}
	for i := range s.Len() {
		v := s.At(i)
		if got := s.Rank(v); got != i {
			t.Fatalf("%v has rank %d at %d", v, got, i)
		}
		if i > 0 && !scoredBefore(s.At(i-1), v) {
			t.Fatalf("%v does not come behind %v", v, s.At(i-1))
		}
		names[s.NameAt(i)] = true
	}
	if len(names) != 500 || s.Rank(Scored{"", 5}) != 250 || s.Rank(Scored{"", 99}) != 500 {
		t.Errorf("%d names, %d before 5", len(names), s.Rank(Scored{"", 5}))
	}
	var back pocket
	s.EachBack(499, func(v Scored) bool { back = append(back, v.Member); return len(back) < 3 })
	if want := (pocket{s.At(499).Member, s.At(498).Member, s.At(497).Member}); !slices.Equal(back, want) {
		t.Errorf("backwards %q, want %q", back, want)
	}
}

// A view, and a key that was copied, stay as they are while the value is changed in its place.
func TestValuesSeenByOthers(t *testing.T) {
	for _, empty := range emptyValues() {
		t.Run(empty.Type(), func(t *testing.T) {
			m := New(nowhere{})
			m.nodes.level = VersionData
			tx := &Tx{m: m, write: true}
			c := newChanger(7)
			v := empty.copied()
			for range 20 {
				c.change(t, v)
			}
			tx.Put(nil, "k", v)
			first := valueText(v)
			tx.Move(tx.Get("k"), "other")
			view := m.View()
			change := func() {
				it, v := tx.Get("k"), empty.copied()
				if it != nil {
					v = Own[Value](tx, it)
				}
				want := c.change(t, v)
				tx.Put(it, "k", v)
				if got := at(tx, "k"); !slices.Equal(got, want) {
					t.Fatalf("%q, want %q", got, want)
				}
			}
			for range 30 {
				change()
			}
			middle, before := at(tx, "k"), m.mark()
			for range 30 {
				change()
			}
			m.undoTo(before)
			for name, got := range map[string]Value{
				"in the view": view.m.itemAt(0, "k").Value(), "of the copy": tx.Get("other").Value(),
			} {
				if !slices.Equal(valueText(got), first) {
					t.Errorf("the value %s is %q, it was %q", name, valueText(got), first)
				}
			}
			if got := at(tx, "k"); !slices.Equal(got, middle) {
				t.Errorf("after the undo %q, before %q", got, middle)
			}
			m.journal, m.effects = nil, nil
			if err := m.Check(); err != nil {
				t.Error(err)
			}
		})
	}
}

// at is the elements of what stands at key.
func at(tx *Tx, key string) pocket {
	if it := tx.Get(key); it != nil {
		return valueText(it.Value())
	}
	return nil
}

// nowhere runs nothing.
type nowhere struct{}

func (nowhere) Run(*Tx, [][]byte) Reply   { return Reply{} }
func (nowhere) Match(string, string) bool { return false }

// Numbers that a command draws are any of those asked for, differ within a command, and are the same on
// all nodes.
func TestDrawing(t *testing.T) {
	m := New(nowhere{})
	m.at.nonce = 12345
	draw := func() (list []int) {
		tx := Tx{m: m, who: Caller{Seq: 9, Conn: 3}}
		for range 10_000 {
			list = append(list, tx.Random(10))
		}
		return list
	}
	list := draw()
	if !slices.Equal(list, draw()) {
		t.Error("another draw gives others")
	}
	counts := make([]int, 10)
	for _, n := range list {
		counts[n]++
	}
	for n, count := range counts {
		if count < 850 || count > 1150 {
			t.Errorf("%d was drawn %d times of 10,000", n, count)
		}
	}
}
