package view

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/collation"
	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/sandbox"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

// entry is one row of a view on its way into the index.
type entry struct {
	view       int
	k          []byte
	key, value []byte
}

// errorLog counts failed calls and logs the first ones.
type errorLog struct{ n atomic.Int64 }

// mapper maps documents with a machine and a collator of its own.
type mapper struct {
	update   *indexUpdate
	index    *viewIndex
	machine  *sandbox.Machine
	collator *collation.Collator
	skip     map[int]bool
}

// mapBatches maps batches until there are no more.
func (u *indexUpdate) mapBatches(ctx context.Context, work <-chan *batch) error {
	m := &mapper{update: u, index: u.index, collator: collation.New()}
	defer m.giveBack()
	for b := range work {
		b.entries = make([][]entry, len(b.changes))
		for i, c := range b.changes {
			u.index.changed(c.ID)
			if c.Body == nil || b.err != nil {
				continue
			}
			b.entries[i], b.err = m.document(ctx, c)
		}
		close(b.done)
	}
	return nil
}

func (m *mapper) giveBack() {
	if m.machine != nil {
		m.index.set.engine.machines.put(m.index.design.digest, m.machine)
	}
}

// prepare gets a machine, unless there is one that is not stuck.
func (m *mapper) prepare(ctx context.Context) error {
	m.skip = m.index.failing()
	if m.machine != nil && !m.machine.Stuck() {
		return nil
	}
	x := m.index
	var err error
	m.machine, err = x.set.engine.machines.get(x.design.digest, func() (*sandbox.Machine, error) {
		return x.design.newMachine(ctx, x.set.engine.limits, func(line string) {
			x.set.engine.log.Info("map function", zap.String("design", x.design.name), zap.String("says", line))
		})
	})
	return err
}

// document returns the entries of one document. A function that fails has
// none.
func (m *mapper) document(ctx context.Context, c store.Change) ([]entry, error) {
	if err := m.prepare(ctx); err != nil {
		return nil, err
	}
	results, err := m.machine.Map(ctx, c.Body, m.skip)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil && m.retry(results, c) {
		return m.document(ctx, c)
	}
	if err := timedOut(results); err != nil {
		return nil, err
	}
	if err != nil {
		m.failed(-1, c.ID, err)
	}
	var entries []entry
	for view, result := range results {
		if result.Err != nil {
			m.failed(view, c.ID, result.Err)
			continue
		}
		start := len(entries)
		for _, row := range result.Rows {
			k, err := m.collator.Append(nil, row.Key)
			if err != nil {
				m.failed(view, c.ID, fmt.Errorf("emitted key: %w", err))
				entries = entries[:start]
				break
			}
			entries = append(entries, entry{view: view, k: k, key: row.Key, value: row.Value})
		}
		number(entries[start:], c.ID)
	}
	return entries, nil
}

// timedOut returns the error of a call that a time limit ended. The document may
// not be to blame, so the update fails: if it went on, the document's rows would
// be missing until the document changes.
func timedOut(results []sandbox.MapResult) error {
	for _, r := range results {
		var limit *sandbox.LimitError
		if errors.As(r.Err, &limit) && limit.Measured() {
			return fault.New(500, "timeout", r.Err.Error())
		}
	}
	return nil
}

// retry reports whether a document is to be mapped again, because the machine
// was stuck in a function, which is counted as failed.
func (m *mapper) retry(results []sandbox.MapResult, c store.Change) bool {
	blamed := false
	for view, result := range results {
		if m.machine.Stuck() && result.Err != nil {
			m.failed(view, c.ID, result.Err)
			blamed = true
		}
	}
	return blamed
}

// number completes the keys of a document's entries in one view. Among equal
// keys CouchDB lists values in the order of Erlang terms.
func number(entries []entry, id string) {
	slices.SortStableFunc(entries, func(a, b entry) int {
		return cmp.Or(slices.Compare(a.k, b.k), compareTerms(a.value, b.value))
	})
	previous, n := "", 0
	for i := range entries {
		if k := string(entries[i].k); i > 0 && k == previous {
			n++
		} else {
			previous, n = k, 0
		}
		k := collation.AppendBytes(entries[i].k, []byte(id))
		entries[i].k = append(k, byte(n>>16), byte(n>>8), byte(n))
	}
}

// suffixSize is the length of what number appends after the id.
const suffixSize = 3

// failed counts a failure of a function. A function that often exceeds its
// limits is not run any more: its view answers an error from then on.
func (m *mapper) failed(view int, id string, err error) {
	if m.update.errors.n.Add(1) <= loggedErrors {
		m.index.log.Warn("map function failed", zap.String("document", id), zap.Int("view", view), zap.Error(err))
	}
	var limit *sandbox.LimitError
	if view < 0 || !errors.As(err, &limit) {
		return
	}
	m.index.strike(view, id, limit, m.machine.Stuck())
}
