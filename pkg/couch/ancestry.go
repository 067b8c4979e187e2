package couch

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-kivik/kivik/v4/couchdb/chttp"
)

// Ancestry returns, for every leaf revision of a document, the revisions it
// descends from, itself first, as far back as the server remembers.
func (d *DB) Ancestry(ctx context.Context, id string) (map[string][]string, error) {
	if !readable(id) {
		return nil, d.absent(id, "get the ancestry of")
	}
	ctx, cancel := d.client.limit(ctx)
	defer cancel()
	var rows []struct {
		OK *struct {
			Rev       string `json:"_rev"`
			Revisions struct {
				Start int      `json:"start"`
				IDs   []string `json:"ids"`
			} `json:"_revisions"`
		} `json:"ok"`
	}
	opts := &chttp.Options{Query: url.Values{"open_revs": {"all"}, "revs": {"true"}}}
	if err := d.client.http.DoJSON(ctx, http.MethodGet, docPath(d.name, id), opts, &rows); err != nil {
		return nil, d.wrap(cause(ctx, err), "get the ancestry of", id)
	}
	out := make(map[string][]string, len(rows))
	for _, row := range rows {
		if row.OK == nil {
			continue
		}
		path := make([]string, len(row.OK.Revisions.IDs))
		for i, hash := range row.OK.Revisions.IDs {
			path[i] = strconv.Itoa(row.OK.Revisions.Start-i) + "-" + hash
		}
		out[row.OK.Rev] = path
	}
	if len(out) == 0 {
		return nil, d.absent(id, "get the ancestry of")
	}
	return out, nil
}
