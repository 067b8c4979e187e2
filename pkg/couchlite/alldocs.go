package couchlite

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
)

// chunk is how many rows a listing reads at once. Between chunks it holds no
// connection, so that a slow client holds nothing but itself.
const chunk = 500

// listDocs writes the answer to one query of _all_docs.
func (db *database) listDocs(ctx context.Context, rq rangeQuery, out *stream) error {
	if rq.keys != nil {
		return db.listKeys(ctx, rq, out)
	}
	seq := ""
	if rq.updateSeq {
		seq = `"update_seq":"` + db.encodeSeq(db.state.Load().seq) + `",`
	}
	ids := rq.ids()
	total, err := db.total(ctx, rq)
	if err != nil {
		return err
	}
	offset, err := db.offset(ctx, ids, rq, total)
	if err != nil {
		return err
	}
	out.text(fmt.Sprintf(`{"total_rows":%d,"offset":%d,%s"rows":[`, total, offset, seq))
	if err := db.listRange(ctx, ids, rq, out); err != nil {
		return err
	}
	out.endRows()
	return nil
}

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

// listRange writes the rows of a range, chunk by chunk.
func (db *database) listRange(ctx context.Context, ids idRange, rq rangeQuery, out *stream) error {
	left, skip := rq.limit, rq.skip
	for !ids.empty && left != 0 {
		n := chunk
		if left > 0 {
			n = min(n, left)
		}
		rows, err := db.docRows(ctx, ids, rq, n, skip)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if err := db.writeRow(ctx, r, r.ID, rq, out); err != nil {
				return err
			}
		}
		if err := out.flushed(); err != nil || len(rows) < n {
			return err
		}
		if left > 0 {
			left -= len(rows)
		}
		skip = 0
		ids = ids.after(rows[len(rows)-1].ID)
	}
	return nil
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

// writeRow writes one row of _all_docs.
func (db *database) writeRow(ctx context.Context, r revision, key string, rq rangeQuery, out *stream) error {
	row := append(out.row(), `{"id":`...)
	row = ejson.AppendString(row, r.ID)
	row = append(row, `,"key":`...)
	row = ejson.AppendString(row, key)
	row = append(row, `,"value":{"rev":"`...)
	row = append(append(row, r.Rev...), '"')
	if r.Deleted {
		row = append(row, `,"deleted":true`...)
	}
	row = append(row, '}')
	if rq.includeDocs {
		doc := []byte("null")
		if !r.Deleted {
			var err error
			if doc, err = db.render(ctx, r, rq.docs); err != nil {
				return err
			}
		}
		row = append(append(row, `,"doc":`...), doc...)
	}
	out.write(append(row, '}'))
	return nil
}

// listKeys writes a row per key, in the order of the keys.
func (db *database) listKeys(ctx context.Context, rq rangeQuery, out *stream) error {
	total, err := db.total(ctx, rq)
	if err != nil {
		return err
	}
	out.text(fmt.Sprintf(`{"total_rows":%d,"offset":null,`, total))
	if rq.updateSeq {
		out.text(`"update_seq":null,`)
	}
	out.text(`"rows":[`)
	keys := rq.keys[min(rq.skip, len(rq.keys)):]
	if rq.limit >= 0 {
		keys = keys[:min(rq.limit, len(keys))]
	}
	for i := range keys {
		raw := keys[i]
		if rq.descending {
			raw = keys[len(keys)-1-i]
		}
		var id string
		if rq.design && !bytes.HasPrefix(raw, []byte(`"_design/`)) {
			continue
		}
		if raw[0] != '"' || json.Unmarshal(raw, &id) != nil {
			out.write(fmt.Appendf(out.row(), `{"key":%s,"error":"not_found"}`, raw))
			continue
		}
		r, err := db.winner(ctx, id)
		switch {
		case err == nil:
			err = db.writeRow(ctx, r, id, rq, out)
		case isMissing(err):
			out.write(append(ejson.AppendString(append(out.row(), `{"key":`...), id), `,"error":"not_found"}`...))
			err = nil
		}
		if err != nil {
			return err
		}
	}
	out.endRows()
	return out.flushed()
}

func isMissing(err error) bool {
	return err != nil && asFailure(err).Status == http.StatusNotFound
}
