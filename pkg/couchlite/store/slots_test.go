package store

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestValidName(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, "account/ab/cd/ef": true, "a_$()+-9": true, "_users": true, "_replicator": true, "_global_changes": true,
		"": false, "A": false, "9a": false, "_x": false, "a.b": false, "a b": false, "é": false, "../x": false,
		strings.Repeat("a", 238): true, strings.Repeat("a", 239): false,
	} {
		if ValidName(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
		if back, ok := databaseName(newFileBase(name)); want && (!ok || back != name) {
			t.Errorf("%q is kept as %q", name, back)
		}
	}
}

// TestFewOpen uses more databases than are kept open, from several users at
// once: hardly more are open at the end.
func TestFewOpen(t *testing.T) {
	s := storeIn(t, t.TempDir(), 2)
	defer closeStore(t, s)
	for i := range 8 {
		s.Release(hold(t, s, fmt.Sprintf("db%d", i)))
	}
	var wg sync.WaitGroup
	for client := range 4 {
		wg.Go(func() {
			for n := range 40 {
				db := hold(t, s, fmt.Sprintf("db%d", (n+client)%8))
				if err := db.Save(t.Context(), &Edit{ID: fmt.Sprintf("%d-%d", client, n), Body: []byte("{}")}); err != nil {
					t.Error(err)
				}
				s.Release(db)
			}
		})
	}
	wg.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opened > 3 || len(s.slots) != s.opened {
		t.Errorf("%d databases open, %d slots", s.opened, len(s.slots))
	}
}
