package couch

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/trace"
)

// Observer is called for each request except feeds: the operation, the time until
// the server began to answer, and whether there was no answer or a server error.
type Observer func(operation string, took time.Duration, failed bool)

// observe sends a request, counts it for the request that it serves, and calls
// the observer.
func (t *transport) observe(r *http.Request) (*http.Response, error) {
	if r.Context().Value(feedKey{}) == feedForEver {
		return t.next.RoundTrip(r)
	}
	name, started := operation(r.Method, r.URL.EscapedPath()), time.Now()
	call := trace.Storage(r.Context(), name, r.Method, &r.Header)
	res, err := t.next.RoundTrip(r)
	took, status := time.Since(started), 0
	if err == nil {
		status = res.StatusCode
	}
	call.End(status, err)
	trace.Count(r.Context(), took)
	if t.observer != nil {
		t.observer(name, took, err != nil && r.Context().Err() == nil || status >= http.StatusInternalServerError)
	}
	return res, err
}

// operation names a request by its method and the endpoint of CouchDB's that
// it asks, from a short list: names of databases and documents are no labels.
func operation(method, path string) string {
	segments := strings.Split(strings.Trim(path, "/"), "/")
	for i := len(segments) - 1; i >= 0; i-- {
		switch name := segments[i]; name {
		case "_all_docs", "_bulk_docs", "_changes", "_revs_diff", "_purge", "_security", "_all_dbs", "_dbs_info", "_up", "_db_updates", "_local", "_compact":
			return strings.TrimPrefix(name, "_")
		case "_view":
			return "view"
		case "_design":
			return strings.ToLower(method) + "_design"
		}
	}
	if len(segments) < 2 {
		return strings.ToLower(method) + "_database"
	}
	return strings.ToLower(method) + "_document"
}

// Wrote is a write that the server has acknowledged: of a document with the
// revision it got, or of a whole database.
type Wrote struct {
	DB      string       // unescaped
	Doc     document.Doc // nil for a database; must not be changed or kept
	IsNew   bool         // the document was saved without a revision
	Created bool         // the database was made
	Dropped bool         // the database was dropped
}

// OnWrite has fn called for each later write of this client, before the call that
// wrote returns.
func (c *Client) OnWrite(fn func(Wrote)) {
	c.listening.Lock()
	defer c.listening.Unlock()
	listeners := append(slices.Clone(c.listeners()), fn)
	c.told.Store(&listeners)
}

// OnMissingView has fn told of databases in which a view was not found where
// [DB.View] looks. There is one fn.
func (c *Client) OnMissingView(fn func(db string)) { c.missing.Store(&fn) }

func (c *Client) listeners() []func(Wrote) {
	if told := c.told.Load(); told != nil {
		return *told
	}
	return nil
}

func (c *Client) tell(w Wrote) {
	for _, fn := range c.listeners() {
		fn(w)
	}
}

func (d *DB) wrote(doc document.Doc, isNew bool) {
	d.client.tell(Wrote{DB: d.name, Doc: doc, IsNew: isNew})
}
