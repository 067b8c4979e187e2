// Package couchtest gives tests a server that speaks CouchDB's protocol,
// empty and their own: couchlite in memory or, when COUCHDB_URL is set, that
// server behind a proxy that keeps the tests' databases apart. So the
// same tests run on both.
package couchtest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couchlite"
)

// The servers that tests may meet, as [Vendor] names them.
const (
	Couchlite = "couchlite"
	CouchDB   = "CouchDB"
	PouchDB   = "PouchDB"
)

// New returns a client of a fresh and empty server, gone at the test's end.
func New(t testing.TB) *couch.Client {
	t.Helper()
	if os.Getenv("COUCHDB_URL") != "" {
		return Open(t, URL(t))
	}
	return open(t, couch.Config{Transport: embedded(t).Transport()})
}

// URL returns the address of a fresh and empty server on a loopback port,
// gone at the test's end. It asks for no credentials.
func URL(t testing.TB) string {
	t.Helper()
	target := os.Getenv("COUCHDB_URL")
	if target == "" {
		return serve(t, embedded(t))
	}
	u := newUniverse(t, target)
	t.Cleanup(func() { u.drop(t) })
	return serve(t, u.handler())
}

// Open returns a client of the server at address, one of [URL]'s: several of them
// are like several processes.
func Open(t testing.TB, address string) *couch.Client {
	t.Helper()
	return open(t, couch.Config{URL: address})
}

// Vendor names the server that the tests run on.
func Vendor(t testing.TB) string {
	t.Helper()
	target := os.Getenv("COUCHDB_URL")
	if target == "" {
		return Couchlite
	}
	return vendor(t, target)
}

// SkipPouchDB skips a test that needs what pouchdb-server does not have.
func SkipPouchDB(t testing.TB, reason string) {
	t.Helper()
	if Vendor(t) == PouchDB {
		t.Skipf("not on pouchdb-server: %s", reason)
	}
}

func open(t testing.TB, cfg couch.Config) *couch.Client {
	t.Helper()
	client, err := couch.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func embedded(t testing.TB) *couchlite.Server {
	t.Helper()
	server, err := couchlite.Open(couchlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("close couchlite: %v", err)
		}
	})
	return server
}

// serve ends the connections that feeds still hold, then the listener.
func serve(t testing.TB, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

func vendor(t testing.TB, target string) string {
	t.Helper()
	name, err := open(t, couch.Config{URL: target}).Vendor(t.Context())
	if err != nil {
		t.Fatalf("the server of COUCHDB_URL does not answer: %v", err)
	}
	return name
}

func newUniverse(t testing.TB, target string) *universe {
	t.Helper()
	parsed, err := url.Parse(target)
	if err != nil {
		t.Fatal("COUCHDB_URL cannot be parsed")
	}
	parsed.Path = strings.TrimSuffix(parsed.Path, "/")
	random := make([]byte, 5)
	_, _ = rand.Read(random)
	slash := "/"
	if vendor(t, target) == PouchDB {
		slash = "$" // it drops slashes from names
	}
	return &universe{target: parsed, prefix: "ct" + hex.EncodeToString(random) + slash, slash: slash}
}

// drop removes the universe's databases from the shared server.
func (u *universe) drop(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := open(t, couch.Config{URL: u.target.String()})
	names, err := client.AllDBs(ctx)
	if err != nil {
		t.Errorf("clean up: %v", err)
		return
	}
	for _, name := range names {
		if !strings.HasPrefix(name, u.prefix) {
			continue
		}
		if err := client.DropDB(ctx, name); err != nil {
			t.Errorf("clean up: %v", err)
		}
	}
}

// Eventually waits until holds returns true. It fails only after minutes: a slow
// machine is not a failure.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	giveUp := time.After(5 * time.Minute)
	for !holds() {
		select {
		case <-tick.C:
		case <-giveUp:
			t.Fatalf("it never happens: %s", what)
		}
	}
}

// JSON decodes a literal into what encoding/json makes of it, for tests that
// write documents as text.
func JSON[T any](t testing.TB, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}
