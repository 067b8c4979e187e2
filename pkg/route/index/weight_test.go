package index

import (
	"fmt"
	"runtime"
	"testing"
)

// heap is what the process holds in memory now.
func heap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// The weight of an index, by which accounts are dropped, is what it takes: at
// least four fifths of it, and at most three times as much.
func TestSizeIsWhatAnIndexTakes(t *testing.T) {
	tests := map[string]func(i int) Entry{
		"numbers": func(i int) Entry {
			return Entry{Numbers: []string{fmt.Sprintf("+1415%07d", i), fmt.Sprintf("+4930%07d", i), fmt.Sprint(i)}}
		},
		"one number, long names": func(i int) Entry {
			return Entry{Name: fmt.Sprintf("%080d", i), Numbers: []string{fmt.Sprintf("+1415%07d", i)}}
		},
		"patterns": func(i int) Entry {
			return Entry{Patterns: []string{fmt.Sprintf(`^\*%d(\d*)$`, i), fmt.Sprintf(`^%05d(\d{3})?$`, i)}}
		},
		"long patterns": func(i int) Entry {
			return Entry{Patterns: []string{fmt.Sprintf(`^(?:\+?1)?(2\d\d|3[0-5]\d|%d)(\d{7}|\d{10,12})(?:x(\d{1,5}))?$`, i)}}
		},
	}
	for name, entry := range tests {
		t.Run(name, func(t *testing.T) {
			before := heap()
			x := New()
			changes := make([]Change, 2000)
			for i := range changes {
				e := entry(i)
				e.CallflowID, e.Rev = fmt.Sprintf("%032x", i), fmt.Sprintf("1-%032x", i)
				changes[i] = Change{e.CallflowID, &e}
			}
			x.Update(changes)
			changes = nil
			for i := range 500 {
				n := fmt.Sprintf("+1415%07d", i*131)
				x.Lookup(n, n)
			}
			took := heap() - before
			t.Logf("%d weighed, %d taken", x.Size(), took)
			if size := x.Size(); size < took*4/5 || size > 3*took {
				t.Errorf("it weighs %d bytes and takes %d", size, took)
			}
			runtime.KeepAlive(x)
		})
	}
}
