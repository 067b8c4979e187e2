package store

import (
	"database/sql"
	"path/filepath"
	"testing"
)

// TestNoTemporaryFiles: where callflowd runs there may be no directory for any.
func TestNoTemporaryFiles(t *testing.T) {
	const memory = 2
	file, err := newStore(t).OpenFile(t.Context(), filepath.Join(t.TempDir(), "f"), FileOptions{Readers: 1, Schema: "CREATE TABLE t (n)"})
	if err != nil {
		t.Fatal(err)
	}
	for name, pool := range map[string]*sql.DB{"writer": file.W, "reader": file.R} {
		var store int
		if err := pool.QueryRowContext(t.Context(), "PRAGMA temp_store").Scan(&store); err != nil || store != memory {
			t.Errorf("the %s keeps temporary tables in %d: %v", name, store, err)
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}
