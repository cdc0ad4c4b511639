// How many bytes of log there are. Snapshots are due by bytes, not by entries: entries of this log
// are batches of very different sizes, and what a restart must read and a disk must hold is bytes.

package storage

import (
	"sort"
	"sync"
)

const (
	// meterStep is the precision: one mark is kept for so many bytes, 16 bytes of memory each.
	meterStep = 256 << 10
	// entryOverhead is what the stores add to an entry's data: frame, index, term, time.
	entryOverhead = 40
)

// mark says that the entries up to index make up total bytes, counted from an arbitrary zero.
type mark struct{ index, total uint64 }

// meter has a lock and not atomics: it is used once for each append, which costs an fsync.
type meter struct {
	mu      sync.Mutex
	written uint64 // since Open
	head    uint64 // total at the last removed entry
	total   uint64
	last    uint64
	marks   []mark // rising
}

// load counts an entry found at start.
func (m *meter) load(index uint64, size int) {
	m.mu.Lock()
	m.count(index, size)
	m.mu.Unlock()
}

// add counts an entry written now.
func (m *meter) add(index uint64, size int) {
	m.mu.Lock()
	m.written += uint64(size) + entryOverhead
	m.count(index, size)
	m.mu.Unlock()
}

// count runs under the lock.
func (m *meter) count(index uint64, size int) {
	m.total += uint64(size) + entryOverhead
	m.last = index
	if n := len(m.marks); n == 0 || m.total-m.marks[n-1].total >= meterStep {
		m.marks = append(m.marks, mark{index, m.total})
	}
}

// upTo gives the total at index, at most one step too low.
func (m *meter) upTo(index uint64) uint64 {
	if index >= m.last {
		return m.total
	}
	n := sort.Search(len(m.marks), func(i int) bool { return m.marks[i].index > index })
	if n == 0 {
		return m.head
	}
	return max(m.head, m.marks[n-1].total)
}

// remove follows raft.LogStore.DeleteRange, which removes only from one of the ends.
func (m *meter) remove(from, to uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if to < m.last { // from the head
		m.head = m.upTo(to)
		n := sort.Search(len(m.marks), func(i int) bool { return m.marks[i].index > to })
		m.marks = append([]mark(nil), m.marks[max(n-1, 0):]...)
		return
	}
	if from == 0 {
		from = 1
	}
	m.total = m.upTo(from - 1)
	m.last = from - 1
	n := sort.Search(len(m.marks), func(i int) bool { return m.marks[i].index >= from })
	m.marks = m.marks[:n]
}

// read gives the bytes written since Open, those in the log, and those behind an entry.
func (m *meter) read(after uint64) (written, live, behind uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.written, m.total - m.head, m.total - m.upTo(after)
}
