package uninstall

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// visitor is one walk over the databases.
type visitor struct {
	u         *Uninstall
	remove    bool // otherwise it only looks
	report    *Report
	seen      bool      // it is known when a process ran last
	keysUntil time.Time // then tokens of that process have expired
}

// database is one that is being visited.
type database struct {
	visitor
	*couch.DB
	entries []Entry
	found   tally
}

// visit looks at what is ours in a database and removes it if v does.
func (u *Uninstall) visit(ctx context.Context, name string, v visitor) error {
	db := &database{v, u.Couch.DB(name), entriesOf(name), tally{}}
	defer func() { v.report.merge(db.found) }()
	for _, e := range db.entries {
		if e.Group == GroupCopies && e.Covers(name, "") {
			return db.whole(ctx, e.Group)
		}
	}
	for _, s := range db.spans() {
		if err := db.clear(ctx, s); err != nil {
			return err
		}
	}
	return db.month(ctx)
}

// whole removes a database that is ours alone.
func (d *database) whole(ctx context.Context, group string) error {
	n, err := d.DocCount(ctx)
	if err != nil {
		return err
	}
	d.found.add(group, "", d.Name(), "", int(n))
	if d.remove {
		return d.u.Couch.DropDB(ctx, d.Name())
	}
	return nil
}

const (
	designPrefix = "_design/"
	localPrefix  = "_local/callflowd"
	ownPrefix    = "callflowd"
)

// spans are the beginnings of the ids that have to be looked at.
func (d *database) spans() []string {
	wanted := map[string]bool{}
	_, month, _ := couch.AccountOf(d.Name())
	for _, e := range d.entries {
		for _, pattern := range e.Documents {
			switch {
			case e.Group == "":
			case strings.HasPrefix(pattern, designPrefix):
				wanted[designPrefix] = true
			case strings.HasPrefix(pattern, localPrefix):
				wanted[localPrefix] = true
			case strings.HasPrefix(pattern, ownPrefix):
				wanted[ownPrefix] = true
			default:
				wanted[month+"-"] = true
			}
		}
	}
	var all []string
	for _, s := range []string{designPrefix, ownPrefix, month + "-", localPrefix} { // what says when a process ran comes last
		if wanted[s] {
			all = append(all, s)
		}
	}
	return all
}

// maxPasses bounds how often a span is gone through. A second time shows the
// conflicting revisions of what was removed; more often than that only somebody
// who writes them again.
const maxPasses = 20

func (d *database) clear(ctx context.Context, span string) error {
	counting := d.found
	for range maxPasses {
		removed, err := d.pass(ctx, span, counting)
		if err != nil || removed == 0 {
			return err
		}
		if span == designPrefix {
			if err := d.CleanViews(ctx); err != nil && !problem.Is(err, problem.BadIdentifier) {
				return err
			}
		}
		counting = tally{} // what comes to light was counted already
	}
	return errors.New("what is removed is written again all the time; does a callflowd run?")
}

// pass goes through a span once, and returns how many documents it removed.
func (d *database) pass(ctx context.Context, span string, counting tally) (removed int, err error) {
	after := ""
	for {
		rows, err := d.page(ctx, span, after)
		if err != nil || len(rows) == 0 {
			return removed, err
		}
		after = rows[len(rows)-1].ID
		docs, err := d.ours(ctx, span, rows)
		if err != nil {
			return removed, err
		}
		gone := d.judge(docs, counting)
		if !d.remove {
			continue
		}
		n, err := d.erase(ctx, gone)
		if removed += n; err != nil {
			return removed, err
		}
	}
}

// page reads rows behind an id. Only spans of small documents come with them.
func (d *database) page(ctx context.Context, span, after string) ([]couch.Row, error) {
	q := couch.Query{StartKey: span, EndKey: span + "\ufff0", Limit: docsPage, IncludeDocs: !isMonth(span)}
	if after != "" {
		q.StartKey, q.Limit = after, docsPage+1
	}
	list := d.AllDocs
	if span == localPrefix {
		list = d.LocalDocs
	}
	var rows []couch.Row
	for row, err := range list(ctx, q) {
		if problem.Is(err, problem.MissingView) && span == localPrefix {
			return nil, nil // Running has told that this server does not list them
		}
		if err != nil {
			return nil, err
		}
		if row.ID != after && strings.HasPrefix(row.ID, span) {
			rows = append(rows, row)
		}
	}
	return rows, nil
}

func isMonth(span string) bool { return span[0] >= '0' && span[0] <= '9' }

// historyBatch is how many entries of history are read at a time; each holds a
// whole callflow.
const historyBatch = 20

// ours returns the documents of rows whose ids are those of ours.
func (d *database) ours(ctx context.Context, span string, rows []couch.Row) ([]document.Doc, error) {
	var docs []document.Doc
	var ids []string
	for _, row := range rows {
		if e, ok := d.entry(row.ID); !ok || e.Group == "" {
			continue
		}
		if isMonth(span) {
			ids = append(ids, row.ID)
			continue
		}
		if doc, err := row.Document(); err == nil && doc != nil {
			docs = append(docs, doc)
		}
	}
	for len(ids) > 0 {
		n := min(historyBatch, len(ids))
		found, err := d.GetMany(ctx, ids[:n])
		if err != nil {
			return nil, err
		}
		for _, id := range ids[:n] {
			if doc := found[id]; doc != nil {
				docs = append(docs, document.Doc{"_id": id, "_rev": doc.Rev(), "pvt_type": doc.Type()})
			}
		}
		ids = ids[n:]
	}
	return docs, nil
}

// entry is the first entry that is about a document.
func (d *database) entry(id string) (Entry, bool) {
	for _, e := range d.entries {
		if e.Covers(d.Name(), id) {
			return e, true
		}
	}
	return Entry{}, false
}

// judge counts documents and returns those to remove.
func (d *database) judge(docs []document.Doc, counting tally) []document.Doc {
	kazoos := false // has put views of its own here
	for _, doc := range docs {
		kazoos = kazoos || strings.HasPrefix(doc.ID(), designPrefix) && !couch.OwnDesign(doc)
	}
	var gone []document.Doc
	for _, doc := range docs {
		e, _ := d.entry(doc.ID())
		if e.Type != "" && doc.Type() != e.Type || e.Group == GroupViews && !couch.OwnDesign(doc) {
			continue // somebody else's, whatever its name
		}
		why := d.staysBecause(e, doc.ID(), kazoos)
		counting.add(e.Group, why, d.Name(), doc.ID(), 1)
		if why == "" && e.Group != GroupUnfinished {
			gone = append(gone, doc)
		}
	}
	return gone
}

// staysBecause says why something of ours is not removed, "" if it is.
func (d *database) staysBecause(e Entry, id string, kazoos bool) string {
	switch e.Group {
	case GroupViews:
		if !kazoos && !strings.HasPrefix(id, designPrefix+ownPrefix) {
			return "in databases that Kazoo has no views in yet: its own replace them when it refreshes the database"
		}
	case GroupHistory:
		if d.u.KeepHistory {
			return "as --keep-history asks"
		}
	case GroupKeys:
		if d.mayBeUsed() {
			return d.whyKeysStay()
		}
	case GroupState:
		if d.Name() == systemConfig && d.mayBeUsed() && d.report.count(GroupKeys) > 0 {
			return "which says how long the signing keys are needed"
		}
	}
	return ""
}

// mayBeUsed reports whether tokens that our keys signed may be good.
func (d *database) mayBeUsed() bool {
	return !d.u.EndTokens && (!d.seen || d.u.now().Before(d.keysUntil))
}

func (d *database) whyKeysStay() string {
	if !d.seen {
		return "since it is not known when a callflowd ran last: Kazoo takes tokens that they signed, for an hour; --end-tokens removes them"
	}
	return fmt.Sprintf("until %s, as long as Kazoo takes tokens that they signed: run this again then, or with --end-tokens", d.keysUntil.UTC().Format(time.RFC3339))
}

// erase removes documents and returns how many. What was written meanwhile is
// seen on the next pass.
func (d *database) erase(ctx context.Context, docs []document.Doc) (n int, err error) {
	var many []document.Doc
	for _, doc := range docs {
		if !strings.HasPrefix(doc.ID(), localPrefix) {
			many = append(many, document.Doc{"_id": doc.ID(), "_rev": doc.Rev(), "_deleted": true})
			continue
		}
		err := d.DeleteLocal(ctx, doc.ID(), doc.Rev())
		if err != nil && !problem.Is(err, problem.Conflict) && !problem.Is(err, problem.BadIdentifier) {
			return n, err
		}
		n++
	}
	results, err := d.Bulk(ctx, many)
	if err != nil {
		return n, err
	}
	for _, r := range results {
		if r.Err != nil && !problem.Is(r.Err, problem.Conflict) {
			return n, r.Err
		}
		n++
	}
	return n, nil
}

// lateCalls is how long after its end Kazoo may write into a month's database.
const lateCalls = 48 * time.Hour

// month removes the database of a month that holds nothing else.
func (d *database) month(ctx context.Context) error {
	_, month, _ := couch.AccountOf(d.Name())
	if month == "" {
		return nil
	}
	n, err := d.DocCount(ctx)
	if err != nil {
		return err
	}
	if !d.remove {
		n -= int64(d.found.documents(GroupHistory))
	}
	begun, err := time.Parse("200601", month)
	switch {
	case n > 0 || err != nil:
		return nil
	case !d.u.KazooStopped && d.u.now().Before(begun.AddDate(0, 1, 0).Add(lateCalls)):
		d.found.add(GroupMonths, "while Kazoo may write into them: run this again next month, or with --kazoo-stopped while it is stopped", d.Name(), "", 0)
		return nil
	}
	d.found.add(GroupMonths, "", d.Name(), "", 0)
	if d.remove {
		return d.u.Couch.DropDB(ctx, d.Name())
	}
	return nil
}
