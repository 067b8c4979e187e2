// Package lru holds maps of bounded size: when one is full, what was used
// least recently leaves.
package lru

import (
	"container/list"
	"sync"
)

// Map is such a map. Make one with [New]. It is safe for concurrent use.
type Map[K comparable, V any] struct {
	mu    sync.Mutex
	max   int
	size  int
	weigh func(K, V) int // nil counts entries
	items map[K]*list.Element
	order list.List // most recently used first
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

// New returns a map that holds at most so many entries; at least one.
func New[K comparable, V any](entries int) *Map[K, V] {
	return &Map[K, V]{max: max(entries, 1), items: map[K]*list.Element{}}
}

// NewWeighed returns a map whose entries weigh at most so much together; what
// weighs more by itself is not kept.
func NewWeighed[K comparable, V any](most int, weigh func(K, V) int) *Map[K, V] {
	return &Map[K, V]{max: most, weigh: weigh, items: map[K]*list.Element{}}
}

// Get returns the value of a key and makes it the most recently used.
func (m *Map[K, V]) Get(key K) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.items[key]; ok {
		m.order.MoveToFront(e)
		return e.Value.(*entry[K, V]).value, true
	}
	var none V
	return none, false
}

// Put sets the value of a key.
func (m *Map[K, V]) Put(key K, value V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.items[key]; ok {
		held := e.Value.(*entry[K, V])
		m.size += m.weight(key, value) - m.weight(key, held.value)
		held.value = value
		m.order.MoveToFront(e)
	} else {
		m.items[key] = m.order.PushFront(&entry[K, V]{key, value})
		m.size += m.weight(key, value)
	}
	for m.size > m.max {
		m.remove(m.order.Back())
	}
}

func (m *Map[K, V]) weight(key K, value V) int {
	if m.weigh == nil {
		return 1
	}
	return m.weigh(key, value)
}

func (m *Map[K, V]) remove(e *list.Element) {
	held := m.order.Remove(e).(*entry[K, V])
	delete(m.items, held.key)
	m.size -= m.weight(held.key, held.value)
}

// Delete removes a key.
func (m *Map[K, V]) Delete(key K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.items[key]; ok {
		m.remove(e)
	}
}

// DeleteFunc removes the keys that del wants removed.
func (m *Map[K, V]) DeleteFunc(del func(K) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, e := range m.items {
		if del(key) {
			m.remove(e)
		}
	}
}

// Len returns the number of entries.
func (m *Map[K, V]) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.items)
}

// Size is what the entries weigh together; without weights, their number.
func (m *Map[K, V]) Size() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.size
}

// Values returns the values, most recently used first.
func (m *Map[K, V]) Values() []V {
	m.mu.Lock()
	defer m.mu.Unlock()
	values := make([]V, 0, len(m.items))
	for e := m.order.Front(); e != nil; e = e.Next() {
		values = append(values, e.Value.(*entry[K, V]).value)
	}
	return values
}
