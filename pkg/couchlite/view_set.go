package couchlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couchlite/sandbox"
)

// viewEngine is what the views of all databases share.
type viewEngine struct {
	log      *zap.Logger
	machines *machinePool   // that run the functions of design documents
	limits   sandbox.Limits // of one call of such a function
}

func newViewEngine(log *zap.Logger) *viewEngine {
	return &viewEngine{log: log, machines: newMachinePool()}
}

// viewSet is the view engine's state of one database: its design documents as
// last read, and the indexes in use, one per digest of a design document's
// views.
type viewSet struct {
	engine *viewEngine
	db     *database
	ctx    context.Context // ends with the database: builds stop
	cancel context.CancelFunc
	builds sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	designs map[string]cachedDesign // by id without _design/
	indexes map[string]*viewIndex   // by digest

	validating *validators // as last read, or nil
}

type cachedDesign struct {
	rev    string
	design *design
}

// viewsOf returns the views of an open database.
func (e *viewEngine) viewsOf(db *database) *viewSet {
	ctx, cancel := context.WithCancel(context.Background())
	return &viewSet{engine: e, db: db, ctx: ctx, cancel: cancel, designs: map[string]cachedDesign{}, indexes: map[string]*viewIndex{}}
}

// Close stops builds, waits for them and closes the indexes.
func (s *viewSet) Close() {
	s.mu.Lock()
	s.closed = true
	indexes := s.indexes
	s.indexes = nil
	s.mu.Unlock()
	s.cancel()
	s.builds.Wait()
	for _, x := range indexes {
		_ = x.file.close() // an index can be made again
	}
}

// Drop closes the indexes of a database that is being deleted and removes
// their files.
func (s *viewSet) Drop() error {
	s.Close()
	if err := os.RemoveAll(s.db.indexDir()); err != nil {
		return fmt.Errorf("drop view indexes: %w", err)
	}
	return nil
}

// maxCachedDesigns bounds the design documents kept per database.
const maxCachedDesigns = 100

// design returns a design document's views. A missing document is errMissing,
// a deleted one errDeleted.
func (s *viewSet) design(ctx context.Context, name string) (*design, error) {
	r, err := s.db.winner(ctx, "_design/"+name)
	switch {
	case err != nil:
		return nil, err
	case r.Deleted:
		return nil, errDeleted()
	}
	s.mu.Lock()
	cached, ok := s.designs[name]
	s.mu.Unlock()
	if ok && cached.rev == r.Rev {
		return cached.design, nil
	}
	d, err := parseDesign(name, r.Body)
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
func (s *viewSet) index(ctx context.Context, d *design) (*viewIndex, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errNoDatabase()
	}
	if x := s.indexes[d.digest]; x != nil && x.purged() {
		_ = x.file.close() // it begins anew below
	} else if x != nil {
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

// leave gives back what index returned.
func (s *viewSet) leave(x *viewIndex) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x.users--
}

// cleanup removes the indexes that no design document names any more.
func (s *viewSet) cleanup(ctx context.Context) error {
	used, err := s.usedDigests(ctx)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(s.db.indexDir())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("clean up views: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errNoDatabase()
	}
	for _, e := range entries {
		digest, ok := strings.CutSuffix(e.Name(), fileSuffix)
		x := s.indexes[digest]
		if !ok || used[digest] || x.busy() {
			continue
		}
		if x != nil {
			_ = x.file.close()
			delete(s.indexes, digest)
		}
		if err := removeFile(filepath.Join(s.db.indexDir(), e.Name())); err != nil {
			return fmt.Errorf("clean up views: %w", err)
		}
	}
	return nil
}

func (s *viewSet) usedDigests(ctx context.Context) (map[string]bool, error) {
	used := map[string]bool{}
	return used, s.db.eachDesign(ctx, func(id string, body []byte) {
		if d, err := parseDesign(id, body); err == nil {
			used[d.digest] = true
		}
	})
}

// begin counts a build, unless the database is being closed.
func (s *viewSet) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.builds.Add(1)
	return true
}
