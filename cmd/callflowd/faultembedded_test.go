package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/disktest"
)

// newEmbeddedBench is a program with databases of its own, on a small disk
// where one can be had.
func newEmbeddedBench(t *testing.T, long time.Duration) *faultBench {
	t.Helper()
	b := &faultBench{t: t, long: long}
	dir, err := disktest.Mount(t, "200m")
	if err != nil {
		dir = t.TempDir()
	} else {
		b.disk = dir
	}
	admin := filepath.Join(t.TempDir(), "admin")
	if err := os.WriteFile(admin, []byte("admin:secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.start("--data-dir="+dir, "--couchdb-listen=127.0.0.1:0", "--couchdb-admin-file="+admin)
	return b
}

// embeddedRows are the faults of embedded databases.
func embeddedRows() []faultRow {
	return []faultRow{
		{"embedded: disk full (ENOSPC)", true, diskFull},
		{"embedded: kill -9 under load", false, killed},
		{"embedded: bomb: JavaScript", false, scriptBomb},
	}
}

// diskFull fills the disk under the databases, if they have a small one.
func diskFull(b *faultBench) func() {
	if b.disk == "" {
		return nil
	}
	return disktest.Fill(b.t, b.disk)
}

// scriptBombs are views that never end, or want all memory. They go off on one
// document.
func scriptBombs() []string {
	return []string{
		`while (true) {}`,
		`var s = "x"; while (true) s = s + s;`,
		`var a = []; while (true) a.push(a.slice(0), "xxxxxxxxxxxxxxxx");`,
		`while (true) emit(doc, doc);`,
		`new Array(1e9).join("x");`,
		`/^(a+)+$/.test("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!");`,
		`(function f() { f(); })();`,
		`var o = {}; for (var i = 0; ; i++) o["key" + i] = {};`,
	}
}

// scriptBomb puts views into the account's database that are made to take time
// or memory, and asks for them, again and again.
func scriptBomb(b *faultBench) func() {
	id := b.load.accounts[0][strings.LastIndex(b.load.accounts[0], "/")+1:]
	database := b.p.couchdb + "/" + couch.EncodedDB(couch.AccountDB(id))
	ctx, cancel := context.WithCancel(b.t.Context())
	var group sync.WaitGroup
	for who, bomb := range scriptBombs() {
		group.Go(func() {
			source := fmt.Sprintf(`function (doc) { if (doc.name !== "known 2600") return; %s }`, bomb)
			for n := 0; ctx.Err() == nil; n++ {
				path := fmt.Sprintf("%s/_design/bomb-%d-%d", database, who, n)
				rev, err := askCouchDB(context.WithoutCancel(ctx), b, "PUT", path, fmt.Sprintf(`{"views":{"v":{"map":%q}}}`, source))
				if err != nil || rev == "" {
					b.t.Errorf("bomb %d is not stored: %v", who, err)
					return
				}
				_, _ = askCouchDB(ctx, b, "GET", path+"/_view/v", "") // may take for ever
				if _, err := askCouchDB(context.WithoutCancel(ctx), b, "DELETE", path+"?rev="+rev, ""); err != nil {
					b.t.Errorf("bomb %d stays: %v", who, err)
				}
			}
		})
	}
	return func() {
		cancel()
		group.Wait()
	}
}

// askCouchDB sends a request to --couchdb-listen and returns the revision in
// the answer. On a busy machine many bombs take their time.
func askCouchDB(ctx context.Context, b *faultBench, method, path, body string) (rev string, err error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	r.SetBasicAuth("admin", "secret")
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var answer struct {
		Rev string `json:"rev"`
	}
	return answer.Rev, json.NewDecoder(res.Body).Decode(&answer)
}
