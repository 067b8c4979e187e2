package route

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

const (
	defaultPatience = 100 * time.Millisecond
	// maxReads is how many documents are read at a time. Lookups beyond it are
	// answered without.
	maxReads = 64
)

// readings are the documents being read for lookups. A lookup waits for its
// document for a while; after that the reading goes on without it. Once a lookup
// has waited in vain, the next ones do not wait until storage answers again.
type readings struct {
	silent atomic.Bool // storage did not answer when it was waited for

	mu      sync.Mutex
	running map[docKey]*reading
}

// reading is one document being read.
type reading struct {
	rev  string        // the one that it was begun for
	done chan struct{} // closed when it has ended; then the others are set
	doc  *Stored
	err  error
}

// read returns the reading of a document at a revision, and begins one if there
// is none; nil if too many are under way.
func (s *Indexes) read(l *live, id, rev string) *reading {
	key := docKey{l.id, id}
	s.reads.mu.Lock()
	defer s.reads.mu.Unlock()
	if r := s.reads.running[key]; r != nil && r.rev == rev {
		return r
	}
	if len(s.reads.running) >= maxReads {
		return nil
	}
	r := &reading{rev: rev, done: make(chan struct{})}
	s.reads.running[key] = r
	s.spawn(func(ctx context.Context) {
		defer close(r.done)
		doc, err := l.db.Get(ctx, id)
		r.err = err
		if err == nil {
			r.doc = newStored(doc)
			s.cache(key, r.doc)
		}
		if !isCode(err, problem.Unavailable, problem.DatastoreFault) {
			s.reads.silent.Store(false)
		}
		s.reads.mu.Lock()
		defer s.reads.mu.Unlock()
		if s.reads.running[key] == r {
			delete(s.reads.running, key)
		}
	})
	return r
}

// wait waits for a reading, if there is one, no longer than [Config.Patience],
// and reports whether it has ended.
func (s *Indexes) wait(ctx context.Context, r *reading) bool {
	if r == nil {
		return false
	}
	if s.reads.silent.Load() {
		select {
		case <-r.done:
			return true
		default:
			return false
		}
	}
	timer := time.NewTimer(s.cfg.Patience)
	defer timer.Stop()
	select {
	case <-r.done:
		return true
	case <-timer.C:
		s.reads.silent.Store(true)
	case <-ctx.Done():
	}
	return false
}

// cache keeps a document for lookups, unless a later revision is there.
func (s *Indexes) cache(key docKey, doc *Stored) {
	if len(doc.Public) > cachedDocSize {
		s.docs.Delete(key)
		return
	}
	if known, ok := s.docs.Get(key); ok && known.Doc.Generation() > doc.Doc.Generation() {
		return
	}
	s.docs.Put(key, doc)
}

// document returns a callflow at the revision the index knows, from memory if
// it is there. If storage does not answer in time, it returns an older
// revision or the one on disk, if there is one, and current is false. A missing
// document is not an error.
func (s *Indexes) document(ctx context.Context, l *live, id string) (doc *Stored, current bool, err error) {
	e, _ := l.index.Entry(id)
	cached, ok := s.docs.Get(docKey{l.id, id})
	if ok && cached.Doc.Rev() == e.Rev {
		return cached, true, nil
	}
	r := s.read(l, id, e.Rev)
	if s.wait(ctx, r) {
		if r.err == nil || !isCode(r.err, problem.Unavailable, problem.DatastoreFault) {
			return r.doc, r.err == nil, r.err
		}
	}
	if ok {
		return cached, false, nil
	}
	if doc := l.journal.document(id); doc != nil {
		return newStored(doc), doc.Rev() == e.Rev, nil
	}
	return nil, false, nil
}

func newStored(doc document.Doc) *Stored {
	public, err := json.Marshal(doc.Public())
	if err != nil {
		public = json.RawMessage("{}")
	}
	return &Stored{Doc: doc, Public: public}
}
