package couch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

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
// only while a row is waited for. A view that Kazoo's design document lacks is
// looked for in the one that [DB.SyncDesign] puts beside it.
func (d *DB) View(ctx context.Context, ddoc, view string, q Query) iter.Seq2[Row, error] {
	beside := companion(ddoc)
	if beside == "" {
		return d.view(ctx, ddoc, view, q)
	}
	return func(yield func(Row, error) bool) {
		place := d.name + "/" + ddoc + "/" + view
		first, second := ddoc, beside
		if _, moved := d.client.beside.Get(place); moved {
			first, second = beside, ddoc
		}
		missing := yieldUnlessMissing(d.view(ctx, first, view, q), yield)
		if missing == nil {
			return
		}
		if yieldUnlessMissing(d.view(ctx, second, view, q), yield) != nil {
			if fn := d.client.missing.Load(); fn != nil {
				(*fn)(d.name)
			}
			yield(Row{}, missing)
			return
		}
		if second == beside {
			d.client.beside.Put(place, struct{}{})
		} else {
			d.client.beside.Delete(place)
		}
	}
}

// yieldUnlessMissing yields a view's rows, unless the view is missing: then it
// yields nothing and returns the error.
func yieldUnlessMissing(rows iter.Seq2[Row, error], yield func(Row, error) bool) (missing error) {
	for row, err := range rows {
		if problem.Is(err, problem.MissingView) {
			return err
		}
		if !yield(row, err) {
			break
		}
	}
	return nil
}

func (d *DB) view(ctx context.Context, ddoc, view string, q Query) iter.Seq2[Row, error] {
	name := ddoc + "/" + view
	path := "_design/" + url.PathEscape(ddoc) + "/_view/" + url.PathEscape(view)
	return d.rows(ctx, "query view "+name+" in", path, q, name)
}

// AllDocs streams the rows of _all_docs: id, key and a value of {rev}. It
// fails as [DB.View] does.
func (d *DB) AllDocs(ctx context.Context, q Query) iter.Seq2[Row, error] {
	return d.rows(ctx, "list documents of", "_all_docs", q, "_all_docs")
}

// LocalDocs streams the documents that are not replicated, those below
// _local/, as [DB.AllDocs] does. A server that cannot list them fails with
// [problem.MissingView].
func (d *DB) LocalDocs(ctx context.Context, q Query) iter.Seq2[Row, error] {
	return d.rows(ctx, "list local documents of", "_local_docs", q, "_local_docs")
}

// rows asks path below the database. kivik's own rows are decoded three times
// before they are here, which took longer than CouchDB to read a view.
func (d *DB) rows(ctx context.Context, op, path string, q Query, name string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		ctx, wait := newWait(ctx, d.client.timeout)
		defer wait.end()
		fail := func(err error) { yield(Row{}, d.wrapView(cause(ctx, err), op, name)) }
		res, err := d.query(ctx, path, q)
		wait.pause()
		if emptyRange(err) {
			return
		}
		if err != nil {
			fail(err)
			return
		}
		defer func() { _ = res.Body.Close() }()
		r := rowReader{in: waitingReader{res.Body, wait}}
		if err := r.begin(); err != nil {
			fail(err)
			return
		}
		for {
			row, err := r.row()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				fail(err)
				return
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

// query sends a query: several keys as a body of known length, the rest in the
// URL.
func (d *DB) query(ctx context.Context, path string, q Query) (*http.Response, error) {
	params, err := q.params()
	if err != nil {
		return nil, err
	}
	method, options := http.MethodGet, &chttp.Options{Query: params}
	if q.Keys != nil {
		body, err := json.Marshal(map[string]any{"keys": q.Keys})
		if err != nil {
			return nil, err
		}
		method, options.ContentLength = http.MethodPost, int64(len(body))
		options.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		options.Header = http.Header{chttp.HeaderIdempotencyKey: []string{}} // asking twice does no harm
	}
	res, err := d.client.http.DoReq(ctx, method, url.PathEscape(d.name)+"/"+path, options)
	if err == nil {
		err = chttp.ResponseError(res)
	}
	return res, err
}

// waitingReader limits the time that a read takes.
type waitingReader struct {
	body io.Reader
	wait *wait
}

func (r waitingReader) Read(p []byte) (int, error) {
	r.wait.resume()
	defer r.wait.pause()
	return r.body.Read(p)
}

// emptyRange reports whether CouchDB refused a range because its start is after
// its end. Clients may ask for such a range; it has no rows.
func emptyRange(err error) bool {
	var answer *chttp.HTTPError
	return errors.As(err, &answer) && answer.HTTPStatus() == http.StatusBadRequest &&
		strings.HasPrefix(answer.Reason, "No rows can match your key range")
}

// wrapView classifies an error of a query: a 404 is a missing database or a
// missing view, and a refused query is the datastore's fault.
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
		if d.client.Observes() {
			e.Data["message"] = "the view is missing, and callflowd, which only observes this database, does not add it"
		}
	case problem.Invalid:
		e.Code = problem.DatastoreFault
		e.Data = map[string]any{"message": "the database refuses the query", "cause": name}
	}
	return err
}

func (q Query) params() (url.Values, error) {
	p := url.Values{}
	for name, key := range map[string]any{"key": q.Key, "startkey": q.StartKey, "endkey": q.EndKey} {
		if key == nil {
			continue
		}
		text, err := json.Marshal(key)
		if err != nil {
			return nil, err
		}
		p.Set(name, string(text))
	}
	for name, on := range map[string]bool{"descending": q.Descending, "include_docs": q.IncludeDocs, "group": q.Group} {
		if on {
			p.Set(name, "true")
		}
	}
	for name, text := range map[string]string{"startkey_docid": q.StartDocID, "endkey_docid": q.EndDocID, "update": q.Update} {
		if text != "" {
			p.Set(name, text)
		}
	}
	for name, n := range map[string]int{"limit": q.Limit, "skip": q.Skip, "group_level": q.GroupLevel} {
		if n > 0 {
			p.Set(name, strconv.Itoa(n))
		}
	}
	if q.ExclusiveEnd {
		p.Set("inclusive_end", "false")
	}
	if q.Reduce != nil {
		p.Set("reduce", strconv.FormatBool(*q.Reduce))
	}
	return p, nil
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
