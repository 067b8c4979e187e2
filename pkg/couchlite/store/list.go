package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Listing is what a listing of documents is asked for.
type Listing struct {
	Keys         []json.RawMessage // nil: a range
	Start, End   json.RawMessage   // nil: open
	ExclusiveEnd bool
	Descending   bool
	IncludeDocs  bool
	UpdateSeq    bool
	Limit, Skip  int // limit -1: none
	Docs         DocOptions
	Design       bool // only design documents
}

// bound is an end of a range of ids. Any value that is not a string sorts before
// every id: CouchDB compares ids in Erlang's order here, not in that of views.
type bound struct {
	id    string
	below bool // before every id
	given bool
}

func idBound(v json.RawMessage) bound {
	if v == nil {
		return bound{}
	}
	b := bound{given: true, below: v[0] != '"'}
	if !b.below {
		_ = json.Unmarshal(v, &b.id) // canonical JSON has no errors
	}
	return b
}

// Cut applies the query's range, skip and limit to names.
func (rq Listing) Cut(names []string) []string {
	kept := []string{}
	if rq.Descending {
		slices.Reverse(names)
	}
	start, end := idBound(rq.Start), idBound(rq.End)
	for _, name := range names {
		if start.given && before(name, start, rq.Descending) || end.given && past(name, end, rq) {
			continue
		}
		kept = append(kept, name)
	}
	kept = kept[min(rq.Skip, len(kept)):]
	if rq.Limit >= 0 {
		kept = kept[:min(rq.Limit, len(kept))]
	}
	return kept
}

// compare orders a name against the bound.
func (b bound) compare(name string) int {
	if b.below {
		return 1
	}
	return strings.Compare(name, b.id)
}

func before(name string, start bound, descending bool) bool {
	c := start.compare(name)
	return c < 0 && !descending || c > 0 && descending
}

func past(name string, end bound, rq Listing) bool {
	c := end.compare(name)
	if c == 0 {
		return rq.ExclusiveEnd
	}
	return c > 0 != rq.Descending
}

// Chunk is how many rows a listing reads at once. Between chunks it holds no
// connection, so that a slow client keeps none from others.
const Chunk = 500

// IDRange is a range of ids as SQL conditions.
type IDRange struct {
	where      string
	args       []any
	before     string // condition for the documents before the listing's start
	beforeArgs []any
	Empty      bool
	order      string
}

// IDs translates the query's keys.
func (rq Listing) IDs() IDRange {
	r := IDRange{where: "d.deleted = 0", order: "ASC"}
	if rq.Design {
		r.where += " AND d.id > '_design/' AND d.id < '_design0'"
	}
	lower, upper := ">", "<"
	if rq.Descending {
		r.order, lower, upper = "DESC", "<", ">"
	}
	switch b := idBound(rq.Start); {
	case b.below:
		r.Empty = rq.Descending
	case b.given:
		r.where += " AND d.id " + lower + "= ?"
		r.args = append(r.args, b.id)
		r.before, r.beforeArgs = "d.deleted = 0 AND d.id "+upper+" ?", []any{b.id}
	}
	if !rq.ExclusiveEnd {
		upper += "="
	}
	switch b := idBound(rq.End); {
	case b.below:
		r.Empty = r.Empty || !rq.Descending
	case b.given:
		r.where += " AND d.id " + upper + " ?"
		r.args = append(r.args, b.id)
	}
	return r
}

// After is the rest of the range after id.
func (r IDRange) After(id string) IDRange {
	op := ">"
	if r.order == "DESC" {
		op = "<"
	}
	r.where += " AND d.id " + op + " ?"
	r.args = append(r.args[:len(r.args):len(r.args)], id)
	return r
}

// Total counts the documents, or the design documents, that there are.
func (db *Database) Total(ctx context.Context, rq Listing) (n int64, err error) {
	if !rq.Design {
		return db.state.Load().Docs, nil
	}
	row := db.file.R.QueryRowContext(ctx, `SELECT count(*) FROM docs WHERE deleted = 0 AND id > '_design/' AND id < '_design0'`)
	if err := row.Scan(&n); err != nil {
		return 0, fmt.Errorf("count design documents: %w", err)
	}
	return n, nil
}

// Offset counts the documents before the first row of the listing.
func (db *Database) Offset(ctx context.Context, ids IDRange, rq Listing, total int64) (int64, error) {
	n := int64(0)
	switch {
	case ids.Empty && rq.Descending:
		return total, nil
	case ids.Empty:
		return 0, nil
	case ids.before != "":
		row := db.file.R.QueryRowContext(ctx, `SELECT count(*) FROM docs d WHERE `+ids.before, ids.beforeArgs...)
		if err := row.Scan(&n); err != nil {
			return 0, fmt.Errorf("count documents: %w", err)
		}
	}
	return min(n+int64(rq.Skip), total), nil
}

// DocRows reads documents of a range, without content unless rq wants it.
func (db *Database) DocRows(ctx context.Context, ids IDRange, rq Listing, limit, skip int) ([]Revision, error) {
	columns, join := `d.id, d.rev, d.leaves, NULL, NULL`, ""
	if rq.IncludeDocs {
		columns, join = `d.id, d.rev, d.leaves, b.body, b.attachments`, ` JOIN bodies b ON b.num = d.body`
	}
	rows, err := db.file.R.QueryContext(ctx, `SELECT `+columns+` FROM docs d`+join+` WHERE `+ids.where+
		` ORDER BY d.id `+ids.order+` LIMIT ? OFFSET ?`, append(ids.args[:len(ids.args):len(ids.args)], limit, skip)...)
	if err != nil {
		return nil, fmt.Errorf("list documents: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var list []Revision
	for rows.Next() {
		var r Revision
		var raw []byte
		if err := rows.Scan(&r.ID, &r.Rev, &r.Leaves, &r.Body, &raw); err != nil {
			return nil, err
		}
		if r.Attachments, err = decodeAttachments(raw); err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

// EachDesign calls fn with the winning revision of every design document.
func (db *Database) EachDesign(ctx context.Context, fn func(Revision)) error {
	rows, err := db.file.R.QueryContext(ctx, `SELECT d.id, d.rev, b.body FROM docs d JOIN bodies b ON b.num = d.body
		WHERE d.deleted = 0 AND d.id >= '_design/' AND d.id < '_design0'`)
	if err != nil {
		return fmt.Errorf("list design documents: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var r Revision
		if err := rows.Scan(&r.ID, &r.Rev, &r.Body); err != nil {
			return err
		}
		fn(r)
	}
	return rows.Err()
}

// DesignState changes when a design document does: the update sequence of the
// last change to one, and how many there are.
func (db *Database) DesignState(ctx context.Context) (seq, count int64, err error) {
	err = db.file.R.QueryRowContext(context.WithoutCancel(ctx),
		`SELECT coalesce(max(seq), 0), count(*) FROM docs WHERE id >= '_design/' AND id < '_design0'`).Scan(&seq, &count)
	if err != nil {
		return 0, 0, fmt.Errorf("read design documents: %w", err)
	}
	return seq, count, nil
}

// Outside returns the revisions of design documents that replication brought,
// by the document's id.
func (db *Database) Outside(ctx context.Context) (map[string][]string, error) {
	var tables int
	row := db.file.R.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_master WHERE name = 'outside'`)
	if err := row.Scan(&tables); err != nil || tables == 0 {
		return nil, err
	}
	rows, err := db.file.R.QueryContext(ctx, `SELECT id, rev FROM outside`)
	if err != nil {
		return nil, fmt.Errorf("list design documents from outside: %w", err)
	}
	defer func() { _ = rows.Close() }()
	all := map[string][]string{}
	for rows.Next() {
		var id, rev string
		if err := rows.Scan(&id, &rev); err != nil {
			return nil, err
		}
		all[id] = append(all[id], rev)
	}
	return all, rows.Err()
}
