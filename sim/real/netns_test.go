package real

import "testing"

// TestCutTwice cuts a way for two faults that meet: it opens once both are over, and not before.
func TestCutTwice(t *testing.T) {
	onRequest(t)
	w := aNetwork(t)
	defer w.Close()
	from, to := new(Node), new(Node)
	for _, n := range []*Node{from, to} {
		if err := w.Join(n); err != nil {
			t.Fatal(err)
		}
	}
	for i, step := range []struct {
		do   func(from, to *Node) error
		open bool
	}{{w.Cut, false}, {w.Cut, false}, {w.Heal, false}, {w.Heal, true}, {w.Cut, false}} {
		if err := step.do(from, to); err != nil {
			t.Fatal(err)
		}
		// what the router would do with a packet that comes from the one
		err := w.ip("-n " + w.name + " route get " + to.Host + " from " + from.Host + " iif node1")
		if open := err == nil; open != step.open {
			t.Fatalf("after step %d the way is open: %v (%v)", i, open, err)
		}
	}
}
