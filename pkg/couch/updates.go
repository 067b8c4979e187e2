package couch

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-kivik/kivik/v4"
	"github.com/go-kivik/kivik/v4/couchdb/chttp"

	"github.com/callflowd/callflowd/pkg/pause"
)

// DBUpdate says that something happened to a database.
type DBUpdate struct {
	DB   string // its name, unescaped
	Type string // "created", "updated" or "deleted"
	Seq  string // for the next [Client.DBUpdates]' since
}

// UpdatesSeq returns the present end of the feed of database updates: later
// updates come after it. It fails as [Client.DBUpdates] does.
func (c *Client) UpdatesSeq(ctx context.Context) (string, error) {
	ctx, cancel := c.limit(ctx)
	defer cancel()
	feed := c.kivik.DBUpdates(ctx, kivik.Params(map[string]any{"feed": "normal", "since": "now"}))
	defer feed.Close() //nolint:errcheck // the feed's own error counts
	seq := ""
	for feed.Next() {
		seq = feed.Seq()
	}
	if err := feed.Err(); err != nil {
		return "", wrapUpdates(cause(ctx, err))
	}
	last, err := feed.LastSeq()
	if err != nil {
		return "", wrapUpdates(err)
	}
	if last != "" {
		seq = last
	}
	return seq, nil
}

// DBUpdates calls fn for every update of any database behind since ("" means
// now), until ctx is done, fn fails or the connection does; it always returns
// an error then, fn's unchanged. It needs a server admin. If the server has
// no such feed, the error has [ErrNoUpdates] in its tree, and trying again does
// not help.
func (c *Client) DBUpdates(ctx context.Context, since string, fn func(DBUpdate) error) (err error) {
	defer recoverFeed(&err)
	if since == "" {
		since = "now"
	}
	ctx, cancel := context.WithCancel(asFeed(ctx))
	defer cancel()
	feed := c.kivik.DBUpdates(ctx, kivik.Params(map[string]any{
		"feed": "continuous", "since": since, "heartbeat": int(feedIdle.Milliseconds() / 3),
	}))
	defer feed.Close() //nolint:errcheck // the feed's own error counts
	for feed.Next() {
		update := DBUpdate{DB: feed.DBName(), Type: feed.Type(), Seq: feed.Seq()}
		if update.DB == "" { // the last_seq line of a feed that ends
			continue
		}
		if err := fn(update); err != nil {
			return err
		}
	}
	if err := cause(ctx, feed.Err()); err != nil {
		return wrapUpdates(err)
	}
	return wrapUpdates(cause(ctx, errors.New("the server ended the feed")))
}

// Updates is what to do with the feed of database updates.
type Updates struct {
	// Begin is called whenever following begins: at the start and after each lost
	// connection. Updates before that may be missing.
	Begin func()
	Take  func(DBUpdate)
	Lost  func(err error)
}

// FollowUpdates follows the updates of all databases until ctx is done, or
// returns an error with [ErrNoUpdates] in its tree. After a lost connection it
// begins again instead of resuming: CouchDB may lose updates when a node goes
// down.
func (c *Client) FollowUpdates(ctx context.Context, u Updates) error {
	wait := pause.Growing{First: firstPause, Last: lastPause}
	for {
		seq, err := c.UpdatesSeq(ctx)
		if err == nil {
			u.Begin()
			wait.Reset()
			err = c.DBUpdates(ctx, seq, func(update DBUpdate) error {
				u.Take(update)
				return nil
			})
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		u.Lost(err)
		if errors.Is(err, ErrNoUpdates) {
			return err
		}
		wait.Wait(ctx)
	}
}

func wrapUpdates(err error) error {
	var answer *chttp.HTTPError
	if errors.As(err, &answer) {
		switch answer.HTTPStatus() {
		case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden,
			http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
			err = fmt.Errorf("%w: %w", ErrNoUpdates, err)
		}
	}
	return wrap(err, "follow the database updates")
}
