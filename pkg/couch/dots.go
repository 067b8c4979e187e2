package couch

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/go-kivik/kivik/v4/couchdb/chttp"

	"github.com/callflowd/callflowd/pkg/document"
)

// dots reports whether an id is "." or "..". A proxy before the server may take
// them for steps along the path, even escaped (RFC 3986, section 6.2.2): a
// request for the document would then reach its database. Requests about such
// documents name them in their bodies.
func dots(id string) bool { return id == "." || id == ".." }

// openRevision is one revision in an answer; OK is nil where the server does
// not have it.
type openRevision struct {
	OK json.RawMessage `json:"ok"`
}

// bulkGet asks for the revisions that open_revs names: "all", or a list.
func (d *DB) bulkGet(ctx context.Context, id string, query url.Values) ([]openRevision, error) {
	type item struct {
		ID  string `json:"id"`
		Rev string `json:"rev,omitempty"` // none: all leaves
	}
	items := []item{{ID: id}}
	var revs []string
	if json.Unmarshal([]byte(query.Get("open_revs")), &revs) == nil {
		items = nil
		for _, rev := range revs {
			items = append(items, item{id, rev})
		}
	}
	opts := &chttp.Options{GetBody: chttp.BodyEncoder(map[string]any{"docs": items})}
	if query.Has("revs") {
		opts.Query = url.Values{"revs": query["revs"]}
	}
	var answer struct {
		Results []struct {
			Docs []openRevision `json:"docs"`
		} `json:"results"`
	}
	err := d.client.http.DoJSON(ctx, http.MethodPost, url.PathEscape(d.name)+"/_bulk_get", opts, &answer)
	var rows []openRevision
	for _, result := range answer.Results {
		rows = append(rows, result.Docs...)
	}
	return rows, err
}

// readInBody is [DB.read] with the id in the body.
func (d *DB) readInBody(ctx context.Context, id, rev string) (json.RawMessage, error) {
	if rev != "" {
		list, err := json.Marshal([]string{rev})
		if err != nil {
			return nil, err
		}
		found, err := d.revisions(ctx, id, url.Values{"open_revs": {string(list)}})
		if err == nil && len(found) == 0 {
			err = d.absent(id, "get")
		}
		if err != nil {
			return nil, err
		}
		return found[0], nil
	}
	for row, err := range d.AllDocs(ctx, Query{Keys: []any{id}, IncludeDocs: true}) {
		if err != nil {
			return nil, err
		}
		if len(row.Doc) > 0 && string(row.Doc) != "null" {
			return bytes.Clone(row.Doc), nil
		}
	}
	return nil, d.absent(id, "get")
}

// putInBody writes a document with the id in the body.
func (d *DB) putInBody(ctx context.Context, doc document.Doc) (rev string, err error) {
	results, err := d.Bulk(ctx, []document.Doc{doc})
	if err != nil {
		return "", err
	}
	return results[0].Rev, results[0].Err
}
