package couch

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-kivik/kivik/v4"
)

// ReplicatorDoc is what a server's scheduler tells of a document in the
// database _replicator.
type ReplicatorDoc struct {
	DocID string         `json:"doc_id"`
	State string         `json:"state"` // initializing, running, completed, pending, crashing, error, failed
	Info  ReplicatorInfo `json:"info"`
}

// ReplicatorInfo is how far a replication is.
type ReplicatorInfo struct {
	Pending  *int64  `json:"changes_pending"` // nil: not known
	Written  int64   `json:"docs_written"`
	Failures int64   `json:"doc_write_failures"`
	Error    string  `json:"error"`
	Lag      float64 `json:"lag_seconds"` // of couchlite only
}

// replicatorPage is how many lines are read at a time.
const replicatorPage = 1_000

// ReplicatorDocs tells of the replications that documents of _replicator
// describe. A server without a scheduler has none.
func (c *Client) ReplicatorDocs(ctx context.Context) ([]ReplicatorDoc, error) {
	var all []ReplicatorDoc
	for {
		query := url.Values{"limit": {strconv.Itoa(replicatorPage)}, "skip": {strconv.Itoa(len(all))}}
		var page struct {
			Docs []ReplicatorDoc `json:"docs"`
		}
		call, cancel := c.limit(ctx)
		err := c.http.DoJSON(call, http.MethodGet, "/_scheduler/docs?"+query.Encode(), nil, &page)
		cancel()
		if code := kivik.HTTPStatus(err); err != nil && (code == http.StatusNotFound || code == http.StatusMethodNotAllowed) {
			return nil, nil
		}
		if err != nil {
			return nil, wrap(err, "read how far replications are")
		}
		all = append(all, page.Docs...)
		if len(page.Docs) < replicatorPage {
			return all, nil
		}
	}
}
