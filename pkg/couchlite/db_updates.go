package couchlite

import (
	"context"
	"fmt"
	"slices"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

// databaseUpdates serves /_db_updates.
func (q *request) databaseUpdates() error {
	o, err := q.feedOptions()
	if err != nil {
		return err
	}
	limit, err := q.feedLimit()
	if err != nil {
		return err
	}
	since, err := q.s.store.Updates().Decode(q.query.Get("since"))
	if err != nil {
		return err
	}
	return runFeed(q, &updatesFeed{log: q.s.store.Updates(), last: since, limit: limit, descending: q.flag("descending")}, o)
}

// updatesFeed is a feed of what happens to databases: of each the last event,
// as CouchDB gives it.
type updatesFeed struct {
	log        *store.UpdateLog
	last       int64
	limit      int
	descending bool
}

func (f *updatesFeed) emit(_ context.Context, out *feedWriter) (n int, done bool, err error) {
	events, reached := f.log.Since(f.last)
	if f.descending {
		slices.Reverse(events)
	}
	for _, e := range events {
		if f.limit == 0 {
			return n, true, out.err()
		}
		f.limit--
		n++
		f.last = e.Seq
		seq := f.log.Encode(e.Seq)
		line := append(ejson.AppendString(append(out.begin(), `{"db_name":`...), e.Name), `,"type":"`...)
		out.end(append(line, fmt.Sprintf(`%s","seq":"%s"}`, e.Kind, seq)...), seq)
	}
	f.last = max(f.last, reached)
	return n, f.descending, out.err()
}

func (f *updatesFeed) watch() <-chan struct{} {
	return f.log.Next()
}

func (f *updatesFeed) park() {}

func (f *updatesFeed) resume(context.Context) (bool, error) { return true, nil }

func (f *updatesFeed) lastSeq() string { return f.log.Encode(f.last) }

func (f *updatesFeed) pending(context.Context) (int64, error) { return -1, nil }
