package couch

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"time"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/pause"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Several processes that start at the same time write the same documents
// through different nodes of a cluster. For a moment each copy of a document
// may have another one's edit, and all but one of them are withdrawn. Who reads
// in that moment may be told what is gone soon.

const (
	// youngFor is the age up to which a document may still be contested.
	youngFor = time.Minute
	// calmFor is how long a young document has to stay as it is.
	calmFor = 2 * time.Second
	// calmReads is how often it has to be read so at least: reads may be slow.
	calmReads = 3
	// settleWithin is how long to wait for that.
	settleWithin = 30 * time.Second
)

// errUnsettled is a document that others go on changing.
var errUnsettled = errors.New("the document is being changed all the time")

// Settled returns the winning revision of a document that other processes may
// be making at the same time, as all of them see it in the end. A document that
// is younger than a minute, by pvt_created or pvt_modified, is read from all
// nodes of a cluster until it stays the same for two seconds. Errors are those
// of [DB.Get], and [problem.Unavailable] if it goes on changing.
func (d *DB) Settled(ctx context.Context, id string) (document.Doc, error) {
	if !d.client.clustered(ctx) {
		return d.Get(ctx, id)
	}
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	wait := pause.Growing{First: 100 * time.Millisecond, Last: 500 * time.Millisecond}
	var seen []string
	since, same := time.Now(), 0
	for {
		leaves, err := d.leavesOnAll(ctx, id)
		if err != nil {
			return nil, err
		}
		if revs := revsOf(leaves); !slices.Equal(revs, seen) {
			seen, since, same = revs, time.Now(), 0
		}
		same++
		switch {
		case contested(leaves) && (same < calmReads || time.Since(since) < calmFor):
		case len(leaves) == 0 || document.Truthy(leaves[0]["_deleted"]):
			return nil, d.absent(id, "get")
		default:
			return d.GetRev(ctx, id, leaves[0].Rev())
		}
		if !wait.Wait(ctx) {
			return nil, &problem.Error{Code: problem.Unavailable, Msg: "get " + d.at(id), Err: errUnsettled}
		}
	}
}

// leavesOnAll reads the leaves of a document from every node that is up, the
// winner first. None is no error.
func (d *DB) leavesOnAll(ctx context.Context, id string) ([]document.Doc, error) {
	found, err := d.revisions(ctx, id, url.Values{"open_revs": {"all"}, "r": {allCopies}})
	if err != nil && !problem.Is(err, problem.BadIdentifier) {
		return nil, err
	}
	leaves := make([]document.Doc, len(found))
	for i, raw := range found {
		if leaves[i], err = d.decode(id, raw); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(leaves, byWinning)
	return leaves, nil
}

func revsOf(docs []document.Doc) []string {
	revs := []string{}
	for _, doc := range docs {
		revs = append(revs, doc.Rev())
	}
	return revs
}

// contested reports whether other edits may still come, or these be withdrawn.
// Where all were withdrawn, one of them is written again soon.
func contested(leaves []document.Doc) bool {
	return slices.ContainsFunc(leaves, func(leaf document.Doc) bool {
		gone := document.Truthy(leaf["_deleted"])
		return !gone && young(leaf) || gone && document.Truthy(leaves[0]["_deleted"]) && document.Truthy(leaf[withdrawnKey])
	})
}

func young(doc document.Doc) bool {
	for _, key := range []string{"pvt_created", "pvt_modified"} {
		if at, ok := doc.Seconds(key); ok && time.Since(document.FromGregorian(at)).Abs() < youngFor {
			return true
		}
	}
	return false
}

// clustered reports whether the server may be one of several nodes.
func (c *Client) clustered(ctx context.Context) bool {
	ctx, cancel := c.limit(ctx)
	defer cancel()
	nodes, err := c.members(ctx)
	return len(nodes) > 1 || refused(err)
}
