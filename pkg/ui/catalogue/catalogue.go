// Package catalogue keeps in memory what a list of callflows shows and is
// searched by, for the accounts that people look at. A list is as fresh as the
// account's change feed, which is asked each time; only what changed is read
// again.
package catalogue

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/callflowd/callflowd/pkg/callflow"
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
	books     *lru.Map[string, *book]
}

// New returns an empty catalogue of the callflows that a service keeps.
func New(callflows *callflow.Service) *Catalogue {
	return &Catalogue{callflows: callflows, books: lru.NewWeighed(memory, func(_ string, b *book) int { return int(b.weight.Load()) })}
}

// List is an account's callflows by name. It does not change.
type List struct {
	Items   []*Item
	Version string // of what the change feed told; another one where anything changed
}

// book is the list of one account.
type book struct {
	mu     sync.Mutex
	ready  chan struct{} // closed when the first list is read, or failed
	err    error         // why it failed
	since  string
	items  map[string]*Item
	list   *List
	weight atomic.Int64
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
	if b, ok := c.books.Get(accountID); ok {
		return b
	}
	b := &book{ready: make(chan struct{})}
	c.books.Put(accountID, b)
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadLimit)
		defer cancel()
		b.err = b.load(ctx, c.callflows, accountID)
		close(b.ready)
		c.mu.Lock()
		defer c.mu.Unlock()
		if kept, ok := c.books.Get(accountID); ok && kept == b {
			c.books.Put(accountID, b) // now that its weight is known
		}
	}()
	return b
}

// forget drops a book, so that it is read anew.
func (c *Catalogue) forget(accountID string, b *book) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if kept, ok := c.books.Get(accountID); ok && kept == b {
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
	b.since, b.items = now.LastSeq, make(map[string]*Item, len(docs))
	for _, doc := range docs {
		b.items[doc.ID()] = itemOf(doc)
	}
	b.sort()
	return nil
}

var errTooMany = errors.New("too many changes")

// refresh takes over what has changed since the last time.
func (b *book) refresh(ctx context.Context, c *Catalogue, accountID string) (*List, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range mostPages {
		page, err := c.callflows.Changes(ctx, accountID, callflow.ChangesOptions{Since: b.since, Limit: changePage})
		if err != nil {
			return nil, err
		}
		if len(page.Changes) > 0 {
			if err := b.take(ctx, c.callflows, accountID, page); err != nil {
				return nil, err
			}
			b.since = page.LastSeq
			b.sort()
		}
		if len(page.Changes) < changePage {
			return b.list, nil
		}
	}
	return nil, errTooMany
}

// take reads the callflows that a page of changes tells of.
func (b *book) take(ctx context.Context, callflows *callflow.Service, accountID string, page callflow.ChangesPage) error {
	var ids []string
	for _, change := range page.Changes {
		if change.Type == callflow.Type && !change.Deleted {
			ids = append(ids, change.ID)
		}
		delete(b.items, change.ID) // of whatever type it is now
	}
	docs, err := callflows.Couch.Account(accountID).GetMany(ctx, ids)
	if err != nil {
		return err
	}
	for _, doc := range docs {
		if doc.Type() == callflow.Type && doc.Live() {
			b.items[doc.ID()] = itemOf(doc)
		}
	}
	return nil
}

// sort makes the list of the items.
func (b *book) sort() {
	list := &List{Items: make([]*Item, 0, len(b.items)), Version: b.since}
	weight := 1
	for _, item := range b.items {
		list.Items = append(list.Items, item)
		weight += item.weight()
	}
	slices.SortFunc(list.Items, func(x, y *Item) int {
		if by := strings.Compare(x.folded, y.folded); by != 0 {
			return by
		}
		return strings.Compare(x.ID, y.ID)
	})
	b.list = list
	b.weight.Store(int64(weight))
}
