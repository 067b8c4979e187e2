package view

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sort"
)

// rankSize is how many entries a row of ranks counts at most once it is saved.
const rankSize = 256

// rank is one row of ranks: n entries from lo up to the next row's lo.
type rank struct {
	lo    []byte
	n     int
	dirty bool
}

// rankWriter updates ranks while entries are added and removed.
type rankWriter struct {
	views map[int][]rank
}

func (r *rankWriter) load(ctx context.Context, tx *sql.Tx) error {
	r.views = map[int][]rank{}
	rows, err := tx.QueryContext(ctx, `SELECT view, lo, n FROM ranks ORDER BY view, lo`)
	if err != nil {
		return fmt.Errorf("read ranks: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var view int
		var k rank
		if err := rows.Scan(&view, &k.lo, &k.n); err != nil {
			return err
		}
		r.views[view] = append(r.views[view], k)
	}
	return rows.Err()
}

// count counts an entry that was added (1) or removed (-1).
func (r *rankWriter) count(view int, k []byte, d int) {
	list := r.views[view]
	if len(list) == 0 {
		list = []rank{{lo: []byte{0}}}
		r.views[view] = list
	}
	i := sort.Search(len(list), func(i int) bool { return bytes.Compare(list[i].lo, k) > 0 }) - 1
	list[max(i, 0)].n += d
	list[max(i, 0)].dirty = true
}

// save writes the rows that changed, and splits those above rankSize.
func (r *rankWriter) save(ctx context.Context, tx *sql.Tx) error {
	for view, list := range r.views {
		saved := make([]rank, 0, len(list))
		for _, k := range list {
			if !k.dirty {
				saved = append(saved, k)
				continue
			}
			parts, err := saveRank(ctx, tx, view, k, len(saved) == 0)
			if err != nil {
				return fmt.Errorf("write ranks: %w", err)
			}
			saved = append(saved, parts...)
		}
		r.views[view] = saved
	}
	return nil
}

// saveRank writes one row as one or more, or deletes it when it counts none.
func saveRank(ctx context.Context, tx *sql.Tx, view int, k rank, first bool) ([]rank, error) {
	var parts []rank
	for k.n > rankSize {
		var next []byte
		row := tx.QueryRowContext(ctx, `SELECT k FROM entries WHERE view = ? AND k >= ? ORDER BY k LIMIT 1 OFFSET ?`, view, k.lo, rankSize/2)
		if err := row.Scan(&next); err != nil {
			return nil, err
		}
		parts = append(parts, rank{lo: k.lo, n: rankSize / 2})
		k.lo, k.n = next, k.n-rankSize/2
	}
	if k.n == 0 && !first {
		_, err := tx.ExecContext(ctx, `DELETE FROM ranks WHERE view = ? AND lo = ?`, view, k.lo)
		return nil, err
	}
	parts = append(parts, rank{lo: k.lo, n: k.n})
	for _, part := range parts {
		if err := putRank(ctx, tx, view, part); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

func putRank(ctx context.Context, tx *sql.Tx, view int, k rank) error {
	_, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO ranks VALUES(?, ?, ?)`, view, k.lo, k.n)
	return err
}

// total returns the number of entries of a view.
func (s snapshot) total(ctx context.Context, view int) (int64, error) {
	var n int64
	err := s.tx.QueryRowContext(ctx, `SELECT coalesce(sum(n), 0) FROM ranks WHERE view = ?`, view).Scan(&n)
	return n, err
}

// rank returns how many entries of a view sort before k.
func (s snapshot) rank(ctx context.Context, view int, k []byte) (int64, error) {
	var lo []byte
	err := s.tx.QueryRowContext(ctx, `SELECT lo FROM ranks WHERE view = ? AND lo <= ? ORDER BY lo DESC LIMIT 1`, view, k).Scan(&lo)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var n int64
	err = s.tx.QueryRowContext(ctx, `SELECT
		(SELECT coalesce(sum(n), 0) FROM ranks WHERE view = ?1 AND lo < ?2) +
		(SELECT count(*) FROM entries WHERE view = ?1 AND k >= ?2 AND k < ?3)`, view, lo, k).Scan(&n)
	return n, err
}
