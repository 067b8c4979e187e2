package route

import "testing"

// A hint about an account that is not in memory does nothing, and is no reason
// to load it.
func TestLookAtUnknownAccount(t *testing.T) {
	s := newSite(t)
	indexes := NewIndexes(Config{Couch: s.kazoo})
	defer indexes.Close()
	indexes.Look(acct)
	if totals := indexes.Totals(); totals.Accounts != 0 {
		t.Errorf("%d accounts were loaded", totals.Accounts)
	}
}
