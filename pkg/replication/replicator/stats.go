package replicator

import (
	"encoding/json"
	"time"
)

// Stats tell how far a replication is. The counts are those of CouchDB's
// replicator, since the start of this [Replication].
type Stats struct {
	MissingChecked, MissingFound int64 // revisions asked of the target, and not there
	DocsRead, DocsWritten        int64 // revisions
	DocWriteFailures             int64
	BulkGetAttempts, BulkGetDocs int64
	Bytes                        int64 // of documents and attachments written

	Pending      int64     // changes to look at; -1: unknown
	Through      string    // sequence of the source up to which all is copied, "" at the start
	Checkpointed string    // and that is recorded
	Started      time.Time // when New was called
	Current      bool      // the source has nothing new, as far as is known
	CurrentAt    time.Time // when that was last so
	Failures     int       // attempts that were broken off
	Err          error     // of the last attempt; nil once it went on
	Refused      []Refusal // the last documents that the target refused
}

// Refusal is a document that the target did not take.
type Refusal struct{ ID, Rev, Reason string }

// maxRefusals bounds the list of [Stats].
const maxRefusals = 20

// Lag is how far the target may be behind: 0 while nothing is pending.
func (s Stats) Lag(now time.Time) time.Duration {
	switch {
	case s.Current:
		return 0
	case s.CurrentAt.IsZero():
		return now.Sub(s.Started)
	}
	return now.Sub(s.CurrentAt)
}

// Stats tells how far the replication is.
func (r *Replication) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stats
	s.Refused = append([]Refusal(nil), s.Refused...)
	return s
}

func (r *Replication) note(change func(*Stats)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.stats)
}

// through notes that everything up to a sequence is copied.
func (r *Replication) through(seq json.RawMessage, pending int64, current bool) {
	r.note(func(s *Stats) {
		s.Through, s.Pending, s.Current, s.Err = string(seq), pending, current, nil
		if current {
			s.Pending, s.CurrentAt = 0, time.Now()
		}
	})
}

// refused notes documents that the target does not take.
func (r *Replication) refused(one Refusal) {
	r.note(func(s *Stats) {
		s.DocWriteFailures++
		s.Refused = append(s.Refused, one)
		if len(s.Refused) > maxRefusals {
			s.Refused = s.Refused[1:]
		}
	})
}
