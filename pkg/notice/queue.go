package notice

import (
	"context"
	"sync"
	"time"
)

// queue holds the databases that are to be looked at, each once, and when.
// Take one, look at it, then call done: no two look at one at a time.
type queue struct {
	mu   sync.Mutex
	due  map[string]*visit
	wake chan struct{} // has room for one: something is due earlier than known
}

// visit is one database in the queue.
type visit struct {
	at    time.Time // when to look
	since time.Time // since when it has been waiting
	busy  bool
	again bool // asked for while it was busy
}

func newQueue() *queue { return &queue{due: map[string]*visit{}, wake: make(chan struct{}, 1)} }

// add has a database looked at, at that time or earlier.
func (q *queue) add(db string, at time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	v := q.due[db]
	switch {
	case v == nil:
		q.due[db] = &visit{at: at, since: time.Now()}
	case v.busy && (!v.again || at.Before(v.at)):
		v.again, v.at = true, at
	case !v.busy && at.Before(v.at):
		v.at = at
	}
	q.poke()
}

func (q *queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take waits until a database is due.
func (q *queue) take(ctx context.Context) (string, error) {
	for {
		db, next := q.earliest()
		if db != "" && next <= 0 {
			return db, nil
		}
		if db == "" {
			next = time.Hour
		}
		timer := time.NewTimer(next)
		select {
		case <-q.wake:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
	}
}

// earliest finds what is due first, and marks it as busy if it is due now.
func (q *queue) earliest() (name string, wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var first *visit
	for db, v := range q.due {
		if !v.busy && (first == nil || v.at.Before(first.at)) {
			name, first = db, v
		}
	}
	if first == nil {
		return "", 0
	}
	wait = time.Until(first.at)
	if wait <= 0 {
		first.busy = true
		q.poke() // another may be due too
	}
	return name, wait
}

// done ends a visit. If again is not zero the database is looked at again then.
func (q *queue) done(db string, again time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	v := q.due[db]
	switch {
	case v.again && (again.IsZero() || v.at.Before(again)):
	case !again.IsZero():
		v.at = again
	default:
		delete(q.due, db)
		return
	}
	v.busy, v.again = false, false
	if again.IsZero() {
		v.since = time.Now()
	}
	q.poke()
}

// backlog is how many databases wait, and since when the one does that has
// waited longest.
func (q *queue) backlog() (databases int, oldest time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, v := range q.due {
		if oldest.IsZero() || v.since.Before(oldest) {
			oldest = v.since
		}
	}
	return len(q.due), oldest
}
