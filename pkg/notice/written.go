package notice

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
)

// maxRemembered bounds the writes in memory. Beyond it the oldest are
// forgotten; the changes feed has them still, each document's latest one.
const maxRemembered = 50_000

// written are the latest writes of this process that are not announced yet, by
// document and in the order of their revisions.
type written struct {
	mu    sync.Mutex
	docs  map[docKey][]change
	ids   map[string]map[string]bool // of the documents, by database
	order []docKey                   // oldest first, perhaps with keys that are gone
	count int
}

type docKey struct{ db, id string }

func (w *written) add(c change) {
	key := docKey{c.db, c.id}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.docs == nil {
		w.docs, w.ids = map[docKey][]change{}, map[string]map[string]bool{}
	}
	if w.ids[c.db] == nil {
		w.ids[c.db] = map[string]bool{}
	}
	w.ids[c.db][c.id] = true
	list := append(w.docs[key], c)
	slices.SortStableFunc(list, func(a, b change) int { return document.Generation(a.rev) - document.Generation(b.rev) })
	w.docs[key] = list
	w.order = append(w.order, key)
	w.count++
	for w.count > maxRemembered || len(w.order) > 2*maxRemembered {
		w.count -= len(w.docs[w.order[0]])
		w.drop(w.order[0])
		w.order = w.order[1:]
	}
}

// drop forgets a document.
func (w *written) drop(key docKey) {
	delete(w.docs, key)
	delete(w.ids[key.db], key.id)
	if len(w.ids[key.db]) == 0 {
		delete(w.ids, key.db)
	}
}

// in returns the documents of a database of which something is remembered.
func (w *written) in(db string) map[string]bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.ids[db])
}

// of returns what is remembered of a document.
func (w *written) of(db, id string) []change {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.docs[docKey{db, id}])
}

// forget drops the first n writes of a document.
func (w *written) forget(db, id string, n int) {
	key := docKey{db, id}
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.docs[key]
	n = min(n, len(list))
	w.count -= n
	if n == len(list) {
		w.drop(key)
		return
	}
	w.docs[key] = list[n:]
}

// announced reports whether a database's documents are Kazoo's concern:
// accounts, their copies, and numbers.
func announced(db string) bool {
	_, month, ok := couch.AccountOf(db)
	return ok && month == "" || db == "accounts" || couch.IsNumberDB(db)
}

// kazoos reports whether a document is one of Kazoo's kinds, and not of
// callflowd's own bookkeeping or a design document.
func kazoos(c change) bool {
	return !strings.HasPrefix(c.id, "_") && !strings.HasPrefix(c.kind, "callflowd") && !strings.HasPrefix(c.id, "callflowd")
}
