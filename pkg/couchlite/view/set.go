// Package view is the view engine: it reads the functions of design documents,
// keeps an index of the rows that map functions emit, one SQLite file per set
// of views, and answers queries from it. It also runs the functions that
// filter changes and validate edits.
//
// An index is brought up to date when a query asks for it. A function that
// fails on a document has no rows for it; one that exceeds its limits again
// and again fails the queries of its view.
package view

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/sandbox"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

// Engine is what the views of all databases share.
type Engine struct {
	log      *zap.Logger
	machines *machinePool   // that run the functions of design documents
	limits   sandbox.Limits // of one call of such a function
	trust    Trust          // in functions that replication brought

	building sync.Map // of *viewIndex: those that are being built
}

// Building is how many view indexes are being built, and how many changes the
// one furthest behind has not seen.
func (e *Engine) Building() (builds int, behind int64) {
	for key := range e.building.Range {
		x, ok := key.(*viewIndex)
		if !ok {
			continue
		}
		x.mu.Lock()
		seen := x.seq
		x.mu.Unlock()
		builds++
		behind = max(behind, x.set.db.Current().Seq-seen)
	}
	return builds, behind
}

// NewEngine returns an engine that logs failing functions to log, and runs
// those that replication brought as trust allows.
func NewEngine(log *zap.Logger, trust Trust) *Engine {
	return &Engine{log: log, machines: newMachinePool(), trust: trust}
}

// Set is the view engine's state of one database: its design documents as
// last read, and the indexes in use, one per digest of a design document's
// views.
type Set struct {
	engine *Engine
	db     *store.Database
	ctx    context.Context // ends with the database: builds stop
	cancel context.CancelFunc
	builds sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	designs map[string]cachedDesign // by id without _design/
	indexes map[string]*viewIndex   // by digest
	memory  map[string]*viewIndex   // instead of those that cannot be written

	validating *validators // as last read, or nil
}

type cachedDesign struct {
	rev    string
	design *Design
}

// Of returns the views of an open database.
func (e *Engine) Of(db *store.Database) *Set {
	ctx, cancel := context.WithCancel(context.Background())
	return &Set{engine: e, db: db, ctx: ctx, cancel: cancel, designs: map[string]cachedDesign{}, indexes: map[string]*viewIndex{}, memory: map[string]*viewIndex{}}
}

// Close stops builds, waits for them and closes the indexes.
func (s *Set) Close() {
	s.mu.Lock()
	s.closed = true
	indexes := slices.Collect(maps.Values(s.indexes))
	indexes = slices.AppendSeq(indexes, maps.Values(s.memory))
	s.indexes, s.memory = nil, nil
	s.mu.Unlock()
	s.cancel()
	s.builds.Wait()
	for _, x := range indexes {
		_ = x.file.Close() // an index can be made again
	}
}

// Drop closes the indexes of a database that is being deleted and removes
// their files.
func (s *Set) Drop() error {
	s.Close()
	if err := os.RemoveAll(s.db.IndexDir()); err != nil {
		return fmt.Errorf("drop view indexes: %w", err)
	}
	return nil
}

// maxCachedDesigns bounds the design documents kept per database.
const maxCachedDesigns = 100

// Design returns a design document's views. A missing document is errMissing,
// a deleted one errDeleted.
func (s *Set) Design(ctx context.Context, name string) (*Design, error) {
	r, err := s.db.Winner(ctx, "_design/"+name)
	switch {
	case err != nil:
		return nil, err
	case r.Deleted:
		return nil, fault.Deleted()
	}
	s.mu.Lock()
	cached, ok := s.designs[name]
	s.mu.Unlock()
	if ok && cached.rev == r.Rev {
		return cached.design, nil
	}
	trust, err := s.trustIn(ctx, r.ID, r.Rev)
	if err != nil {
		return nil, err
	}
	d, err := parseDesign(name, r.Body, trust)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.designs) >= maxCachedDesigns {
		clear(s.designs)
	}
	s.designs[name] = cachedDesign{r.Rev, d}
	return d, nil
}

// index returns the open index of a design document. The caller must leave it.
func (s *Set) index(ctx context.Context, d *Design) (*viewIndex, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fault.NoDatabase()
	}
	if x := s.indexes[d.digest]; x != nil {
		x.users++
		return x, nil
	}
	x, err := openIndex(context.WithoutCancel(ctx), s, d)
	if err != nil {
		return nil, err
	}
	x.users++
	s.indexes[d.digest] = x
	return x, nil
}

// fresh returns the index of a design document, brought up to date as the
// queries want it. If the disk cannot be written, it is one in memory. The
// caller must leave it.
func (s *Set) fresh(ctx context.Context, d *Design, v view, queries []Query) (*viewIndex, error) {
	x, err := s.index(ctx, d)
	if err != nil {
		return nil, err
	}
	err = x.freshen(ctx, v, queries)
	if err == nil {
		s.forgetMemory(d, x)
		return x, nil
	}
	s.leave(x)
	if !store.Unwritable(err) {
		return nil, err
	}
	if x, err = s.inMemory(ctx, d); err != nil {
		return nil, err
	}
	if err := x.freshen(ctx, v, queries); err != nil {
		s.leave(x)
		return nil, err
	}
	return x, nil
}

// inMemory returns the index used in place of one that cannot be written.
func (s *Set) inMemory(ctx context.Context, d *Design) (*viewIndex, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fault.NoDatabase()
	}
	x := s.memory[d.digest]
	if x == nil {
		var err error
		if x, err = openInMemory(context.WithoutCancel(ctx), s, d); err != nil {
			return nil, err
		}
		s.memory[d.digest] = x
	}
	x.users++
	return x, nil
}

// forgetMemory drops the index in memory when the one on disk can be written
// again.
func (s *Set) forgetMemory(d *Design, x *viewIndex) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.memory[d.digest]; m != nil && m != x && !m.busy() {
		_ = m.file.Close()
		delete(s.memory, d.digest)
	}
}

// leave gives back what index returned.
func (s *Set) leave(x *viewIndex) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x.users--
}

// Cleanup removes the indexes that no design document names any more.
func (s *Set) Cleanup(ctx context.Context) error {
	used, err := s.usedDigests(ctx)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(s.db.IndexDir())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("clean up views: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fault.NoDatabase()
	}
	for _, e := range entries {
		digest, ok := strings.CutSuffix(e.Name(), store.FileSuffix)
		x := s.indexes[digest]
		if !ok || used[digest] || x.busy() {
			continue
		}
		if x != nil {
			_ = x.file.Close()
			delete(s.indexes, digest)
		}
		if err := store.RemoveFile(filepath.Join(s.db.IndexDir(), e.Name())); err != nil {
			return fmt.Errorf("clean up views: %w", err)
		}
	}
	return nil
}

func (s *Set) usedDigests(ctx context.Context) (map[string]bool, error) {
	used := map[string]bool{}
	return used, s.eachDesign(ctx, func(r store.Revision, trust Trust) {
		if d, err := parseDesign(r.ID, r.Body, trust); err == nil {
			used[d.digest] = true
		}
	})
}

// begin counts a build, unless the database is being closed.
func (s *Set) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.builds.Add(1)
	return true
}
