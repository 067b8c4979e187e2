package couchlite

import (
	"strconv"
	"strings"
	"sync"
)

// What can happen to a database, in the words of _db_updates.
const (
	updateCreated = "created"
	updateUpdated = "updated"
	updateDeleted = "deleted"
)

// updateLog keeps the last event of every database since the server started,
// for _db_updates.
type updateLog struct {
	mu          sync.Mutex
	incarnation string
	seq         int64
	last        map[string]updateEvent
	changed     chan struct{} // closed by the next event
}

// updateEvent is the last that happened to a database.
type updateEvent struct {
	Seq  int64
	Kind string
}

func newUpdateLog() *updateLog {
	return &updateLog{incarnation: randomHex(8), last: map[string]updateEvent{}, changed: make(chan struct{})}
}

func (l *updateLog) add(name, kind string) {
	l.mu.Lock()
	l.seq++
	l.last[name] = updateEvent{l.seq, kind}
	close(l.changed)
	l.changed = make(chan struct{})
	l.mu.Unlock()
}

func (l *updateLog) encode(seq int64) string {
	return strconv.FormatInt(seq, 10) + "-" + l.incarnation
}

// decode reads a client's since; one of another run of the server starts
// from zero.
func (l *updateLog) decode(since string) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if since == "now" {
		return l.seq, nil
	}
	number, incarnation, _ := strings.Cut(since, "-")
	seq, err := strconv.ParseInt(number, 10, 64)
	if since != "" && err != nil {
		return 0, badRequest("Malformed sequence supplied in 'since' parameter.")
	}
	if incarnation != l.incarnation || seq > l.seq {
		return 0, nil
	}
	return seq, nil
}
