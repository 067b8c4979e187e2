package view

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
)

// indexWriter is a transaction that changes an index. Entries are collected
// and written in order. Its statements cannot be canceled: a context that can
// be canceled costs a goroutine for each.
type indexWriter struct {
	ctx   context.Context
	tx    *sql.Tx
	index *viewIndex
	fresh bool // there is nothing to replace
	seq   int64
	purge int64 // up to where purged documents are not in it any more
	docs  int
	size  int
	ranks *rankWriter

	entries      []docEntry
	find, remove *sql.Stmt
}

type docEntry struct {
	entry
	id string
}

func beginIndexWriter(x *viewIndex, fresh bool) (w *indexWriter, err error) {
	ctx := context.Background()
	tx, err := x.file.W.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("write view index: %w", err)
	}
	w = &indexWriter{ctx: ctx, tx: tx, index: x, fresh: fresh, purge: x.purgeSeq}
	if err := w.prepare(); err != nil {
		_ = tx.Rollback()
		return nil, fmt.Errorf("write view index: %w", err)
	}
	return w, nil
}

func (w *indexWriter) prepare() (err error) {
	if !w.fresh {
		if _, err := w.tx.Exec(entriesIndex); err != nil {
			return err
		}
	}
	if w.find, err = w.tx.Prepare(`SELECT view, k FROM entries WHERE id = ?`); err != nil {
		return err
	}
	if w.remove, err = w.tx.Prepare(`DELETE FROM entries WHERE id = ?`); err != nil {
		return err
	}
	if w.ranks = w.index.ranks; w.ranks == nil {
		w.ranks = &rankWriter{}
		err = w.ranks.load(w.ctx, w.tx)
	}
	w.index.ranks = nil // until they are saved
	return err
}

// replace puts the entries of a document in the place of those it had.
func (w *indexWriter) replace(id string, entries []entry) error {
	w.docs++
	if !w.fresh {
		if err := w.forget(id); err != nil {
			return fmt.Errorf("write view index: %w", err)
		}
	}
	for _, e := range entries {
		w.entries = append(w.entries, docEntry{e, id})
		w.size += len(e.k) + len(e.key) + len(e.value) + len(id)
		w.ranks.count(e.view, e.k, 1)
	}
	return nil
}

func (w *indexWriter) forget(id string) error {
	rows, err := w.find.Query(id)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	found := false
	for rows.Next() {
		var view int
		var k []byte
		if err := rows.Scan(&view, &k); err != nil {
			return err
		}
		found = true
		w.ranks.count(view, k, -1)
	}
	if err := rows.Err(); err != nil || !found {
		return err
	}
	_, err = w.remove.Exec(id)
	return err
}

// insertRows is how many entries one statement inserts.
const insertRows = 16

func (w *indexWriter) insert() error {
	slices.SortFunc(w.entries, func(a, b docEntry) int {
		return cmp.Or(cmp.Compare(a.view, b.view), bytes.Compare(a.k, b.k))
	})
	for _, n := range []int{insertRows, 1} {
		if len(w.entries) < n {
			continue
		}
		values := bytes.Repeat([]byte(", (?, ?, ?, ?, ?)"), n)
		stmt, err := w.tx.Prepare(`INSERT INTO entries(view, k, id, key, value) VALUES ` + string(values[2:]))
		if err != nil {
			return err
		}
		args := make([]any, 0, 5*n)
		for len(w.entries) >= n {
			args = args[:0]
			for _, e := range w.entries[:n] {
				args = append(args, e.view, e.k, e.id, e.key, e.value)
			}
			if _, err := stmt.Exec(args...); err != nil {
				return err
			}
			w.entries = w.entries[n:]
		}
	}
	return nil
}

func (w *indexWriter) commit() error {
	if err := w.insert(); err != nil {
		return err
	}
	if err := w.ranks.save(w.ctx, w.tx); err != nil {
		return err
	}
	if _, err := w.tx.Exec(`UPDATE meta SET seq = ?, purge_seq = ?`, w.seq, w.purge); err != nil {
		return err
	}
	if err := w.index.saveFailures(w.ctx, w.tx); err != nil {
		return err
	}
	if err := w.tx.Commit(); err != nil {
		return err
	}
	w.index.ranks = w.ranks
	return nil
}

func (w *indexWriter) rollback() { _ = w.tx.Rollback() }

// forgetPurged takes the entries of documents away that the database does not
// have any more, and notes that it has done so up to purge.
func (w *indexWriter) forgetPurged(ctx context.Context, purge int64) error {
	ids, err := w.documents()
	if err != nil {
		return fmt.Errorf("read view index: %w", err)
	}
	gone, err := w.index.set.db.Missing(ctx, ids)
	if err != nil {
		return err
	}
	for _, id := range gone {
		if err := w.forget(id); err != nil {
			return fmt.Errorf("write view index: %w", err)
		}
	}
	w.purge = purge
	return nil
}

// documents returns the ids of the documents that have entries.
func (w *indexWriter) documents() ([]string, error) {
	rows, err := w.tx.Query(`SELECT DISTINCT id FROM entries`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}
