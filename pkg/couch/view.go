package couch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/go-kivik/kivik/v4"
	"github.com/go-kivik/kivik/v4/couchdb/chttp"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Query selects rows of a view, in CouchDB's words. The zero value selects
// all of them. A nil key means none; the key null is json.RawMessage("null").
type Query struct {
	Key, StartKey, EndKey any
	Keys                  []any // several keys, answered in this order; not nil, even if empty, counts
	StartDocID, EndDocID  string
	Descending            bool
	IncludeDocs           bool
	ExclusiveEnd          bool // leave out rows at EndKey
	Limit, Skip           int  // 0 means no limit
	Reduce                *bool
	Group                 bool
	GroupLevel            int
	Update                string // "", "true", "false" or "lazy"
}

// Row is one row of a view. Doc is nil unless documents were asked for and
// there is one. A key of Query.Keys that [DB.AllDocs] does not find gives a
// row without an ID.
type Row struct {
	ID              string
	Key, Value, Doc json.RawMessage
}

// Document decodes the row's document; nil if it has none.
func (r Row) Document() (document.Doc, error) {
	if len(r.Doc) == 0 || bytes.Equal(r.Doc, []byte("null")) {
		return nil, nil
	}
	var doc document.Doc
	return doc, json.Unmarshal(r.Doc, &doc)
}

// View streams the rows of a view, without holding more than one of them. An
// error ends the sequence and is its last pair: [problem.MissingView],
// [problem.MissingDatabase] or the datastore's failure. The time limit counts
// only while a row is waited for.
func (d *DB) View(ctx context.Context, ddoc, view string, q Query) iter.Seq2[Row, error] {
	name := ddoc + "/" + view
	return d.rows(ctx, "query view "+name+" in", func(ctx context.Context, o kivik.Option) *kivik.ResultSet {
		return d.kivik.Query(ctx, ddoc, view, o)
	}, q, name)
}

// AllDocs streams the rows of _all_docs: id, key and a value of {rev}. It
// fails as [DB.View] does.
func (d *DB) AllDocs(ctx context.Context, q Query) iter.Seq2[Row, error] {
	return d.rows(ctx, "list documents of", func(ctx context.Context, o kivik.Option) *kivik.ResultSet {
		return d.kivik.AllDocs(ctx, o)
	}, q, "_all_docs")
}

func (d *DB) rows(
	ctx context.Context, op string, query func(context.Context, kivik.Option) *kivik.ResultSet, q Query, name string,
) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		ctx, wait := newWait(ctx, d.client.timeout)
		defer wait.end()
		set := query(ctx, kivik.Params(q.params()))
		defer set.Close() //nolint:errcheck // the rows' own error counts
		for set.Next() {
			row, err := scanRow(set)
			wait.pause()
			if err != nil {
				yield(Row{}, d.wrap(err, op, ""))
				return
			}
			if !yield(row, nil) {
				return
			}
			wait.resume()
		}
		if err := cause(ctx, set.Err()); err != nil && !emptyRange(err) {
			yield(Row{}, d.wrapView(err, op, name))
		}
	}
}

// scanRow copies the current row; kivik reuses its buffers.
func scanRow(set *kivik.ResultSet) (Row, error) {
	var row Row
	row.ID, _ = set.ID()
	key, keyErr := set.Key()
	row.Key = json.RawMessage(key)
	if keyErr != nil { // a key of _all_docs that is not there
		return Row{Key: row.Key}, nil
	}
	if err := set.ScanValue(&row.Value); err != nil {
		return row, err
	}
	var none interface{ HTTPStatus() int }
	if err := set.ScanDoc(&row.Doc); err != nil && !errors.As(err, &none) {
		return row, err
	}
	return row, nil
}

// emptyRange reports whether CouchDB refused a range because its start lies
// behind its end. That is a range without rows, as clients may ask for.
func emptyRange(err error) bool {
	var answer *chttp.HTTPError
	return errors.As(err, &answer) && answer.HTTPStatus() == http.StatusBadRequest &&
		strings.HasPrefix(answer.Reason, "No rows can match your key range")
}

// wrapView tells a view that is not there, which is our fault, from a
// document that is not.
func (d *DB) wrapView(err error, op, name string) error {
	if noDatabase(err) {
		return d.wrap(err, op, "")
	}
	err = d.wrap(err, op, "")
	var e *problem.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code {
	case problem.BadIdentifier:
		e.Code = problem.MissingView
		e.Data = map[string]any{"message": "the view is missing", "cause": name}
	case problem.Invalid:
		e.Code = problem.DatastoreFault
		e.Data = map[string]any{"message": "the database refuses the query", "cause": name}
	}
	return err
}

func (q Query) params() map[string]any {
	p := map[string]any{}
	for name, key := range map[string]any{"key": q.Key, "startkey": q.StartKey, "endkey": q.EndKey} {
		if key != nil {
			p[name] = key
		}
	}
	if q.Keys != nil {
		p["keys"] = q.Keys
	}
	for name, on := range map[string]bool{"descending": q.Descending, "include_docs": q.IncludeDocs, "group": q.Group} {
		if on {
			p[name] = true
		}
	}
	for name, text := range map[string]string{"startkey_docid": q.StartDocID, "endkey_docid": q.EndDocID, "update": q.Update} {
		if text != "" {
			p[name] = text
		}
	}
	for name, n := range map[string]int{"limit": q.Limit, "skip": q.Skip, "group_level": q.GroupLevel} {
		if n > 0 {
			p[name] = n
		}
	}
	if q.ExclusiveEnd {
		p["inclusive_end"] = false
	}
	if q.Reduce != nil {
		p["reduce"] = *q.Reduce
	}
	return p
}

// wait limits the time spent waiting for the server, not the time the caller
// spends on a row.
type wait struct {
	limit  time.Duration
	timer  *time.Timer
	cancel context.CancelCauseFunc
}

func newWait(ctx context.Context, limit time.Duration) (context.Context, *wait) {
	ctx, cancel := context.WithCancelCause(ctx)
	return ctx, &wait{limit: limit, timer: time.AfterFunc(limit, func() { cancel(errTimeLimit) }), cancel: cancel}
}

func (w *wait) pause()  { w.timer.Stop() }
func (w *wait) resume() { w.timer.Reset(w.limit) }
func (w *wait) end() {
	w.timer.Stop()
	w.cancel(http.ErrHandlerTimeout)
}
