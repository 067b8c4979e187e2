package view

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/sandbox"
)

const (
	maxStrikes = 5 // documents on which a function may exceed its limits
	// firstRetry is how many queries of a view that fails make it be tried
	// again. The number doubles each time the view goes on failing.
	firstRetry = 8
)

// failures are the views whose functions exceeded their limits, by number.
type failures map[int]*failure

// failure describes one such view. After maxStrikes documents, or one on which
// the function could not be stopped, the view answers with an error instead of
// rows. It is tried on these documents again when one of them has changed and
// when it was queried often enough. If the function then stays within its
// limits on all of them, the index is built from scratch.
type failure struct {
	docs   []string
	reason string // what the view answers; "" as long as it has rows
	asked  int    // queries since it was last tried
	wait   int    // how many queries make it be tried again
	again  bool   // one of the documents has changed
	stuck  bool   // the function could not be stopped: a change alone is no reason to try it again
}

func (f *failure) due() bool {
	return f.reason != "" && (f.again && !f.stuck || f.asked >= f.wait)
}

// due reports whether a view is to be tried again.
func (fs failures) due() bool {
	for _, f := range fs {
		if f.due() {
			return true
		}
	}
	return false
}

// strike notes that a function exceeded a limit on a document.
func (x *viewIndex) strike(view int, id string, limit *sandbox.LimitError, stuck bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f := x.failures[view]
	if f == nil {
		f = &failure{wait: firstRetry}
		x.failures[view] = f
	}
	if len(f.docs) < maxStrikes && !slices.Contains(f.docs, id) {
		f.docs = append(f.docs, id)
	}
	if f.reason == "" && (stuck || len(f.docs) >= maxStrikes) {
		f.reason = fmt.Sprintf("The map function of '%s' exceeds its limit of %s, last on document '%s'.", x.design.mapNames[view], limit.Limit, id)
		f.asked, f.again, f.stuck = 0, false, stuck
	}
}

// failing are the views that are not mapped any more.
func (x *viewIndex) failing() map[int]bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	var skip map[int]bool
	for view, f := range x.failures {
		if f.reason != "" {
			if skip == nil {
				skip = map[int]bool{}
			}
			skip[view] = true
		}
	}
	return skip
}

// broken returns why a view cannot be read, or nil.
func (x *viewIndex) broken(view int) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if f := x.failures[view]; f != nil && f.reason != "" {
		return fault.New(500, "os_process_error", f.reason)
	}
	return nil
}

// asked notes that a view is queried.
func (x *viewIndex) asked(view int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if f := x.failures[view]; f != nil {
		f.asked++
	}
}

// changed notes that a document is another one now, before it is mapped.
func (x *viewIndex) changed(id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, f := range x.failures {
		at := slices.Index(f.docs, id)
		switch {
		case at < 0:
		case f.reason != "":
			f.again = true
		default:
			f.docs = slices.Delete(f.docs, at, at+1)
		}
	}
}

// retry tries the views whose turn it is on the documents that they failed on.
// If one manages, the index is emptied, to be built with it.
func (x *viewIndex) retry(ctx context.Context) error {
	for view, f := range x.trials() {
		manages, err := x.manages(ctx, view, f.docs)
		if err != nil {
			return err
		}
		if !manages {
			x.failedAgain(view)
			continue
		}
		x.log.Info("a view works again", zap.String("view", x.design.mapNames[view]))
		return x.beginAnew(ctx)
	}
	return nil
}

// trials are the views to be tried.
func (x *viewIndex) trials() map[int]failure {
	x.mu.Lock()
	defer x.mu.Unlock()
	due := map[int]failure{}
	for view, f := range x.failures {
		if f.due() {
			due[view] = failure{docs: slices.Clone(f.docs)}
		}
	}
	return due
}

// failedAgain makes the next trial come later.
func (x *viewIndex) failedAgain(view int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f := x.failures[view]
	f.asked, f.wait, f.again = 0, min(2*f.wait, math.MaxInt/2), false
}

// manages reports whether a view's function stays within its limits on the
// documents, as they are now.
func (x *viewIndex) manages(ctx context.Context, view int, docs []string) (bool, error) {
	m := &mapper{update: &indexUpdate{index: x}, index: x}
	defer m.giveBack()
	if err := m.prepare(ctx); err != nil {
		return false, err
	}
	others := map[int]bool{}
	for number := range x.design.mapNames {
		others[number] = number != view
	}
	for _, id := range docs {
		c, err := x.set.db.Mapped(ctx, id)
		if err != nil {
			return false, err
		}
		if c.Body == nil {
			continue
		}
		results, err := m.machine.Map(ctx, c.Body, others)
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		var limit *sandbox.LimitError
		if m.machine.Stuck() || err == nil && errors.As(results[view].Err, &limit) {
			return false, nil
		}
	}
	return true, nil
}

// beginAnew empties the index.
func (x *viewIndex) beginAnew(ctx context.Context) error {
	tx, err := x.file.W.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("write view index: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	for _, text := range []string{`DELETE FROM entries`, `DELETE FROM ranks`, `DELETE FROM broken`, `UPDATE meta SET seq = 0`} {
		if _, err := tx.ExecContext(ctx, text); err != nil {
			return fmt.Errorf("write view index: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("write view index: %w", err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.ranks, x.seq, x.failures = nil, 0, failures{}
	return nil
}

// saveFailures records views that fail, so that their index is built from
// scratch when it is opened the next time.
func (x *viewIndex) saveFailures(ctx context.Context, tx *sql.Tx) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	for view, f := range x.failures {
		if f.reason == "" {
			continue
		}
		if _, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO broken VALUES(?, ?)`, view, f.reason); err != nil {
			return err
		}
	}
	return nil
}
