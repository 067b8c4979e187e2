package couchlite

import (
	"context"
	"math"
	"strconv"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/mango"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

// changesQuery is what _changes is asked for.
type changesQuery struct {
	feed       feedOptions
	since      int64
	limit      int // -1: none
	descending bool
	allLeaves  bool // style=all_docs
	include    bool
	docs       store.DocOptions
	filter     filter
}

// changes serves _changes.
func (q *request) changes() error {
	cq, err := q.changesQuery()
	if err != nil {
		return err
	}
	if cq.filter != nil {
		defer cq.filter.close()
	}
	f := &changesFeed{request: q, changesQuery: cq, incarnation: q.db.Current().Incarnation, last: cq.since}
	if cq.descending {
		f.last = math.MaxInt64
	}
	return runFeed(q, f, cq.feed)
}

func (q *request) changesQuery() (cq changesQuery, err error) {
	if cq.feed, err = q.feedOptions(); err != nil {
		return cq, err
	}
	if cq.limit, err = q.feedLimit(); err != nil {
		return cq, err
	}
	cq.descending, cq.include = q.flag("descending"), q.flag("include_docs")
	cq.docs = store.DocOptions{Conflicts: q.flag("conflicts"), Attachments: q.flag("attachments"), Encodings: q.flag("att_encoding_info")}
	since := q.query.Get("since")
	if id := q.Header.Get("Last-Event-ID"); id != "" && cq.feed.kind == feedEventSource {
		since = id
	}
	if cq.since, err = q.db.DecodeSeq(since); err != nil {
		return cq, err
	}
	if cq.descending {
		cq.since = 0 // CouchDB begins at the end, whatever since says
	}
	switch style := q.query.Get("style"); style {
	case "", "main_only":
	case "all_docs":
		cq.allLeaves = true
	default:
		return cq, fault.BadRequest("Unknown style: " + style)
	}
	cq.filter, err = q.changesFilter()
	return cq, err
}

// changesFeed is a feed of one database's changes.
type changesFeed struct {
	*request
	changesQuery
	incarnation string
	last        int64 // the client has every change up to this update sequence
	unseen      int64 // with a direct filter: how many changes it did not look at
}

// emit writes the changes since the last and returns how many there were.
// done means that the limit is reached.
func (f *changesFeed) emit(ctx context.Context, out *feedWriter) (n int, done bool, err error) {
	if f.filter != nil && f.filter.direct() {
		from := f.span()
		if f.unseen, err = f.db.CountChanges(ctx, from.After, from.Before); err != nil {
			return 0, false, err
		}
		defer func() { f.unseen -= int64(n) }()
	}
	if f.limit == 0 {
		return 0, true, nil
	}
	for {
		reached := f.db.Current().Seq
		rows, err := f.db.ChangeRows(ctx, f.span())
		if err != nil {
			return n, false, err
		}
		for _, row := range rows {
			if err := ctx.Err(); err != nil {
				return n, false, err
			}
			f.last = row.Seq
			shown, err := f.show(ctx, row, out)
			if err != nil {
				return n, false, err
			}
			if !shown {
				continue
			}
			n++
			if f.limit > 0 {
				if f.limit--; f.limit == 0 {
					return n, true, out.err()
				}
			}
		}
		if len(rows) < store.Chunk {
			if !f.descending {
				f.last = max(f.last, reached)
			}
			return n, f.descending, out.err()
		}
		if err := out.err(); err != nil {
			return n, false, err
		}
	}
}

// show writes a change that the filter lets through.
func (f *changesFeed) show(ctx context.Context, row store.ChangeRow, out *feedWriter) (bool, error) {
	revs, err := f.revs(ctx, row)
	if err != nil || len(revs) == 0 {
		return false, err
	}
	line := append(out.begin(), `{"seq":"`...)
	line = append(append(line, f.seq(row.Seq)...), `","id":`...)
	line = append(ejson.AppendString(line, row.Rev.ID), `,"changes":[`...)
	for i, rev := range revs {
		if i > 0 {
			line = append(line, ',')
		}
		line = append(ejson.AppendString(append(line, `{"rev":`...), rev), '}')
	}
	line = append(line, ']')
	if row.Rev.Deleted {
		line = append(line, `,"deleted":true`...)
	}
	if f.include {
		doc, err := f.db.Render(ctx, row.Rev, f.docs)
		if err != nil {
			return false, err
		}
		line = append(append(line, `,"doc":`...), f.project(doc)...)
	}
	out.end(append(line, '}'), f.seq(row.Seq))
	return true, nil
}

// revs are the revisions that a change shows: the winner, or with
// style=all_docs every leaf, as far as the filter lets them through.
func (f *changesFeed) revs(ctx context.Context, row store.ChangeRow) ([]string, error) {
	all := f.allLeaves && row.Tree != nil
	if f.filter == nil || !all || !f.filter.needsBody() {
		if f.filter != nil {
			if ok, err := f.filter.match(row); !ok || err != nil {
				return nil, err
			}
		}
		if !all {
			return []string{row.Rev.Rev}, nil
		}
		leaves := row.Tree.Leaves()
		revs := make([]string, len(leaves))
		for i, leaf := range leaves {
			revs[i] = leaf.String()
		}
		return revs, nil
	}
	var revs []string
	for _, leaf := range row.Tree.Leaves() {
		r, err := f.db.Load(ctx, row.Rev.ID, row.Tree, leaf)
		if err != nil {
			return nil, err
		}
		ok, err := f.filter.match(store.ChangeRow{Seq: row.Seq, Rev: r, Tree: row.Tree})
		if err != nil {
			return nil, err
		}
		if ok {
			revs = append(revs, r.Rev)
		}
	}
	return revs, nil
}

// project reduces a document to the fields that the selector names, if any.
func (f *changesFeed) project(doc []byte) []byte {
	if s, ok := f.filter.(selectorFilter); ok && len(s.fields) > 0 {
		return mango.Project(doc, s.fields)
	}
	return doc
}

// span is the range of changes to read next.
func (f *changesFeed) span() store.ChangeSpan {
	s := store.ChangeSpan{After: f.last, Before: math.MaxInt64, Descending: f.descending, Bodies: f.include || f.filter != nil && f.filter.needsBody()}
	if f.descending {
		s.After, s.Before = f.since, f.last
	}
	return s
}

func (f *changesFeed) seq(n int64) string { return strconv.FormatInt(n, 10) + "-" + f.incarnation }

// lastSeq is what the client sends as since to continue.
func (f *changesFeed) lastSeq() string { return f.seq(f.last) }

// pending counts the changes after the last one written.
func (f *changesFeed) pending(ctx context.Context) (int64, error) {
	if f.filter != nil && f.filter.direct() {
		// fabric_rpc:changes counts all changes at the beginning and takes away
		// the documents that it then looks up: the others stay counted.
		return f.unseen, nil
	}
	from, to := f.last, int64(math.MaxInt64)
	if f.descending {
		from, to = f.since, f.last
	}
	if from >= f.db.Current().Seq {
		return 0, nil
	}
	return f.db.CountChanges(ctx, from, to)
}

// watch returns a channel that is closed at the next change.
func (f *changesFeed) watch() <-chan struct{} { return f.s.store.Watch(f.db.Name()) }

// park releases the database while the feed waits; resume opens it again, and
// reports false when it was deleted or created anew.
func (f *changesFeed) park() { f.leave() }

func (f *changesFeed) resume(ctx context.Context) (bool, error) {
	err := f.enter(ctx, f.db.Name())
	if fault.IsMissing(err) {
		return false, nil
	}
	return err == nil && f.db.Current().Incarnation == f.incarnation, err
}
