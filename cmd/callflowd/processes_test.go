package main

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
)

// Several processes that start at once on one empty server make one master
// account between them, and take each other's tokens.
func TestE2EProcessesAgreeOnTheMaster(t *testing.T) {
	couchtest.SkipPouchDB(t, "its memory adapter lets both of two concurrent edits through")
	server := couchtest.URL(t)
	programs, logs := make([]*program, 3), make([]io.Reader, 3)
	for i := range programs {
		programs[i], logs[i] = spawn(t, "--data-dir="+t.TempDir(), "--couchdb-url="+server)
	}
	var account, key string
	for i, p := range programs {
		p.await(logs[i], "started")
		if a, k := masterOf(t, p.greeting()); k != "" {
			if key != "" {
				t.Fatal("two of them show an API key")
			}
			account, key = a, k
		}
	}
	if key == "" {
		t.Fatal("none of them shows an API key")
	}
	if found := accountDBs(t, server); len(found) != 1 || found[0] != couch.AccountDB(account) {
		t.Errorf("account databases %v, want that of %s alone", found, account)
	}
	for _, p := range programs {
		c, own := login(t, p, key)
		if own != account {
			t.Errorf("the key logs into %s, want %s", own, account)
		}
		for _, other := range programs {
			c.base = other.api
			c.must(http.StatusOK, "GET", "/v2/accounts/"+account, nil)
		}
	}
	for _, p := range programs {
		p.stop()
	}
}

// accountDBs lists the databases of accounts on the server.
func accountDBs(t *testing.T, server string) []string {
	t.Helper()
	names, err := couchtest.Open(t, server).AllDBs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, "account/") })
}

// --couchdb-listen serves the embedded databases to those who know the
// admin's password, and callflowd itself can be one of them.
func TestE2ECouchDBListen(t *testing.T) {
	secret := writeSecret(t, "admin:s3cret\n")
	first := start(t, "--data-dir="+t.TempDir(), "--couchdb-listen=127.0.0.1:0", "--couchdb-admin-file="+secret, "--master-api-key="+someKey)
	res, err := http.Get(first.couchdb + "/_all_dbs")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("without credentials: %d, want 401", res.StatusCode)
	}
	url := strings.Replace(first.couchdb, "http://", "http://admin@", 1)
	second := start(t, "--data-dir="+t.TempDir(), "--couchdb-url="+url, "--couchdb-password-file="+writeSecret(t, "s3cret\n"))
	if _, key := masterOf(t, second.greeting()); key != "" {
		t.Error("the second made a master account of its own")
	}
	c, account := login(t, first, someKey)
	account = "/v2/accounts/" + account
	c.must(http.StatusCreated, "PUT", account+"/callflows", callflowOf(sent{"shared", "2600"}))
	c.base = second.api
	if r, status := c.lookup(account, "2600"); r.Callflow.Name != "shared" {
		t.Errorf("through the second: %d, %+v", status, r)
	}
	second.stop()
	first.stop()
}
