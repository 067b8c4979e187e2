package view

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// viewRow is one entry as it is read.
type viewRow struct {
	k          []byte
	id         string
	key, value []byte
}

// errEnough ends a scan that has read enough rows.
var errEnough = errors.New("enough rows")

// scan calls fn for the entries of a range, in order or backwards. Equal keys
// of one document keep their order in both directions. fn may return errEnough.
// A row's bytes are valid only until fn returns.
func (s snapshot) scan(ctx context.Context, number int, r keyRange, descending bool, fn func(viewRow) error) error {
	text, args := `SELECT k, id, key, value FROM entries WHERE view = ? AND k >= ?`, []any{number, r.lo}
	if r.lo == nil {
		args[1] = []byte{0}
	}
	if r.hi != nil {
		text, args = text+` AND k < ?`, append(args, r.hi)
	}
	if descending {
		text += ` ORDER BY k DESC`
	} else {
		text += ` ORDER BY k`
	}
	rows, err := s.tx.QueryContext(ctx, text, args...)
	if err != nil {
		return fmt.Errorf("read view: %w", err)
	}
	defer func() { _ = rows.Close() }()
	if descending {
		fn = backwards(fn)
	}
	if err := each(rows, fn); err != nil && !errors.Is(err, errEnough) {
		return err
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read view: %w", err)
	}
	return nil
}

// each calls fn for each row, and at the end once with the zero row.
func each(rows *sql.Rows, fn func(viewRow) error) error {
	for rows.Next() {
		var r viewRow
		var raw [4]sql.RawBytes
		if err := rows.Scan(&raw[0], &raw[1], &raw[2], &raw[3]); err != nil {
			return fmt.Errorf("read view: %w", err)
		}
		r.k, r.id, r.key, r.value = raw[0], string(raw[1]), raw[2], raw[3]
		if err := fn(r); err != nil {
			return err
		}
	}
	return fn(viewRow{})
}

// backwards calls fn with the rows of one document and key in reverse order.
func backwards(fn func(viewRow) error) func(viewRow) error {
	var held []viewRow
	flush := func() error {
		for i := range held {
			if err := fn(held[len(held)-1-i]); err != nil {
				return err
			}
		}
		held = held[:0]
		return nil
	}
	return func(r viewRow) error {
		if len(held) > 0 && !sameKey(held[0], r) {
			if err := flush(); err != nil {
				return err
			}
		}
		if r.k == nil {
			return fn(r)
		}
		held = append(held, viewRow{bytes.Clone(r.k), r.id, bytes.Clone(r.key), bytes.Clone(r.value)})
		return nil
	}
}

func sameKey(a, b viewRow) bool {
	n := len(a.k) - suffixSize
	return len(b.k) == len(a.k) && bytes.Equal(a.k[:n], b.k[:n])
}
