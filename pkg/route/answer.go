package route

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/route/index"
)

// Options are what a lookup may ask for.
type Options struct {
	Explain    bool
	Consistent bool // ask the views instead of the index
}

// Answer is the answer to a lookup.
type Answer struct {
	Number     string
	Normalized string
	index.Result
	Explanation *index.Explanation // with Options.Explain
	Callflow    *Stored            // what takes the number; nil if nothing does, or it was never read
	Unread      bool               // storage did not answer in time: Callflow is nil or an older revision
	AsOf        time.Time          // when the routes were last known to agree with the database

	// Shared are all callflows that have the number that was matched, if they are
	// several; the first takes it. Replication or another program made it so.
	Shared []string
}

// Stored is a callflow as it was read. It is shared and must not be changed.
type Stored struct {
	Doc    document.Doc
	Public json.RawMessage // the public fields, as JSON
}

// Lookup finds the callflow that takes a dialled number (contract 9.15).
// Nothing found is no error. With the database down it answers from memory or
// from the snapshot, and AsOf says how old that is.
func (s *Indexes) Lookup(ctx context.Context, accountID, dialled string, o Options) (Answer, error) {
	l, err := s.account(ctx, accountID)
	if err != nil {
		return Answer{}, err
	}
	plan := l.plan.Load().DialPlan
	a := Answer{Number: dialled, Normalized: number.Normalize(dialled, plan)}
	if o.Consistent {
		return s.consistent(ctx, l, a, o, plan)
	}
	a, err = s.fromIndex(ctx, l, a, o, plan)
	if err == nil && a.Explanation != nil {
		source(a.Explanation, "the index in memory", a, l.index)
	}
	return a, err
}

func (s *Indexes) fromIndex(ctx context.Context, l *live, a Answer, o Options, plan number.DialPlan) (Answer, error) {
	var err error
	for range 2 {
		a.AsOf = l.current()
		a.from(l.index, o, plan)
		if !a.Found {
			return a, l.doubts()
		}
		var current bool
		a.Callflow, current, err = s.document(ctx, l, a.Match.CallflowID)
		if !isCode(err, problem.BadIdentifier, problem.NotFound) {
			a.Unread = err == nil && !current
			return a, err
		}
		s.missing(ctx, l, a.Match.CallflowID)
	}
	a.Unread = a.Found
	return a, nil
}

// missing updates the index for a callflow that it has and the database has not:
// it was deleted a moment ago, or purged, which the feed does not show. A lookup
// waits for that no longer than for a document.
func (s *Indexes) missing(ctx context.Context, l *live, id string) {
	before, _ := l.index.Entry(id)
	done := make(chan struct{})
	s.spawn(func(context.Context) {
		defer close(done)
		if l.refresh(l.ctx) != nil {
			return
		}
		if now, ok := l.index.Entry(id); ok && now.Rev == before.Rev {
			l.apply([]couch.Change{{ID: id}}, nil)
		}
	})
	timer := time.NewTimer(s.cfg.Patience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// doubts returns an error if the index is known to lack changes: a lookup that
// finds nothing in it must not say that no callflow takes the number.
func (l *live) doubts() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.doubted && !l.pending {
		return nil
	}
	return &problem.Error{Code: problem.Unavailable, Msg: "the snapshot of " + l.id + " may lack changes, and the database has not been read yet"}
}

func (a *Answer) from(x *index.Index, o Options, plan number.DialPlan) {
	if o.Explain {
		e := x.Explain(a.Number, plan)
		a.Result, a.Explanation = e.Result, &e
	} else {
		a.Result = x.Lookup(a.Number, a.Normalized)
	}
	if a.Shared = nil; a.Match.Kind == index.KindNumber {
		a.Shared = x.SharedBy(a.Match.Key)
	}
}

// consistent answers from an index that it builds from the views now.
func (s *Indexes) consistent(ctx context.Context, l *live, a Answer, o Options, plan number.DialPlan) (Answer, error) {
	a.AsOf = time.Now()
	entries := map[string]*index.Entry{}
	for _, n := range append(index.Forms(a.Number, a.Normalized), index.NoMatch) {
		err := l.eachRow(ctx, "listing_by_number", couch.Query{Key: n}, func(id, key string) {
			e := entry(entries, id)
			e.Numbers = append(e.Numbers, key)
		})
		if err != nil {
			return Answer{}, err
		}
	}
	err := l.eachRow(ctx, "listing_by_pattern", couch.Query{}, func(id, key string) {
		e := entry(entries, id)
		e.Patterns = append(e.Patterns, key)
	})
	if err != nil {
		return Answer{}, err
	}
	fresh := index.New()
	changes := make([]index.Change, 0, len(entries))
	for id, e := range entries {
		changes = append(changes, index.Change{ID: id, Entry: e})
	}
	fresh.Update(changes)
	a.from(fresh, o, plan)
	if a.Found {
		doc, err := l.db.Get(ctx, a.Match.CallflowID)
		if err != nil {
			return Answer{}, err
		}
		a.Callflow = newStored(doc)
	}
	if a.Explanation != nil {
		source(a.Explanation, "the views of the database", a, fresh)
	}
	return a, nil
}

func entry(entries map[string]*index.Entry, id string) *index.Entry {
	if entries[id] == nil {
		entries[id] = &index.Entry{CallflowID: id, Name: id}
	}
	return entries[id]
}

// eachRow calls fn for every row of a view of Kazoo's whose key is a string.
func (l *live) eachRow(ctx context.Context, view string, q couch.Query, fn func(id, key string)) error {
	for row, err := range l.db.View(ctx, "callflows", view, q) {
		if err != nil {
			return err
		}
		var key string
		if bytes.HasPrefix(row.Key, []byte(`"`)) && json.Unmarshal(row.Key, &key) == nil {
			fn(row.ID, key)
		}
	}
	return nil
}

// source adds steps that say where the answer comes from, how old that is, and at
// which revision the callflow was indexed. The document may be at another
// revision: it may have been read later, or kept from before.
func source(e *index.Explanation, name string, a Answer, x *index.Index) {
	age := max(time.Since(a.AsOf), 0).Round(time.Millisecond)
	e.Step("source", fmt.Sprintf("%s, known to agree with the database %s ago", name, age), a.AsOf.UTC().Format(time.RFC3339))
	if !a.Found {
		return
	}
	entry, _ := x.Entry(a.Match.CallflowID)
	result := fmt.Sprintf("callflow %s (%s)", entry.CallflowID, entry.Name)
	if entry.Rev != "" {
		result += ", at revision " + entry.Rev + " when indexed"
	}
	if a.Callflow == nil {
		e.Step("callflow", result+"; its document cannot be read just now", "")
		return
	}
	e.Step("callflow", result+"; its document is shown as stored", a.Callflow.Doc.Rev())
}
