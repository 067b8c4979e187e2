package couchlite

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// rangeQuery is what a listing of documents is asked for.
type rangeQuery struct {
	keys         []json.RawMessage // nil: a range
	start, end   json.RawMessage   // nil: open
	exclusiveEnd bool
	descending   bool
	includeDocs  bool
	updateSeq    bool
	limit, skip  int // limit -1: none
	docs         docOptions
	design       bool // only design documents
}

// bound is an end of a range of ids. A value that is no string sorts before
// every id, whatever it is: CouchDB compares them as Erlang does here, not as
// in a view.
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

// cut returns the names that the query's range, skip and limit leave.
func (rq rangeQuery) cut(names []string) []string {
	kept := []string{}
	if rq.descending {
		slices.Reverse(names)
	}
	start, end := idBound(rq.start), idBound(rq.end)
	for _, name := range names {
		if start.given && before(name, start, rq.descending) || end.given && past(name, end, rq) {
			continue
		}
		kept = append(kept, name)
	}
	kept = kept[min(rq.skip, len(kept)):]
	if rq.limit >= 0 {
		kept = kept[:min(rq.limit, len(kept))]
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

func past(name string, end bound, rq rangeQuery) bool {
	c := end.compare(name)
	if c == 0 {
		return rq.exclusiveEnd
	}
	return c > 0 != rq.descending
}

// chunk is how many rows a listing reads at once. Between chunks it holds no
// connection, so that a slow client holds nothing but itself.
const chunk = 500

// idRange is a range of ids in SQL's terms: from and to are in byte order,
// whichever way the listing runs.
type idRange struct {
	where      string
	args       []any
	before     string // condition for what the listing passes before its start
	beforeArgs []any
	empty      bool
	order      string
}

// ids translates the query's keys.
func (rq rangeQuery) ids() idRange {
	r := idRange{where: "d.deleted = 0", order: "ASC"}
	if rq.design {
		r.where += " AND d.id > '_design/' AND d.id < '_design0'"
	}
	lower, upper := ">", "<"
	if rq.descending {
		r.order, lower, upper = "DESC", "<", ">"
	}
	switch b := idBound(rq.start); {
	case b.below:
		r.empty = rq.descending
	case b.given:
		r.where += " AND d.id " + lower + "= ?"
		r.args = append(r.args, b.id)
		r.before, r.beforeArgs = "d.deleted = 0 AND d.id "+upper+" ?", []any{b.id}
	}
	if !rq.exclusiveEnd {
		upper += "="
	}
	switch b := idBound(rq.end); {
	case b.below:
		r.empty = r.empty || !rq.descending
	case b.given:
		r.where += " AND d.id " + upper + " ?"
		r.args = append(r.args, b.id)
	}
	return r
}

// after is the rest of the range behind id.
func (r idRange) after(id string) idRange {
	op := ">"
	if r.order == "DESC" {
		op = "<"
	}
	r.where += " AND d.id " + op + " ?"
	r.args = append(r.args[:len(r.args):len(r.args)], id)
	return r
}

// total counts the documents, or the design documents, that there are.
func (db *database) total(ctx context.Context, rq rangeQuery) (n int64, err error) {
	if !rq.design {
		return db.state.Load().docs, nil
	}
	row := db.file.r.QueryRowContext(ctx, `SELECT count(*) FROM docs WHERE deleted = 0 AND id > '_design/' AND id < '_design0'`)
	if err := row.Scan(&n); err != nil {
		return 0, fmt.Errorf("count design documents: %w", err)
	}
	return n, nil
}

// offset counts the rows the listing leaves out before its first.
func (db *database) offset(ctx context.Context, ids idRange, rq rangeQuery, total int64) (int64, error) {
	n := int64(0)
	switch {
	case ids.empty && rq.descending:
		return total, nil
	case ids.empty:
		return 0, nil
	case ids.before != "":
		row := db.file.r.QueryRowContext(ctx, `SELECT count(*) FROM docs d WHERE `+ids.before, ids.beforeArgs...)
		if err := row.Scan(&n); err != nil {
			return 0, fmt.Errorf("count documents: %w", err)
		}
	}
	return min(n+int64(rq.skip), total), nil
}

func (db *database) docRows(ctx context.Context, ids idRange, rq rangeQuery, limit, skip int) ([]revision, error) {
	columns, join := `d.id, d.rev, d.leaves, NULL, NULL`, ""
	if rq.includeDocs {
		columns, join = `d.id, d.rev, d.leaves, b.body, b.attachments`, ` JOIN bodies b ON b.num = d.body`
	}
	rows, err := db.file.r.QueryContext(ctx, `SELECT `+columns+` FROM docs d`+join+` WHERE `+ids.where+
		` ORDER BY d.id `+ids.order+` LIMIT ? OFFSET ?`, append(ids.args[:len(ids.args):len(ids.args)], limit, skip)...)
	if err != nil {
		return nil, fmt.Errorf("list documents: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var list []revision
	for rows.Next() {
		var r revision
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

// eachDesign calls fn for every design document.
func (db *database) eachDesign(ctx context.Context, fn func(id string, body []byte)) error {
	rows, err := db.file.r.QueryContext(ctx, `SELECT d.id, b.body FROM docs d JOIN bodies b ON b.num = d.body
		WHERE d.deleted = 0 AND d.id >= '_design/' AND d.id < '_design0'`)
	if err != nil {
		return fmt.Errorf("list design documents: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id string
		var body []byte
		if err := rows.Scan(&id, &body); err != nil {
			return err
		}
		fn(id, body)
	}
	return rows.Err()
}

// designState changes when a design document does: the update sequence of the
// last change to one, and how many there are.
func (db *database) designState(ctx context.Context) (seq, count int64, err error) {
	err = db.file.r.QueryRowContext(context.WithoutCancel(ctx),
		`SELECT coalesce(max(seq), 0), count(*) FROM docs WHERE id >= '_design/' AND id < '_design0'`).Scan(&seq, &count)
	if err != nil {
		return 0, 0, fmt.Errorf("read design documents: %w", err)
	}
	return seq, count, nil
}
