package couch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-kivik/kivik/v4"

	"github.com/callflowd/callflowd/pkg/problem"
)

// ChangesOptions selects a page of a database's changes.
type ChangesOptions struct {
	Since       string        // a sequence, "now", or "" for the beginning
	Limit       int           // 0 means all of them: only for databases known to be small
	Longpoll    bool          // wait for a change if there is none
	Timeout     time.Duration // how long a longpoll waits; 0 means 25 seconds
	IncludeDocs bool
	AllDocs     bool     // style=all_docs: every leaf revision, not only the winner
	DocIDs      []string // only these documents
	Descending  bool
}

// Change is one document's latest change.
type Change struct {
	ID      string
	Seq     string
	Revs    []string // the winner; with AllDocs every leaf
	Deleted bool
	Doc     json.RawMessage // with IncludeDocs
}

// ChangesPage is an answer of the feed. LastSeq is where the next page
// begins. Pending counts the changes after it, as far as the server knows. At is
// a time at which the page was current: when the request was sent, or for a
// longpoll, when the answer came.
type ChangesPage struct {
	Changes []Change
	LastSeq string
	Pending int64
	At      time.Time
}

const defaultLongpoll = 25 * time.Second

// Changes returns the next page of a database's changes. A longpoll that ends
// without a change gives an empty page. A database that was deleted and
// created again answers from its beginning, without an error.
func (d *DB) Changes(ctx context.Context, o ChangesOptions) (page ChangesPage, err error) {
	defer recoverFeed(&err)
	page.At = time.Now()
	limit := d.client.timeout
	if o.Longpoll {
		if o.Timeout <= 0 {
			o.Timeout = defaultLongpoll
		}
		limit += o.Timeout
	}
	call, cancel := context.WithTimeoutCause(ctx, limit, errTimeLimit)
	defer cancel()
	if o.Longpoll { // not every server ends a longpoll by itself
		call = asLongpoll(call)
		timer := time.AfterFunc(o.Timeout+time.Second, cancel)
		defer timer.Stop()
	}
	feed := d.kivik.Changes(call, kivik.Params(o.params()))
	defer feed.Close() //nolint:errcheck // the feed's own error counts
	for feed.Next() {
		change := Change{ID: feed.ID(), Seq: feed.Seq(), Deleted: feed.Deleted()}
		change.Revs = append(change.Revs, feed.Changes()...)
		if o.IncludeDocs {
			if err := feed.ScanDoc(&change.Doc); err != nil {
				return ChangesPage{}, d.wrap(err, "decode a change of", change.ID)
			}
		}
		page.Changes = append(page.Changes, change)
	}
	if err := feed.Err(); err != nil {
		if o.Longpoll && call.Err() != nil && ctx.Err() == nil {
			o.Longpoll = false // the server may not end longpolls by itself; one that fails now is down
			return d.Changes(ctx, o)
		}
		return ChangesPage{}, d.wrap(cause(call, err), "follow the changes of", "")
	}
	meta, err := feed.Metadata()
	if err != nil || meta == nil || meta.LastSeq == "" {
		return ChangesPage{}, d.wrap(errors.Join(errors.New("the feed has no end"), err), "follow the changes of", "")
	}
	page.LastSeq, page.Pending = meta.LastSeq, meta.Pending
	if o.Longpoll {
		page.At = time.Now()
	}
	return page, nil
}

func (o ChangesOptions) params() map[string]any {
	p := map[string]any{}
	if o.Since != "" {
		p["since"] = o.Since
	}
	if o.Limit > 0 {
		p["limit"] = o.Limit
	}
	if o.Longpoll {
		p["feed"] = "longpoll"
		p["timeout"] = o.Timeout.Milliseconds()
	}
	if o.IncludeDocs {
		p["include_docs"] = true
	}
	if o.AllDocs {
		p["style"] = "all_docs"
	}
	if o.DocIDs != nil {
		p["filter"] = "_doc_ids"
		p["doc_ids"] = o.DocIDs
	}
	if o.Descending {
		p["descending"] = true
	}
	return p
}

// recoverFeed turns a panic below a feed (kivik has one for feeds that end in
// an unforeseen way) into an error: no follower may take the process down.
func recoverFeed(err *error) {
	if r := recover(); r != nil {
		*err = &problem.Error{Code: problem.DatastoreFault, Msg: fmt.Sprintf("a feed panicked: %v", r)}
	}
}

// Follows reports whether a page that was asked for since can follow it. It
// cannot where the database was deleted and created again meanwhile.
func (p ChangesPage) Follows(since string) bool { return since == "" || !startsOver(since, p) }
