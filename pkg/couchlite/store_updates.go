package couchlite

import (
	"container/list"
	"slices"
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

// updateLog keeps the last event of every database, for _db_updates. It
// begins with an event for each that is there when the server starts.
type updateLog struct {
	mu          sync.Mutex
	incarnation string
	seq         int64
	last        map[string]*list.Element // of events
	events      *list.List               // of updateEvent, oldest first
	changed     chan struct{}            // closed by the next event
}

// updateEvent is the last that happened to a database.
type updateEvent struct {
	name, kind string
	seq        int64
}

func newUpdateLog(names []string) *updateLog {
	l := &updateLog{incarnation: randomHex(8), last: map[string]*list.Element{}, events: list.New(), changed: make(chan struct{})}
	for _, name := range names {
		l.add(name, updateUpdated)
	}
	return l
}

func (l *updateLog) add(name, kind string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seq++
	event := updateEvent{name, kind, l.seq}
	if at, ok := l.last[name]; ok {
		at.Value = event
		l.events.MoveToBack(at)
	} else {
		l.last[name] = l.events.PushBack(event)
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

// since returns the events after seq in their order, and the log's last.
func (l *updateLog) since(seq int64) (events []updateEvent, last int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for at := l.events.Back(); at != nil; at = at.Prev() {
		e, ok := at.Value.(updateEvent)
		if !ok || e.seq <= seq {
			break
		}
		events = append(events, e)
	}
	slices.Reverse(events)
	return events, l.seq
}

// next returns a channel that is closed by the next event.
func (l *updateLog) next() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
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

// watch returns a channel that is closed after the next commit to the
// database, or its deletion, or Close.
func (s *dbStore) watch(name string) <-chan struct{} {
	s.topicsMu.Lock()
	defer s.topicsMu.Unlock()
	ch, ok := s.topics[name]
	if !ok {
		ch = make(chan struct{})
		s.topics[name] = ch
	}
	return ch
}

// committed wakes those who watch the database and records the event.
func (s *dbStore) committed(name, kind string) {
	s.topicsMu.Lock()
	if ch, ok := s.topics[name]; ok {
		close(ch)
		delete(s.topics, name)
	}
	s.topicsMu.Unlock()
	s.updates.add(name, kind)
}
