package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"runtime/debug"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
)

// maxBatch bounds how many operations share one transaction.
const maxBatch = 256

// operation is one write that waits for its turn.
type operation struct {
	ctx  context.Context
	run  func(*writer) error
	err  error
	done chan struct{}
}

// writer owns a database's writing connection. One goroutine runs every
// operation; those that queue up while a transaction is being synced to disk
// share the next one.
type writer struct {
	db       *Database
	conn     *sql.Conn
	stmt     writeStatements
	prepared []*sql.Stmt // all of stmt, to be closed
	st       State       // as it will be after this transaction
	queue    chan *operation
	quit     chan struct{} // closed by stop
	ended    chan struct{} // closed when the goroutine is done

	refuses bool // the disk cannot be written

	touched bool // this transaction changes more than st
	pages   int  // of the log, about, that are not in the file
	merged  bool // the file holds all of the log
	logged  bool // the journal knows that the file needs its log

	stopOnce chan struct{} // holds one token, taken by the first stop

	// superseded is about how many revisions were superseded since the last
	// compaction. The file's user_version keeps it while the database is
	// closed; after a crash it is too low.
	superseded, kept int64
}

// writeStatements are prepared once on the writing connection.
type writeStatements struct {
	begin, commit, rollback, saveState *sql.Stmt
	findDoc, addDoc, setDoc, dropDoc   *sql.Stmt
	addBody, getBody, dropBody         *sql.Stmt
	findAttachment                     *sql.Stmt
	setLocal, dropLocal                *sql.Stmt
}

func startWriter(ctx context.Context, db *Database, merged bool) (*writer, error) {
	conn, err := db.file.W.Conn(ctx)
	if err != nil {
		return nil, err
	}
	w := &writer{
		db: db, conn: conn, st: *db.state.Load(),
		queue: make(chan *operation, maxBatch), quit: make(chan struct{}), ended: make(chan struct{}),
		stopOnce: make(chan struct{}, 1), merged: merged,
	}
	known, _ := db.store.journal.Of(db.base)
	w.logged = known.Logged
	w.stopOnce <- struct{}{}
	if err := w.prepare(ctx); err != nil {
		w.release()
		return nil, err
	}
	if err := conn.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&w.kept); err != nil {
		w.release()
		return nil, fmt.Errorf("read user_version: %w", err)
	}
	w.superseded = w.kept
	go w.loop()
	return w, nil
}

// prepare prepares the statements on the connection.
func (w *writer) prepare(ctx context.Context) error {
	s := &w.stmt
	for _, p := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&s.begin, `BEGIN IMMEDIATE`},
		{&s.commit, `COMMIT`},
		{&s.rollback, `ROLLBACK`},
		{&s.saveState, `UPDATE state SET seq = ?, docs = ?, deleted = ?, purge_seq = ?, revs_limit = ?, security = ?, commits = ?, merged = ?`},
		{&s.findDoc, `SELECT num, deleted, tree FROM docs WHERE id = ?`},
		{&s.addDoc, `INSERT INTO docs(seq, deleted, rev, body, leaves, tree, id) VALUES(?, ?, ?, ?, ?, ?, ?)`},
		{&s.setDoc, `UPDATE docs SET seq = ?, deleted = ?, rev = ?, body = ?, leaves = ?, tree = ? WHERE num = ?`},
		{&s.dropDoc, `DELETE FROM docs WHERE num = ?`},
		{&s.addBody, `INSERT INTO bodies(body, attachments) VALUES(?, ?)`},
		{&s.getBody, `SELECT attachments FROM bodies WHERE num = ?`},
		{&s.dropBody, `DELETE FROM bodies WHERE num = ?`},
		{&s.findAttachment, `SELECT num FROM attachments WHERE sha = ?`},
		{&s.setLocal, `INSERT OR REPLACE INTO locals(id, rev, body) VALUES(?, ?, ?)`},
		{&s.dropLocal, `DELETE FROM locals WHERE id = ?`},
	} {
		stmt, err := w.conn.PrepareContext(ctx, p.text)
		if err != nil {
			return fmt.Errorf("prepare %s: %w", p.text, err)
		}
		*p.stmt = stmt
		w.prepared = append(w.prepared, stmt)
	}
	return nil
}

// release closes the statements and gives the connection back. Statements of a
// [sql.Conn] are not closed with it, and an open one keeps SQLite from closing
// the file.
func (w *writer) release() {
	for _, stmt := range w.prepared {
		_ = stmt.Close()
	}
	_ = w.conn.Close()
}

// refusingWriter is the writer of a database that can only be read.
func refusingWriter(db *Database) *writer {
	w := &writer{db: db, st: *db.state.Load(), quit: make(chan struct{}), ended: make(chan struct{}), stopOnce: make(chan struct{}, 1), refuses: true}
	w.stopOnce <- struct{}{}
	close(w.ended)
	return w
}

// do runs fn in a transaction and returns when that is on disk. An error of
// fn that is a [fault.Error] concerns fn alone, which then must have written
// nothing; any other undoes the whole transaction.
func (w *writer) do(ctx context.Context, fn func(*writer) error) error {
	op := &operation{ctx: ctx, run: fn, done: make(chan struct{})}
	select {
	case <-w.quit:
		return fault.NoDatabase()
	default:
	}
	if w.refuses {
		return errUnwritable()
	}
	select {
	case w.queue <- op:
	case <-w.quit:
		return fault.NoDatabase()
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-op.done:
		return op.err
	case <-w.ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-op.done:
		return op.err
	default:
		return fault.NoDatabase()
	}
}

func errUnwritable() *fault.Error {
	return fault.New(503, "service_unavailable", "The disk cannot be written: it is full, or fails.")
}

// stop ends the goroutine after the transaction under way. Operations that
// come later get 404: the database is gone or going.
func (w *writer) stop() {
	select {
	case <-w.stopOnce:
		close(w.quit)
	default:
	}
	<-w.ended
}

func (w *writer) loop() {
	defer close(w.ended)
	defer w.release()
	defer w.keepCount()
	for {
		select {
		case op := <-w.queue:
			w.batch(op)
			w.mergeLog()
			if w.crowded() {
				w.superseded = 0
				w.db.store.StartCompaction(w.db)
			}
		case <-w.quit:
			return
		}
	}
}

// keepCount stores how many revisions are superseded. It does not wait for the
// disk: closing the file does.
func (w *writer) keepCount() {
	if w.superseded == w.kept || w.db.dropped.Load() {
		return
	}
	ctx := context.Background()
	count := min(w.superseded, math.MaxInt32)
	_, err := w.conn.ExecContext(ctx, `PRAGMA synchronous = NORMAL`)
	if err == nil {
		err = w.commit(ctx, func() error {
			_, err := w.conn.ExecContext(ctx, fmt.Sprintf(`PRAGMA user_version = %d`, count))
			w.touched = true
			return err
		})
	}
	if err != nil {
		w.db.log.Warn("count superseded revisions", zap.Error(err))
	}
}

// batch runs first and whatever else is queued in one transaction.
func (w *writer) batch(first *operation) {
	ops := []*operation{first}
	for len(ops) < maxBatch {
		select {
		case op := <-w.queue:
			ops = append(ops, op)
			continue
		default:
		}
		break
	}
	err := w.transaction(ops)
	if err != nil {
		w.db.log.Error("write", zap.Error(err))
	}
	for _, op := range ops {
		if err != nil && op.err == nil {
			op.err = err
		}
		if Unwritable(op.err) {
			op.err = errUnwritable()
		}
		close(op.done)
	}
}

func (w *writer) transaction(ops []*operation) error {
	ctx := context.Background() // a batch serves many requests and none may end it
	before := w.st
	w.db.store.gate.RLock()
	defer w.db.store.gate.RUnlock()
	if cut := w.db.store.cut.Load(); cut != nil {
		cut.beforeWrite(w.db)
	}
	if err := w.commit(ctx, func() error { return w.runAll(ops) }); err != nil {
		return err
	}
	if w.st != before {
		st := w.st
		w.db.state.Store(&st)
	}
	if w.st.Seq != before.Seq {
		w.db.store.committed(w.db.name, updateUpdated)
	}
	return nil
}

// commit runs fn in a transaction, which counts itself if it changes anything.
func (w *writer) commit(ctx context.Context, fn func() error) error {
	before := w.st
	w.touched = false
	if _, err := w.stmt.begin.ExecContext(ctx); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	err := fn()
	changed := w.touched || w.st != before
	if err == nil && changed {
		err = w.save(ctx)
	}
	if err == nil {
		_, err = w.stmt.commit.ExecContext(ctx)
	}
	if err != nil {
		w.st = before
		_, rerr := w.stmt.rollback.ExecContext(ctx)
		return errors.Join(err, rerr)
	}
	if changed {
		w.merged = false
	}
	return nil
}

// save writes the row of the table state.
func (w *writer) save(ctx context.Context) error {
	if err := w.needLog(); err != nil {
		return err
	}
	if w.merged {
		w.st.merged = w.st.Commits
	}
	w.st.Commits++
	_, err := w.stmt.saveState.ExecContext(ctx, w.st.Seq, w.st.Docs, w.st.Deleted, w.st.PurgeSeq, w.st.RevsLimit, w.st.Security, w.st.Commits, w.st.merged)
	return err
}

func (w *writer) runAll(ops []*operation) error {
	for _, op := range ops {
		if op.err = op.ctx.Err(); op.err != nil {
			continue
		}
		op.err = w.guarded(op)
		var f *fault.Error
		if op.err != nil && !errors.As(op.err, &f) {
			return op.err
		}
	}
	return nil
}

// guarded turns a panic of the operation into an error, so that the writer
// outlives it.
func (w *writer) guarded(op *operation) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return op.run(w)
}
