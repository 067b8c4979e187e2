package lru

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func TestMap(t *testing.T) {
	m := New[string, int](2)
	m.Put("a", 1)
	m.Put("b", 2)
	m.Put("a", 3)
	m.Put("c", 4)
	if _, ok := m.Get("b"); ok {
		t.Error("the least recently used is still there")
	}
	if v, ok := m.Get("a"); !ok || v != 3 {
		t.Errorf("a is %d, %v", v, ok)
	}
	if got := m.Values(); !reflect.DeepEqual(got, []int{3, 4}) {
		t.Errorf("values %v", got)
	}
	m.Delete("a")
	m.Delete("nope")
	if m.Len() != 1 {
		t.Errorf("length %d", m.Len())
	}
}

// TestBounded compares with a plain map: what is found is what was put last,
// the size stays within its bound, and the last key put is always there.
func TestBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(0, 4).Draw(t, "size")
		m, plain := New[int, int](size), map[int]int{}
		for i, key := range rapid.SliceOf(rapid.IntRange(0, 9)).Draw(t, "keys") {
			m.Put(key, i)
			plain[key] = i
			if v, ok := m.Get(key); !ok || v != i {
				t.Fatalf("%d lost at once", key)
			}
		}
		if m.Len() > max(size, 1) {
			t.Fatalf("%d entries of %d", m.Len(), size)
		}
		for key, want := range plain {
			if v, ok := m.Get(key); ok && v != want {
				t.Fatalf("%d is %d, want %d", key, v, want)
			}
		}
	})
}

// TestWeighed puts and deletes values of different weights.
func TestWeighed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const most = 20
		m := NewWeighed(most, func(_, v int) int { return v })
		for _, v := range rapid.SliceOf(rapid.IntRange(1, 25)).Draw(t, "values") {
			key := v % 7
			if v%5 == 0 {
				m.Delete(key)
				continue
			}
			m.Put(key, v)
			if got, ok := m.Get(key); ok != (v <= most) || ok && got != v {
				t.Fatalf("%d: %d, %v", key, got, ok)
			}
			total := 0
			for _, held := range m.Values() {
				total += held
			}
			if total != m.Size() || total > most {
				t.Fatalf("the map says %d, its values weigh %d of %d", m.Size(), total, most)
			}
		}
	})
}

func TestDeleteFunc(t *testing.T) {
	m := NewWeighed(100, func(_ int, v string) int { return len(v) })
	for i, v := range []string{"a", "bb", "ccc", "dddd"} {
		m.Put(i, v)
	}
	m.DeleteFunc(func(k int) bool { return k%2 == 1 })
	if _, ok := m.Get(1); ok || m.Len() != 2 || m.Size() != 4 {
		t.Errorf("%v of %d entries, size %d", m.Values(), m.Len(), m.Size())
	}
}
