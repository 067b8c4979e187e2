package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
)

// A process that starts while the database is away takes lookups from what
// the last one left on disk, and from nobody it would not know.
func TestE2ELookupWithoutTheDatabase(t *testing.T) {
	secret := writeSecret(t, "admin:s3cret\n")
	database := start(t, "--data-dir="+t.TempDir(), "--couchdb-listen=127.0.0.1:0", "--couchdb-admin-file="+secret, "--master-api-key="+someKey)
	storage := []string{"--data-dir=" + t.TempDir(), "--couchdb-url=" + strings.Replace(database.couchdb, "http://", "http://admin:s3cret@", 1)}
	p := start(t, storage...)
	c, account := login(t, p, someKey)
	account = "/v2/accounts/" + account
	c.must(http.StatusCreated, "PUT", account+"/callflows", callflowOf(sent{"kept", "2600"}))
	if r, status := c.lookup(account, "2600"); r.Callflow.Name != "kept" {
		t.Fatalf("before: %d, %+v", status, r)
	}
	c.must(http.StatusCreated, "PUT", account+"/callflows", callflowOf(sent{"late", "2601"}))
	database.stop() // what was created last is known to this process alone
	p.stop()

	p, logs := launch(t, storage...)
	p.await(logs, "listening")
	c.base = p.api
	routes(t, c, account, "2600", "kept") // from the snapshot
	if r, status := c.lookup(account, "2601"); status != http.StatusOK || r.Callflow.Name != "late" {
		t.Errorf("what was created last: %d, %+v", status, r)
	}
	if _, status := c.lookup(account, "2602"); status != http.StatusNotFound {
		t.Errorf("what nobody has: %d, want 404", status)
	}
	c.token = "not.a.token"
	if _, status := c.lookup(account, "2600"); status != http.StatusUnauthorized {
		t.Errorf("with a forged token: %d, want 401", status)
	}
	p.stop()
}

// A database that takes connections and says nothing is known to be away only
// after seconds: a process that starts meanwhile answers lookups before that.
func TestE2EStartWhileTheDatabaseHangs(t *testing.T) {
	storage := newFaultyStorage(t, couchtest.URL(t))
	args := []string{"--data-dir=" + t.TempDir(), "--couchdb-url=" + storage.url, "--master-api-key=" + someKey, "--lookup-patience=100ms"}
	p := start(t, args...)
	c, account := login(t, p, someKey)
	account = "/v2/accounts/" + account
	c.must(http.StatusCreated, "PUT", account+"/callflows", callflowOf(sent{"kept", "2600"}))
	if r, status := c.lookup(account, "2600"); r.Callflow.Name != "kept" {
		t.Fatalf("before: %d, %+v", status, r)
	}
	p.stop()
	var given atomic.Int64 // requests that the program has given up
	hangs := fault(func(f *faultyStorage, w http.ResponseWriter, r *http.Request) bool {
		defer given.Add(1)
		return blackHole(f, w, r)
	})
	storage.now.Store(&hangs)
	p, logs := launch(t, args...)
	p.await(logs, "listening")
	c.base = p.api
	routes(t, c, account, "2600", "kept") // from the snapshot
	if n := given.Load(); n > 0 {
		t.Errorf("lookups were answered when %d requests had been given up", n)
	}
	storage.now.Store(nil)
	couchtest.Eventually(t, "the database is there again", func() bool {
		env, err := c.try("GET", account+"/callflows", nil)
		return err == nil && env.Status == http.StatusOK
	})
	p.stop()
}

// A process that is killed soon after it began has left enough behind for the
// next one to answer lookups without the database.
func TestE2EKilledEarly(t *testing.T) {
	storage := newFaultyStorage(t, couchtest.URL(t))
	dir := t.TempDir()
	args := []string{"--data-dir=" + dir, "--couchdb-url=" + storage.url, "--master-api-key=" + someKey, "--lookup-patience=100ms"}
	begun := time.Now()
	p := startChild(t, args...)
	c, account := login(t, p, someKey)
	account = "/v2/accounts/" + account
	c.must(http.StatusCreated, "PUT", account+"/callflows", callflowOf(sent{"kept", "2600"}))
	couchtest.Eventually(t, "the account is on disk", func() bool {
		c.lookup(account, "2600")
		raw, err := os.ReadFile(filepath.Join(dir, "authority.json"))
		return err == nil && strings.Contains(string(raw), strings.TrimPrefix(account, "/v2/accounts/"))
	})
	if took := time.Since(begun); took > snapshotEvery {
		t.Errorf("it was on disk after %v only", took)
	}
	p.kill()
	away := fault(reset)
	storage.now.Store(&away)
	p, logs := launch(t, args...)
	p.await(logs, "listening")
	c.base = p.api
	routes(t, c, account, "2600", "kept") // from the snapshot
	storage.now.Store(nil)
}
