// Package turns bounds how many calls to a server wait for it at a time, and
// has accounts take turns, so that a busy one holds up no other.
package turns

import (
	"container/list"
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

// The bounds of a queue.
const (
	// Default is how many places a queue has that asks for none.
	Default     = 128
	lineLength  = 1_000           // calls of one account that may wait
	queueLength = 10_000          // calls that may wait
	longestWait = 5 * time.Second // for a turn
)

// ErrCrowded is that a call would wait for too long.
var ErrCrowded = errors.New("too many calls wait for the server already")

// Queue bounds how many calls wait for the server at a time, until it begins
// to answer. Each account, and each database that is none's, has a line of its
// own; the lines take turns, and one line gets half of the places at most, so
// that a busy account holds up no other. A call that would wait for too long
// is refused early.
type Queue struct {
	places, perLine int

	mu      sync.Mutex
	taken   int
	waiting int
	lines   map[string]*line
	turns   *list.List // lines that have calls waiting; the front is next
}

type line struct {
	taken int
	calls list.List     // of chan struct{}, closed when the call may go
	turn  *list.Element // nil where none waits
}

// New returns a queue with so many places; 0 means [Default].
func New(places int) *Queue {
	if places <= 0 {
		places = Default
	}
	return &Queue{places: places, perLine: max(1, places/2), lines: map[string]*line{}, turns: list.New()}
}

// LineOf is the line of a request by its escaped path: an account's database
// and those of its months share one.
func LineOf(path string) string {
	db, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if strings.HasPrefix(db, "account") {
		db, _, _ = strings.Cut(db, "-")
	}
	return db
}

// Enter waits for a place. The caller leaves when the server has begun to
// answer; it may enter again before it has read the answer.
func (q *Queue) Enter(ctx context.Context, name string) (leave func(), err error) {
	q.mu.Lock()
	l := q.lines[name]
	if l == nil {
		l = &line{}
		q.lines[name] = l
	}
	leave = func() { q.leave(name, l) }
	if q.taken < q.places && l.taken < q.perLine {
		q.taken++
		l.taken++
		q.mu.Unlock()
		return leave, nil
	}
	if l.calls.Len() >= lineLength || q.waiting >= queueLength {
		q.mu.Unlock()
		return nil, ErrCrowded
	}
	granted := make(chan struct{})
	call := l.calls.PushBack(granted)
	q.waiting++
	if l.turn == nil {
		l.turn = q.turns.PushBack(l)
	}
	q.mu.Unlock()
	timer := time.NewTimer(longestWait)
	defer timer.Stop()
	select {
	case <-granted:
		return leave, nil
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-timer.C:
		err = ErrCrowded
	}
	if !q.abandon(name, l, call, granted) {
		leave()
	}
	return nil, err
}

// abandon takes a call out of its line; false if it was granted meanwhile.
func (q *Queue) abandon(name string, l *line, call *list.Element, granted <-chan struct{}) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case <-granted:
		return false
	default:
	}
	l.calls.Remove(call)
	q.waiting--
	if l.calls.Len() == 0 {
		q.turns.Remove(l.turn)
		l.turn = nil
	}
	q.forget(name, l)
	return true
}

func (q *Queue) leave(name string, l *line) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken--
	l.taken--
	q.grant()
	q.forget(name, l)
}

// grant gives free places away, one a line and turn.
func (q *Queue) grant() {
	for turn := q.turns.Front(); turn != nil && q.taken < q.places; {
		l, next := turn.Value.(*line), turn.Next()
		if l.taken < q.perLine {
			first := l.calls.Front()
			close(l.calls.Remove(first).(chan struct{}))
			q.waiting--
			q.taken++
			l.taken++
			if l.calls.Len() == 0 {
				q.turns.Remove(turn)
				l.turn = nil
			} else {
				q.turns.MoveToBack(turn)
			}
		}
		turn = next
	}
}

// forget drops a line that nobody is in.
func (q *Queue) forget(name string, l *line) {
	if l.taken == 0 && l.calls.Len() == 0 {
		delete(q.lines, name)
	}
}
