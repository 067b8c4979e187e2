package main

import (
	"net/http"
	"strings"
	"testing"

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
	couchtest.Eventually(t, "the snapshot answers", func() bool {
		r, _ := c.lookup(account, "2600")
		return r.Callflow.Name == "kept"
	})
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
