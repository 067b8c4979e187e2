package store

import (
	"container/list"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
)

// What can happen to a database, in the words of _db_updates.
const (
	updateCreated = "created"
	updateUpdated = "updated"
	updateDeleted = "deleted"
)

// UpdateLog keeps the last event of every database, for _db_updates. When the
// server starts it has one event for each database.
type UpdateLog struct {
	mu          sync.Mutex
	Incarnation string
	seq         int64
	last        map[string]*list.Element // of events
	events      *list.List               // of UpdateEvent, oldest first
	changed     chan struct{}            // closed by the next event
}

// UpdateEvent is the last that happened to a database.
type UpdateEvent struct {
	Name, Kind string
	Seq        int64
}

func newUpdateLog(names []string) *UpdateLog {
	l := &UpdateLog{Incarnation: RandomHex(8), last: map[string]*list.Element{}, events: list.New(), changed: make(chan struct{})}
	for _, name := range names {
		l.add(name, updateUpdated)
	}
	return l
}

func (l *UpdateLog) add(name, kind string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seq++
	event := UpdateEvent{name, kind, l.seq}
	if at, ok := l.last[name]; ok {
		at.Value = event
		l.events.MoveToBack(at)
	} else {
		l.last[name] = l.events.PushBack(event)
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

// Since returns the events after seq in their order, and the log's last.
func (l *UpdateLog) Since(seq int64) (events []UpdateEvent, last int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for at := l.events.Back(); at != nil; at = at.Prev() {
		e, ok := at.Value.(UpdateEvent)
		if !ok || e.Seq <= seq {
			break
		}
		events = append(events, e)
	}
	slices.Reverse(events)
	return events, l.seq
}

// Next returns a channel that is closed by the next event.
func (l *UpdateLog) Next() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

// Encode writes a sequence of the log as clients see it.
func (l *UpdateLog) Encode(seq int64) string {
	return strconv.FormatInt(seq, 10) + "-" + l.Incarnation
}

// Decode reads a client's since; one of another run of the server starts
// from zero.
func (l *UpdateLog) Decode(since string) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if since == "now" {
		return l.seq, nil
	}
	number, incarnation, _ := strings.Cut(since, "-")
	seq, err := strconv.ParseInt(number, 10, 64)
	if since != "" && err != nil {
		return 0, fault.BadRequest("Malformed sequence supplied in 'since' parameter.")
	}
	if incarnation != l.Incarnation || seq > l.seq {
		return 0, nil
	}
	return seq, nil
}

// Watch returns a channel that is closed after the next commit to the
// database, or its deletion, or Close.
func (s *Store) Watch(name string) <-chan struct{} {
	s.topicsMu.Lock()
	defer s.topicsMu.Unlock()
	ch, ok := s.topics[name]
	if !ok {
		ch = make(chan struct{})
		s.topics[name] = ch
	}
	return ch
}

// committed closes the channels from [Store.Watch] and records the event.
func (s *Store) committed(name, kind string) {
	s.topicsMu.Lock()
	if ch, ok := s.topics[name]; ok {
		close(ch)
		delete(s.topics, name)
	}
	s.topicsMu.Unlock()
	s.updates.add(name, kind)
}

// EncodeSeq writes an update sequence as clients see it: the number and,
// opaque to them, which incarnation of the database it counts.
func (db *Database) EncodeSeq(seq int64) string {
	return strconv.FormatInt(seq, 10) + "-" + db.state.Load().Incarnation
}

// DecodeSeq reads a client's since. A sequence of another incarnation, or one
// not reached yet, starts over from zero.
func (db *Database) DecodeSeq(since string) (int64, error) {
	st := db.state.Load()
	switch since {
	case "", "0":
		return 0, nil
	case "now":
		return st.Seq, nil
	}
	number, incarnation, _ := strings.Cut(since, "-")
	seq, err := strconv.ParseInt(number, 10, 64)
	if err != nil || seq < 0 {
		return 0, fault.BadRequest("Malformed sequence supplied in 'since' parameter.")
	}
	if incarnation != "" && incarnation != st.Incarnation || seq > st.Seq {
		return 0, nil
	}
	return seq, nil
}

// NewID returns an id of 32 hex digits for a document that has none: the time
// in microseconds, so that new ids sort after older ones, then random digits.
// CouchDB calls it utc_random.
func NewID() string { return fmt.Sprintf("%014x", time.Now().UnixMicro()) + RandomHex(9) }

// RandomHex returns n random bytes in hex.
func RandomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, says its documentation
	return hex.EncodeToString(b)
}
