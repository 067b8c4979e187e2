package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"

	"go.uber.org/zap"
	"modernc.org/sqlite"

	"github.com/callflowd/callflowd/pkg/couchlite/journal"
)

// A database's file and its write-ahead log belong together, and SQLite does
// not notice when they do not: a file copied before the log was merged into it
// opens without an error with a log copied after that, and has lost the
// transactions in between.
//
// So every transaction counts itself in state.commits. SQLite begins the log
// anew only after all of it was merged into the file. The first transaction
// after a merge says so, in state.merged: the file held that many then. What
// the file holds by itself is therefore at least merged, and at most commits,
// both as the log tells them. Where these numbers cannot tell, because the
// whole file is old or the log is gone, the journal does.

// mergeAfter is after how many pages the log is merged into the file, as
// SQLite does by itself.
const mergeAfter = 1000

// mergeLog merges the log when it has grown long, except what readers still use.
func (w *writer) mergeLog() {
	w.pages += w.pagesWritten()
	if w.pages < w.db.store.mergeAfter {
		return
	}
	whole, err := merge(context.Background(), w.conn)
	if err != nil {
		w.db.log.Warn("merge the log", zap.Error(err))
	}
	if !whole {
		w.pages /= 2
		return
	}
	w.pages, w.merged = 0, true
	if err := w.db.store.journal.Reached(w.db.base, w.st.Commits); err != nil {
		w.db.log.Warn("note what is merged", zap.Error(err))
	}
}

// pagesWritten is how many pages were written since it was last asked.
func (w *writer) pagesWritten() (pages int) {
	err := w.conn.Raw(func(conn any) (err error) {
		if status, ok := conn.(sqlite.DBStatus); ok {
			pages, _, err = status.Status(sqlite.DBStatusCacheWrite, true)
		}
		return err
	})
	if err != nil {
		return 1 // at least; the log is merged later
	}
	return pages
}

// rowQuerier is a connection, or a pool of one.
type rowQuerier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// merge writes the log into the file, and reports whether that was all of it.
func merge(ctx context.Context, q rowQuerier) (whole bool, err error) {
	var busy, inLog, merged int64
	if err := q.QueryRowContext(ctx, `PRAGMA wal_checkpoint(PASSIVE)`).Scan(&busy, &inLog, &merged); err != nil {
		return false, err
	}
	return busy == 0 && inLog == merged, nil
}

// needLog records, before the first transaction, that the file needs its log
// from now on.
func (w *writer) needLog() error {
	if w.logged {
		return nil
	}
	if err := w.db.store.journal.Logged(w.db.base, w.st.Commits); err != nil {
		return err
	}
	w.logged = true
	return nil
}

// settle records, when the writer has stopped and nobody reads, that the file
// holds all, and only then lets the log go.
func (db *Database) settle() {
	if db.dropped.Load() || db.file.ReadOnly {
		return
	}
	ctx := context.Background()
	whole, err := true, error(nil)
	if db.writer.logged {
		whole, err = merge(ctx, db.file.W)
		if err == nil && whole {
			err = db.store.journal.Merged(db.base, db.writer.st.Commits)
		}
	}
	if err == nil && whole {
		err = db.file.releaseLog(ctx)
	}
	if err != nil || !whole {
		db.log.Warn("the log stays beside the file", zap.Error(err))
	}
}

// releaseLog lets SQLite remove the log's file when the file is closed. Until
// then it stays, since the journal may say that it is needed: also when the
// file could not be opened as a whole.
func (f *File) releaseLog(ctx context.Context) error {
	conn, err := f.W.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	return conn.Raw(func(conn any) error { return persistLog(conn, false) })
}

// counts are what a file says of its transactions.
type counts struct{ commits, merged int64 }

// checkCopy refuses a file that lacks its log, that is of another time than its
// log, or that is older than the journal knows. It changes nothing.
func (s *Store) checkCopy(ctx context.Context, name, base string) error {
	path := s.databasePath(base)
	known, _ := s.journal.Of(base)
	log, err := os.Stat(path + "-wal")
	if err != nil && known.Logged {
		return mixed(name, "its log %s-wal is missing, and what was written last is in there", path)
	}
	file, ok := s.readCounts(ctx, path, onFile)
	if !ok {
		return nil // SQLite says more when it opens it; or an earlier version made it
	}
	both := file
	if log != nil && log.Size() > 0 {
		if both, ok = s.readCounts(ctx, path, onBoth); !ok {
			return nil
		}
	}
	switch {
	case file.commits < both.merged:
		return mixed(name, "%s and its log %[1]s-wal are copies of different times: the file has %d transactions, the log follows on %d", path, file.commits, both.merged)
	case file.commits > both.commits:
		return mixed(name, "%s and its log %[1]s-wal are copies of different times: the file has %d transactions, the log ends with %d", path, file.commits, both.commits)
	}
	return older(name, path, both.commits, known)
}

// checkLeftLog is checkCopy where a file was left with a log or should have
// one, and tells whether it has. Others say enough once they are open.
func (s *Store) checkLeftLog(ctx context.Context, name, base string) (left bool, err error) {
	known, _ := s.journal.Of(base)
	log, err := os.Stat(s.databasePath(base) + "-wal")
	left = err == nil && log.Size() > 0
	if left || known.Logged {
		return left, s.checkCopy(ctx, name, base)
	}
	return false, nil
}

// older refuses a file that has fewer transactions than were acknowledged.
func older(name, path string, commits int64, known journal.Record) error {
	if commits >= known.Commits {
		return nil
	}
	return mixed(name, "%s is an older copy: it has %d transactions of %d that were acknowledged", path, commits, known.Commits)
}

// mixed is damage that is repaired by restoring a backup.
func mixed(name, format string, args ...any) error {
	const remedy = ". Files copied while the program runs are no backup: restore one of 'callflowd backup', put files back together as they were when the program was stopped, " +
		"or go on with what is there by 'callflowd accept %s'"
	return torn(name, fmt.Sprintf(format, args...)+fmt.Sprintf(remedy, name))
}

// lost is damage of a database whose file is missing.
func lost(name, path string) error { return mixed(name, "its file %s is missing", path) }

// How a file is opened to look at it, by itself and with its log: so that
// neither is changed, nor made.
const (
	onFile = "mode=ro&immutable=1"
	onBoth = "mode=ro"
)

// readCounts reads what a file says, opened in a way that changes nothing;
// false when that cannot be read.
func (s *Store) readCounts(ctx context.Context, path, how string) (c counts, ok bool) {
	f := &File{store: s, path: path, ReadOnly: true}
	f.R = f.pool(1, how, nil, true)
	f.W = f.R
	defer func() { _ = f.Close() }()
	err := f.R.QueryRowContext(ctx, `SELECT commits, merged FROM state`).Scan(&c.commits, &c.merged)
	return c, err == nil
}

// addCounts gives the file of an earlier version the columns that count its
// transactions. That version can still use it, and does not count.
func (db *Database) addCounts(ctx context.Context) error {
	_, err := db.file.W.ExecContext(ctx, `BEGIN IMMEDIATE;
		ALTER TABLE state ADD COLUMN commits INTEGER NOT NULL DEFAULT 0;
		ALTER TABLE state ADD COLUMN merged INTEGER NOT NULL DEFAULT 0;
		COMMIT`)
	if err != nil {
		_, _ = db.file.W.ExecContext(ctx, `ROLLBACK`)
	}
	return err
}

// checkCopies checks every database at the start: at once those that a crash,
// or a copy of a running program, left with a log, and those whose file is
// missing; the others little by little, until the store stops.
func (s *Store) checkCopies() {
	var rest []string
	for _, name := range s.Names() {
		base := s.file(name)
		known, listed := s.journal.Of(base)
		if _, err := os.Stat(s.databasePath(base) + "-wal"); err == nil || known.Logged {
			if checkHeader(name, s.databasePath(base)) == nil {
				s.noteDamage(name, s.checkCopy(context.Background(), name, base))
			}
		} else if listed {
			rest = append(rest, name)
		}
	}
	s.findLost()
	s.checks.Go(func() { s.checkSlowly(rest) })
}

// findLost finds the databases whose file is missing. They are databases still,
// which nobody can use: no other is made in their place.
func (s *Store) findLost() {
	for _, base := range s.journal.Names() {
		name, ours := databaseName(base)
		if _, err := os.Stat(s.databasePath(base)); ours && errors.Is(err, os.ErrNotExist) && s.file(name) == "" {
			s.setFile(name, base)
			s.noteDamage(name, lost(name, s.databasePath(base)))
		}
	}
}

// checkPause is the time between two checks in the background.
const checkPause = 2 * time.Millisecond

// checkSlowly looks for older copies among files that nobody has opened yet.
func (s *Store) checkSlowly(names []string) {
	tick := time.NewTicker(checkPause)
	defer tick.Stop()
	for _, name := range names {
		select {
		case <-s.stop:
			return
		case <-tick.C:
		}
		base := s.file(name)
		known, listed := s.journal.Of(base)
		if base == "" || !listed || s.inUse(name) {
			continue // opening it checks the same
		}
		path := s.databasePath(base)
		if file, ok := s.readCounts(context.Background(), path, onFile); ok && !s.inUse(name) {
			if err := older(name, path, file.commits, known); err != nil {
				s.noteDamage(name, err)
			}
		}
	}
}

// inUse reports whether the database is open, or about to be.
func (s *Store) inUse(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.slots[name] != nil
}

// Accept takes the file of a refused database as it is, together with its log,
// and returns how many documents it holds. Lost documents do not come
// back. Followers of its changes have to begin from the start. A database whose
// file is missing is forgotten.
func (s *Store) Accept(ctx context.Context, name string) (docs int64, err error) {
	base := s.file(name)
	if base == "" {
		return 0, fmt.Errorf("there is no database %s", name)
	}
	if _, err := os.Stat(s.databasePath(base)); errors.Is(err, os.ErrNotExist) {
		return 0, s.forgetLost(name)
	}
	if err := checkHeader(name, s.databasePath(base)); err != nil {
		return 0, err
	}
	file, err := s.OpenFile(ctx, s.databasePath(base), FileOptions{Sync: "FULL", Readers: 1})
	if err != nil {
		return 0, err
	}
	known, _ := s.journal.Of(base)
	docs, commits, err := acceptFile(ctx, file, known.Commits)
	if err = errors.Join(err, file.Close()); err != nil {
		return 0, err
	}
	if err := s.journal.Merged(base, commits); err != nil {
		return 0, err
	}
	s.forgetDamage(name, base)
	return docs, nil
}

// acceptFile makes the table state agree with the documents, after at least so
// many transactions.
func acceptFile(ctx context.Context, file *File, known int64) (docs, commits int64, err error) {
	var verdict string
	if err := file.W.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&verdict); err != nil {
		return 0, 0, err
	}
	if verdict != "ok" {
		return 0, 0, fmt.Errorf("the file is damaged beyond that: %s", verdict)
	}
	_, err = file.W.ExecContext(ctx, `UPDATE state SET incarnation = ?, commits = max(commits, ?) + 1,
		seq = (SELECT max(seq) FROM (SELECT seq FROM docs UNION ALL SELECT seq FROM state)),
		docs = (SELECT count(*) FROM docs WHERE deleted = 0), deleted = (SELECT count(*) FROM docs WHERE deleted <> 0)`,
		RandomHex(len(blankIncarnation)/2), known)
	if err == nil {
		err = file.W.QueryRowContext(ctx, `SELECT docs, commits FROM state`).Scan(&docs, &commits)
	}
	return docs, commits, err
}
