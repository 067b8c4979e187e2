package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
)

// fileOf is the file of an embedded database.
func fileOf(t *testing.T, dir, database string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(databasesDir(dir), "databases", strings.ReplaceAll(database, "/", ".")+"~*.db"))
	if err != nil || len(files) != 1 {
		t.Fatal(database, files, err)
	}
	return files[0]
}

func spoil(t *testing.T, path string, damage func([]byte) []byte) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, damage(raw), 0o600); err != nil {
		t.Fatal(err)
	}
}

func garbleInside(raw []byte) []byte {
	copy(raw[len(raw)/2:], bytes.Repeat([]byte{0xA5}, len(raw)))
	return raw
}

// TestDamagedAccounts: a database of accounts that is damaged or lost is made
// anew from the accounts' own databases when the program starts, and the
// damaged file is kept. An account whose database is damaged too is refused
// alone.
func TestDamagedAccounts(t *testing.T) {
	dir := t.TempDir()
	p := start(t, "--data-dir="+dir)
	_, key := masterOf(t, p.greeting())
	c, master := login(t, p, key)
	account := c.createAccount(map[string]any{"name": "Below"})
	id := account[strings.LastIndex(account, "/")+1:]
	c.must(http.StatusCreated, "PUT", account+"/callflows", callflowOf(sent{"main", "7001"}))
	p.stop()
	again := func(when string) {
		t.Helper()
		p = start(t, "--data-dir="+dir)
		if printed := p.stdout.String(); strings.Contains(printed, "API key") {
			t.Errorf("%s: a master account was made: %s", when, printed)
		}
		var now string
		if c, now = login(t, p, key); now != master {
			t.Errorf("%s: the master is %s, was %s", when, now, master)
		}
		if works, said := readiness(t, p); !works {
			t.Errorf("%s: %s", when, said)
		}
	}
	for when, damage := range map[string]func([]byte) []byte{
		"emptied": func([]byte) []byte { return nil }, "text": func([]byte) []byte { return []byte("text") }, "inside": garbleInside,
	} {
		spoil(t, fileOf(t, dir, "accounts"), damage)
		again(when)
		if r, status := c.lookup(account, "7001"); status != http.StatusOK || r.Callflow.Name != "main" {
			t.Errorf("%s: the lookup answers %d %+v", when, status, r)
		}
		p.stop()
	}
	if kept, err := filepath.Glob(filepath.Join(databasesDir(dir), "damaged", "accounts~*.db")); err != nil || len(kept) != 3 {
		t.Errorf("kept: %v, %v", kept, err)
	}
	if err := os.Remove(fileOf(t, dir, "accounts")); err != nil {
		t.Fatal(err)
	}
	again("lost")
	p.stop()
	spoil(t, fileOf(t, dir, "accounts"), garbleInside)
	spoil(t, fileOf(t, dir, couch.AccountDB(id)), func([]byte) []byte { return nil })
	p = start(t, "--data-dir="+dir)
	c, _ = login(t, p, key)
	if env, err := c.try("GET", account+"/callflows", nil); err != nil || env.Status < http.StatusInternalServerError {
		t.Errorf("the other account answers %d, %v", env.Status, err)
	}
	if works, _ := readiness(t, p); works {
		t.Error("both damaged: readyz does not tell")
	}
}
