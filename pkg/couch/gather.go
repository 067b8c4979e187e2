package couch

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-kivik/kivik/v4"

	"github.com/callflowd/callflowd/pkg/trace"
)

// CouchDB takes little longer to save ten documents of a database in one
// request than to save one, and the same holds for reading them. So calls for
// one database that come while others are under way wait for those, and are
// then sent together. A caller who is alone never waits.
const (
	gatherAtOnce = 2       // requests to a database under way before others gather
	looksAtOnce  = 1       // the same where one answer serves all who wait
	gatherCalls  = 100     // in one request
	gatherBytes  = 2 << 20 // of documents in one request
)

// gatherer joins calls of one kind. Q is what a call asks, A its answer.
type gatherer[Q, A any] struct {
	atOnce int // requests to a database under way before others gather
	alone  func(context.Context, *DB, Q) (A, error)
	// together fills in the answers of several calls. errAlone as an error means
	// that nothing was done for a call, which then is sent alone.
	together func(context.Context, *DB, []*gathered[Q, A])
	size     func(Q) int
	distinct func(Q) []string // documents that only one call of a request may be about

	mu    sync.Mutex
	lanes map[string]*lane[Q, A] // of the databases that are asked something
}

// lane is what one database is asked.
type lane[Q, A any] struct {
	running int
	waiting []*gathered[Q, A]
}

// gathered is a call that waits.
type gathered[Q, A any] struct {
	ctx    context.Context
	ask    Q
	answer A
	err    error
	done   chan struct{} // closed when answer and err are set
}

var errAlone = errors.New("the call has to be sent alone")

// call answers a call, alone if the database is asked little else. Waiting
// counts towards its time limit.
func (g *gatherer[Q, A]) call(ctx context.Context, d *DB, ask Q) (A, error) {
	ctx, cancel := d.client.limit(ctx)
	defer cancel()
	it := g.enter(ctx, d, ask)
	if it == nil {
		defer g.leave(d)
		return g.alone(ctx, d, ask)
	}
	select {
	case <-it.done:
		return it.answer, it.err
	case <-ctx.Done():
		g.forget(d, it)
		var none A
		return none, context.Cause(ctx)
	}
}

// enter takes a turn and returns nil, or a call that waits for one.
func (g *gatherer[Q, A]) enter(ctx context.Context, d *DB, ask Q) *gathered[Q, A] {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.lanes[d.name]
	if l == nil {
		l = &lane[Q, A]{}
		g.lanes[d.name] = l
	}
	if l.running < g.atOnce {
		l.running++
		return nil
	}
	it := &gathered[Q, A]{ctx: ctx, ask: ask, done: make(chan struct{})}
	l.waiting = append(l.waiting, it)
	return it
}

// leave passes a turn on to those who wait.
func (g *gatherer[Q, A]) leave(d *DB) {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.lanes[d.name]
	if next := g.take(l); len(next) > 0 {
		go g.send(d, next)
		return
	}
	l.running--
	if l.running == 0 {
		delete(g.lanes, d.name)
	}
}

// take takes as many of those who wait as go into one request, in order. Two
// writers of one document never do: the server would take the second for a
// repetition of the first if they write the same.
func (g *gatherer[Q, A]) take(l *lane[Q, A]) (next []*gathered[Q, A]) {
	bytes, about := 0, map[string]bool{}
	l.waiting = slices.DeleteFunc(l.waiting, func(it *gathered[Q, A]) bool {
		ids := g.distinct(it.ask)
		full := len(next) == gatherCalls || len(next) > 0 && bytes+g.size(it.ask) > gatherBytes
		if full || slices.ContainsFunc(ids, func(id string) bool { return about[id] }) {
			return false
		}
		for _, id := range ids {
			about[id] = true
		}
		bytes += g.size(it.ask)
		next = append(next, it)
		return true
	})
	return next
}

// forget takes a call back, unless it was sent.
func (g *gatherer[Q, A]) forget(d *DB, it *gathered[Q, A]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if l := g.lanes[d.name]; l != nil {
		l.waiting = slices.DeleteFunc(l.waiting, func(other *gathered[Q, A]) bool { return other == it })
	}
}

// send sends calls, which have a turn. One caller who leaves does not take the
// answer from the others.
func (g *gatherer[Q, A]) send(d *DB, calls []*gathered[Q, A]) {
	defer g.leave(d)
	if len(calls) > 1 {
		began := time.Now()
		g.together(context.WithoutCancel(calls[0].ctx), d, calls)
		for _, it := range calls[1:] {
			trace.Count(it.ctx, time.Since(began))
		}
	}
	for _, it := range calls {
		if len(calls) == 1 || errors.Is(it.err, errAlone) {
			it.answer, it.err = g.alone(it.ctx, d, it.ask)
		}
		close(it.done)
	}
}

// saving is what is to be saved: documents, or one by a request of its own.
type saving struct {
	ids    []string
	bodies []json.RawMessage
	single bool
}

func newSaves() *gatherer[saving, []kivik.BulkResult] {
	return &gatherer[saving, []kivik.BulkResult]{
		atOnce: gatherAtOnce,
		lanes:  map[string]*lane[saving, []kivik.BulkResult]{},
		alone:  func(ctx context.Context, d *DB, s saving) ([]kivik.BulkResult, error) { return s.send(ctx, d) },
		size: func(s saving) (n int) {
			for _, body := range s.bodies {
				n += len(body)
			}
			return n
		},
		distinct: func(s saving) []string { return s.ids },
		together: saveTogether,
	}
}

func (s saving) send(ctx context.Context, d *DB) ([]kivik.BulkResult, error) {
	ctx, cancel := d.client.limit(ctx)
	defer cancel()
	if s.single {
		rev, err := d.kivik.Put(ctx, s.ids[0], s.bodies[0])
		return []kivik.BulkResult{{ID: s.ids[0], Rev: rev}}, cause(ctx, err)
	}
	rows, err := d.kivik.BulkDocs(ctx, anys(s.bodies), kivik.Params(nil))
	return rows, cause(ctx, err)
}

// saveTogether saves what several calls want saved. One document that the
// server does not take at all makes it refuse the request as a whole, before
// it saves anything.
func saveTogether(ctx context.Context, d *DB, calls []*gathered[saving, []kivik.BulkResult]) {
	var all saving
	for _, it := range calls {
		all.ids, all.bodies = append(all.ids, it.ask.ids...), append(all.bodies, it.ask.bodies...)
	}
	rows, err := all.send(ctx, d)
	switch status := kivik.HTTPStatus(err); {
	case err != nil && (status == http.StatusBadRequest || status == http.StatusRequestEntityTooLarge):
		err = errAlone
	case err == nil && len(rows) != len(all.ids):
		err = errors.New("the server answered for another number of documents")
	}
	for _, it := range calls {
		it.err = err
		if err != nil {
			continue
		}
		it.answer, rows = rows[:len(it.ask.ids):len(it.ask.ids)], rows[len(it.ask.ids):]
		if refused := it.answer[0].Error; it.ask.single && refused != nil {
			it.err = refused
			if kivik.HTTPStatus(refused) != http.StatusConflict {
				it.err = errAlone // which tells more
			}
		}
	}
}

func newReads() *gatherer[string, json.RawMessage] {
	return &gatherer[string, json.RawMessage]{
		atOnce:   gatherAtOnce,
		lanes:    map[string]*lane[string, json.RawMessage]{},
		alone:    func(ctx context.Context, d *DB, id string) (json.RawMessage, error) { return d.read(ctx, id, nil) },
		size:     func(string) int { return 0 },
		distinct: func(string) []string { return nil },
		together: readTogether,
	}
}

// readTogether reads the documents of several calls.
func readTogether(ctx context.Context, d *DB, calls []*gathered[string, json.RawMessage]) {
	var ids []string
	for _, it := range calls {
		ids = append(ids, it.ask)
	}
	slices.Sort(ids)
	found, failed := map[string]json.RawMessage{}, error(nil)
	for row, err := range d.AllDocs(ctx, Query{Keys: keysOf(slices.Compact(ids)), IncludeDocs: true}) {
		if err != nil {
			failed = err
			break
		}
		if len(row.Doc) > 0 && string(row.Doc) != "null" {
			found[row.ID] = row.Doc
		}
	}
	for _, it := range calls {
		if it.answer, it.err = found[it.ask], failed; failed == nil && it.answer == nil {
			it.err = d.absent(it.ask, "get")
		}
	}
}

// newLooks is for callers who ask whether a database is there.
func newLooks() *gatherer[struct{}, bool] {
	return &gatherer[struct{}, bool]{
		atOnce:   looksAtOnce,
		lanes:    map[string]*lane[struct{}, bool]{},
		alone:    func(ctx context.Context, d *DB, _ struct{}) (bool, error) { return d.exists(ctx) },
		size:     func(struct{}) int { return 0 },
		distinct: func(struct{}) []string { return nil },
		together: func(ctx context.Context, d *DB, calls []*gathered[struct{}, bool]) {
			there, err := d.exists(ctx)
			for _, it := range calls {
				it.answer, it.err = there, err
			}
		},
	}
}
