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
		e.Value.(*entry[K, V]).value = value
		m.order.MoveToFront(e)
		return
	}
	m.items[key] = m.order.PushFront(&entry[K, V]{key, value})
	if len(m.items) > m.max {
		last := m.order.Back()
		m.order.Remove(last)
		delete(m.items, last.Value.(*entry[K, V]).key)
	}
}

// Delete removes a key.
func (m *Map[K, V]) Delete(key K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.items[key]; ok {
		m.order.Remove(e)
		delete(m.items, key)
	}
}

// Clear removes every key.
func (m *Map[K, V]) Clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.items)
	m.order.Init()
}

// Len returns the number of entries.
func (m *Map[K, V]) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.items)
}

// Update replaces every value by what change makes of it.
func (m *Map[K, V]) Update(change func(V) V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.items {
		e.Value.(*entry[K, V]).value = change(e.Value.(*entry[K, V]).value)
	}
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
