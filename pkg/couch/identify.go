package couch

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/callflowd/callflowd/pkg/problem"
)

// maxBanner bounds what is read of the answer.
const maxBanner = 64 << 10

// Identify makes sure that a CouchDB, or a server with its protocol, is at the
// URL. The error is [problem.Unavailable] if nothing answers yet, and
// [problem.DatastoreFault] if another server does or the credentials are
// refused.
func (c *Client) Identify(ctx context.Context) error {
	ctx, cancel := c.limit(ctx)
	defer cancel()
	const what = "ask what is at the CouchDB URL"
	res, err := c.http.DoReq(ctx, http.MethodGet, "/", nil)
	if err != nil {
		return wrap(cause(ctx, err), what)
	}
	defer func() { _ = res.Body.Close() }()
	switch {
	case res.StatusCode == http.StatusUnauthorized, res.StatusCode == http.StatusForbidden:
		return &problem.Error{Code: problem.DatastoreFault, Msg: fmt.Sprintf("the server refuses the user and password: %s", res.Status)}
	case res.StatusCode >= http.StatusInternalServerError, res.StatusCode == http.StatusTooManyRequests:
		return &problem.Error{Code: problem.Unavailable, Msg: what + ": " + res.Status}
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBanner))
	if err != nil {
		return wrap(cause(ctx, err), what)
	}
	var banner map[string]any
	if json.Unmarshal(body, &banner) == nil && (banner["couchdb"] != nil || banner["express-pouchdb"] != nil) {
		return nil
	}
	return &problem.Error{Code: problem.DatastoreFault, Msg: fmt.Sprintf(
		"what answers there is not a CouchDB: GET / gave %s, %q", res.Status, res.Header.Get("Content-Type"),
	)}
}
