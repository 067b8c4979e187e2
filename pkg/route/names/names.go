// Package names keeps descriptions of documents in memory: what a callflow's
// metadata says of the users, devices and media that it refers to. All
// accounts share one [Cache] of bounded size.
//
// Descriptions are never updated, only dropped: an account's [Book] is told of
// each change, by the change feed and by the process's own writes. A description
// that was read before a change is not kept after it.
package names

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/lru"
)

// Description is what a callflow's metadata says of a document. It must not be
// changed.
type Description struct {
	Fields  map[string]any // {name?, numbers?, pvt_type?} (contract 2.3); nil if there is no document
	Deleted bool           // soft-deleted
}

// Describe makes the description of a document; an empty one of nil.
func Describe(doc document.Doc) Description {
	if doc == nil {
		return Description{}
	}
	fields := map[string]any{}
	if t := doc.Type(); t != "" {
		fields["pvt_type"] = t
	}
	if numbers, ok := doc["numbers"].([]any); ok {
		fields["numbers"] = slices.Clone(numbers)
	}
	name := doc.String("name")
	if doc.Type() == "user" {
		name = strings.TrimSpace(doc.String("first_name") + " " + doc.String("last_name"))
	}
	if name != "" {
		fields["name"] = name
	}
	return Description{fields, !doc.Live()}
}

// Cache holds descriptions. When it is full, it drops the least recently used.
type Cache struct {
	Now func() time.Time // nil means time.Now

	held  *lru.Map[key, held]
	lives atomic.Uint64
}

func (c *Cache) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

// key names a document in one book; a book that was cleared gets another life.
type key struct {
	life uint64
	id   string
}

type held struct {
	Description
	size int
	read time.Time
}

// maxAge is how long a description is used.
const maxAge = time.Minute

// NewCache returns a cache of about so many bytes.
func NewCache(bytes int) *Cache {
	return &Cache{held: lru.NewWeighed(bytes, func(_ key, h held) int { return h.size })}
}

// Size is about how many bytes it takes.
func (c *Cache) Size() int { return c.held.Size() }

// A description takes about sizeFactor bytes for each byte of its JSON, and
// entrySize besides.
const (
	sizeFactor = 4
	entrySize  = 400
)

func (c *Cache) put(k key, d Description) {
	text, err := json.Marshal(d.Fields)
	if err != nil {
		return
	}
	c.held.Put(k, held{d, entrySize + sizeFactor*(len(k.id)+len(text)), c.now()})
}

// Book is what is known of one account's documents. Make one with
// [Cache.Book]. It is safe for concurrent use.
type Book struct {
	cache *Cache

	mu        sync.Mutex
	life      uint64
	changes   uint64
	forgotten map[string]uint64 // the last changes, by document
	floor     uint64            // what was read before this change may be older than one that forgotten lacks
}

// maxForgotten is how many changes a book remembers.
const maxForgotten = 1024

// Book returns an empty book.
func (c *Cache) Book() *Book {
	return &Book{cache: c, life: c.lives.Add(1), forgotten: map[string]uint64{}}
}

// Get returns the descriptions that are known, and the ids of the others. A
// document that is known not to exist has an empty one. since is for
// [Book.Put].
func (b *Book) Get(ids []string) (known map[string]Description, missing []string, since uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	known = make(map[string]Description, len(ids))
	oldest := b.cache.now().Add(-maxAge)
	for _, id := range ids {
		if h, ok := b.cache.held.Get(key{b.life, id}); ok && h.read.After(oldest) {
			known[id] = h.Description
			continue
		}
		missing = append(missing, id)
	}
	return known, missing, b.changes
}

// Put keeps descriptions that were read after [Book.Get] returned since, except of
// documents that have changed since then: those may have been read before the
// change.
func (b *Book) Put(since uint64, read map[string]Description) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if since < b.floor {
		return
	}
	for id, d := range read {
		if b.forgotten[id] <= since {
			b.cache.put(key{b.life, id}, d)
		}
	}
}

// Forget drops descriptions of documents that have changed.
func (b *Book) Forget(ids ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changes++
	if len(b.forgotten)+len(ids) > maxForgotten {
		b.startOver()
	}
	for _, id := range ids {
		b.forgotten[id] = b.changes
		b.cache.held.Delete(key{b.life, id})
	}
}

// Clear drops all descriptions: the database may have been created anew.
func (b *Book) Clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changes++
	b.startOver()
	b.life = b.cache.lives.Add(1)
}

// startOver has nothing kept that was read before now.
func (b *Book) startOver() {
	clear(b.forgotten)
	b.floor = b.changes
}
