// The scan of a log through raft's own interface, for stores whose files this package does not read
// itself.
package storage

import (
	"github.com/hashicorp/raft"
)

// scanStore reads the whole log once, from first to last; GetLog checks each entry.
func scanStore(log *guardedLog) (span, error) {
	var s span
	var err error
	if s.first, err = log.FirstIndex(); err != nil {
		return s, err
	}
	if s.last, err = log.LastIndex(); err != nil || s.last == 0 {
		return s, err
	}
	for index := s.first; index <= s.last; index++ {
		var entry raft.Log
		if err := log.GetLog(index, &entry); err != nil {
			return s, corrupt(log.file, "entry %d cannot be read (%v)", index, err)
		}
		if entry.Term < s.term {
			return s, corrupt(log.file, "entry %d goes back from term %d to %d", index, s.term, entry.Term)
		}
		s.term = entry.Term
		log.meter.load(index, len(entry.Data)+len(entry.Extensions))
	}
	return s, nil
}
