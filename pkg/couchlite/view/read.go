package view

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/callflowd/callflowd/pkg/collation"
	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/rows"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

// reader writes the answer to one query of a map view.
type reader struct {
	engine   *Engine
	collator *collation.Collator
	db       *store.Database
	snapshot snapshot
	view     view
	query    Query
	ranges   []keyRange
	out      *rows.Writer
	skip     int
	left     int // -1: no limit
}

func (v *reader) answer(ctx context.Context) error {
	if v.query.reduces {
		return v.reduce(ctx)
	}
	return v.write(ctx)
}

// write writes the whole answer object.
func (v *reader) write(ctx context.Context) error {
	if err := v.head(ctx); err != nil {
		return err
	}
	v.skip, v.left = v.query.skip, v.query.limit
	for _, r := range v.ranges {
		if v.left == 0 {
			break
		}
		if err := v.snapshot.scan(ctx, v.view.number, r, v.query.descending, func(row viewRow) error {
			return v.row(ctx, row)
		}); err != nil {
			return err
		}
	}
	v.out.End()
	return v.out.Flushed()
}

// head writes what comes before the rows.
func (v *reader) head(ctx context.Context) error {
	total, err := v.snapshot.total(ctx, v.view.number)
	if err != nil {
		return fmt.Errorf("count view: %w", err)
	}
	offset, err := v.offset(ctx, total)
	if err != nil {
		return fmt.Errorf("count view: %w", err)
	}
	v.out.Text(fmt.Sprintf(`{"total_rows":%d,"offset":%d,`, total, min(total, offset+int64(v.query.skip))))
	if v.query.updateSeq {
		v.out.Text(`"update_seq":"` + v.db.EncodeSeq(v.snapshot.seq) + `",`)
	}
	v.out.Text(`"rows":[`)
	return nil
}

// offset counts the entries that sort before the first row of the query: with
// several keys, of the first key that has any.
func (v *reader) offset(ctx context.Context, total int64) (int64, error) {
	var before int64
	for i, r := range v.ranges {
		start, end := int64(0), total
		var err error
		if r.lo != nil {
			if start, err = v.snapshot.rank(ctx, v.view.number, r.lo); err != nil {
				return 0, err
			}
		}
		if len(v.ranges) > 1 || v.query.descending {
			if end, err = v.rankOrAll(ctx, r.hi, total); err != nil {
				return 0, err
			}
		}
		if before = start; v.query.descending {
			before = total - end
		}
		if end > start || i == len(v.ranges)-1 {
			break
		}
	}
	return before, nil
}

func (v *reader) rankOrAll(ctx context.Context, k []byte, total int64) (int64, error) {
	if k == nil {
		return total, nil
	}
	return v.snapshot.rank(ctx, v.view.number, k)
}

// wanted counts one more row or group against skip and limit and reports
// whether it is to be written; errEnough says that none after it is.
func (v *reader) wanted() (bool, error) {
	if v.skip > 0 {
		v.skip--
		return false, nil
	}
	if v.left == 0 {
		return false, errEnough
	}
	v.left--
	return true, nil
}

// row writes one row, unless it is skipped.
func (v *reader) row(ctx context.Context, r viewRow) error {
	if r.k == nil {
		return nil
	}
	if wanted, err := v.wanted(); !wanted {
		return err
	}
	buf := append(v.out.Row(), `{"id":`...)
	buf = ejson.AppendString(buf, r.id)
	buf = append(append(buf, `,"key":`...), r.key...)
	buf = append(append(buf, `,"value":`...), r.value...)
	if v.query.includeDocs {
		doc, err := v.document(ctx, r)
		if err != nil {
			return err
		}
		buf = append(append(buf, `,"doc":`...), doc...)
	}
	v.out.Put(append(buf, '}'))
	if v.left == 0 {
		return errEnough
	}
	return v.out.Err
}

// document returns the document of a row, or the one its value links to by
// _id and _rev; null when there is none.
func (v *reader) document(ctx context.Context, r viewRow) ([]byte, error) {
	id, rev := r.id, ""
	if r.value[0] == '{' && bytes.Contains(r.value, []byte(`"_`)) {
		var link struct {
			ID  json.RawMessage `json:"_id"`
			Rev string          `json:"_rev"`
		}
		_ = json.Unmarshal(r.value, &link)
		if link.ID != nil && json.Unmarshal(link.ID, &id) != nil || string(link.ID) == "null" {
			return []byte("null"), nil
		}
		rev = link.Rev
	}
	doc, deleted, err := v.db.DocBody(ctx, id, rev, v.query.docs)
	if fault.IsMissing(err) || deleted || err != nil && fault.As(err).Status == 400 {
		return []byte("null"), nil
	}
	return doc, err
}
