// Package catalogue keeps in memory what a list of callflows shows and is
// searched by, for the accounts that people look at: of each callflow, and of
// the documents that callflows refer to. A list is as fresh as the account's
// change feed, which is asked each time; only what changed is read again.
package catalogue

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/callflowd/callflowd/pkg/callflow"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/lru"
)

// ErrLoading is the error of a list that is still being read.
var ErrLoading = errors.New("the list of callflows is being read")

const (
	memory     = 256 << 20 // bytes of all lists, about
	loadLimit  = 2 * time.Minute
	changePage = 500
	mostPages  = 10 // of changes; after more the list is read anew
)

// Catalogue holds the lists. Make one with [New]; it is safe for concurrent
// use.
type Catalogue struct {
	callflows *callflow.Service
	mu        sync.Mutex
	books     *lru.Map[string, held]
}

// held is a book, and what it weighed when it was put there.
type held struct {
	*book
	weight int
}

// New returns an empty catalogue of the callflows that a service keeps.
func New(callflows *callflow.Service) *Catalogue {
	return &Catalogue{callflows: callflows, books: lru.NewWeighed(memory, func(_ string, h held) int { return h.weight })}
}

// book is the list of one account.
type book struct {
	ready chan struct{} // closed when the first list is read, or failed
	err   error         // why it failed

	mu   sync.Mutex
	list *List
	uses map[string]int // how many callflows refer to a document, by its id
}

// Of returns the list of an account. If it has to be read whole and that takes
// longer than patience, the error is [ErrLoading], and it is there a little
// later.
func (c *Catalogue) Of(ctx context.Context, accountID string, patience time.Duration) (*List, error) {
	b := c.book(ctx, accountID)
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-b.ready:
	case <-late.C:
		return nil, ErrLoading
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if b.err != nil {
		c.forget(accountID, b)
		return nil, b.err
	}
	list, err := b.refresh(ctx, c, accountID)
	if errors.Is(err, errTooMany) {
		c.forget(accountID, b)
		return c.Of(ctx, accountID, patience)
	}
	return list, err
}

// book returns an account's book and has it read if there is none yet.
func (c *Catalogue) book(ctx context.Context, accountID string) *book {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h, ok := c.books.Get(accountID); ok {
		return h.book
	}
	b := &book{ready: make(chan struct{})}
	c.books.Put(accountID, held{b, 1})
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadLimit)
		defer cancel()
		b.err = b.load(ctx, c.callflows, accountID)
		if b.err == nil {
			c.weigh(accountID, b, b.list.weight)
		}
		close(b.ready) // from now on a refresh may change the list
	}()
	return b
}

// weigh tells how much a book takes now, so that others leave if that is too
// much.
func (c *Catalogue) weigh(accountID string, b *book, weight int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h, ok := c.books.Get(accountID); ok && h.book == b && h.weight != weight {
		c.books.Put(accountID, held{b, weight})
	}
}

// forget drops a book, so that it is read anew.
func (c *Catalogue) forget(accountID string, b *book) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h, ok := c.books.Get(accountID); ok && h.book == b {
		c.books.Delete(accountID)
	}
}

// load reads the whole account. What changes meanwhile is told of again by
// the feed.
func (b *book) load(ctx context.Context, callflows *callflow.Service, accountID string) error {
	now, err := callflows.Changes(ctx, accountID, callflow.ChangesOptions{Since: "now"})
	if err != nil {
		return err
	}
	docs, err := callflows.All(ctx, accountID)
	if err != nil {
		return err
	}
	items := make([]*Item, 0, len(docs))
	for _, doc := range docs {
		items = append(items, itemOf(doc))
	}
	docs = nil // they may go while the others are read
	b.uses = map[string]int{}
	b.list = &List{Version: now.LastSeq, items: map[string]*Item{}, documents: map[string]Document{}}
	referred, err := read(ctx, callflows.Couch.Account(accountID), b.unknown(items))
	if err != nil {
		return err
	}
	b.apply(now.LastSeq, nil, items, referred)
	return nil
}

var errTooMany = errors.New("too many changes")

// refresh takes over what has changed since the last time.
func (b *book) refresh(ctx context.Context, c *Catalogue, accountID string) (*List, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range mostPages {
		page, err := c.callflows.Changes(ctx, accountID, callflow.ChangesOptions{Since: b.list.Version, Limit: changePage})
		if err != nil {
			return nil, err
		}
		if len(page.Changes) > 0 {
			if err := b.take(ctx, c.callflows.Couch.Account(accountID), page); err != nil {
				return nil, err
			}
			c.weigh(accountID, b, b.list.weight)
		}
		if len(page.Changes) < changePage {
			return b.list, nil
		}
	}
	return nil, errTooMany
}

// take reads what a page of changes tells of: callflows, and documents that
// callflows refer to.
func (b *book) take(ctx context.Context, db *couch.DB, page callflow.ChangesPage) error {
	var ids, changed []string
	for _, change := range page.Changes {
		changed = append(changed, change.ID) // of whatever type it is now
		if _, referred := b.list.documents[change.ID]; referred || change.Type == callflow.Type && !change.Deleted {
			ids = append(ids, change.ID)
		}
	}
	docs, err := db.GetMany(ctx, ids)
	if err != nil {
		return err
	}
	var items []*Item
	referred := map[string]Document{}
	for _, id := range ids {
		doc := docs[id]
		if _, known := b.list.documents[id]; known {
			referred[id] = documentOf(doc)
		}
		if doc.Type() == callflow.Type && doc.Live() {
			items = append(items, itemOf(doc))
		}
	}
	others, err := read(ctx, db, b.unknown(items))
	if err != nil {
		return err
	}
	maps.Copy(referred, others)
	b.apply(page.LastSeq, changed, items, referred)
	return nil
}

// unknown are the documents that items refer to and the list does not know,
// each once.
func (b *book) unknown(items []*Item) []string {
	var out []string
	seen := map[string]bool{}
	for _, item := range items {
		for _, r := range item.References {
			if _, known := b.list.documents[r.ID]; !known && !seen[r.ID] {
				seen[r.ID] = true
				out = append(out, r.ID)
			}
		}
	}
	return out
}

// apply makes the list anew: without what changed, with the items and
// documents as they are now.
func (b *book) apply(version string, changed []string, items []*Item, referred map[string]Document) {
	old := b.list
	list := &List{Version: version, items: maps.Clone(old.items), documents: maps.Clone(old.documents)}
	maps.Copy(list.documents, referred)
	gone := make(map[string]bool, len(changed))
	for _, id := range changed {
		if item := list.items[id]; item != nil {
			gone[id] = true
			delete(list.items, id)
			b.count(item, -1)
		}
	}
	list.Items = make([]*Item, 0, len(old.Items)+len(items))
	for _, item := range old.Items {
		if !gone[item.ID] {
			list.Items = append(list.Items, item)
		}
	}
	for _, item := range items {
		list.items[item.ID] = item
		list.Items = append(list.Items, item)
		b.count(item, 1)
	}
	if len(gone)+len(items) > 0 {
		slices.SortFunc(list.Items, byName)
	}
	for id, n := range b.uses {
		if n == 0 {
			delete(b.uses, id)
			delete(list.documents, id)
		}
	}
	list.weigh()
	b.list = list
}

// count notes that an item refers to documents, or no longer does.
func (b *book) count(item *Item, by int) {
	for _, r := range item.References {
		b.uses[r.ID] += by
	}
}
