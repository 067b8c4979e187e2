package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What keeps a command from its work is an error that names the flag to look
// at and no secret; it does not wait for better times.
func TestE2ERefusesToRun(t *testing.T) {
	const password = "wr0ng"
	secret := writeSecret(t, "admin:s3cret\n")
	taken := t.TempDir()
	p := start(t, "--data-dir="+taken, "--couchdb-listen=127.0.0.1:0", "--couchdb-admin-file="+secret)
	stranger := httptest.NewServer(http.NotFoundHandler())
	defer stranger.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	unauthorized, err := url.Parse(p.couchdb)
	if err != nil {
		t.Fatal(err)
	}
	unauthorized.User = url.UserPassword("admin", password)
	port := strings.TrimPrefix(p.api, "http://")
	for _, tt := range []struct{ name, flag, args string }{
		{"port in use", "--listen", "serve --listen=" + port + " --data-dir=" + t.TempDir()},
		{"port of another flag in use", "--admin-listen", "serve --listen=127.0.0.1:0 --admin-listen=" + port + " --data-dir=" + t.TempDir()},
		{"directory in use", "--data-dir", "serve --listen=127.0.0.1:0 --data-dir=" + taken},
		{"directory that is a file", "--data-dir", "serve --listen=127.0.0.1:0 --data-dir=" + file},
		{"directory below a file", "--data-dir", "serve --listen=127.0.0.1:0 --data-dir=" + file + "/data"},
		{"wrong password", "--couchdb-url", "serve --listen=127.0.0.1:0 --couchdb-url=" + unauthorized.String()},
		{"nobody at all", "--couchdb-url", "serve --listen=127.0.0.1:0 --couchdb-url=" + p.couchdb},
		{"no CouchDB", "--couchdb-url: what answers there is not a CouchDB", "serve --listen=127.0.0.1:0 --couchdb-url=" + stranger.URL},
		{"rotate, no directory", "--data-dir", "rotate-key --data-dir=" + file + "-not"},
		{"rotate, no directory named", "--data-dir", "rotate-key --data-dir="},
		{"rotate, no CouchDB", "--couchdb-url: what answers there is not a CouchDB", "rotate-key --couchdb-url=" + stranger.URL},
		{"rotate, wrong password", "--couchdb-url", "rotate-key --couchdb-url=" + unauthorized.String()},
		{"rotate, nobody listens", "--couchdb-url", "rotate-key --couchdb-url=http://127.0.0.1:1"},
		{"reset, no directory", "--data-dir", "reset-key --data-dir=" + file + "-not"},
		{"reset, no CouchDB", "--couchdb-url: what answers there is not a CouchDB", "reset-key --couchdb-url=" + stranger.URL},
		{"reset, a flag of serve", "--listen", "reset-key --listen=127.0.0.1:0"},
		{"rotate, a flag of serve", "--listen", "rotate-key --listen=127.0.0.1:0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(t.TempDir()) // where the default data directory would be
			_, err := command(t, strings.Fields(tt.args)...)
			if err == nil || !strings.Contains(err.Error(), tt.flag) || strings.Contains(err.Error(), password) {
				t.Errorf("error %v, want one that names %s", err, tt.flag)
			}
		})
	}
}

// A key can only be made where callflowd has been.
func TestRotateKeyWantsDatabases(t *testing.T) {
	dir := t.TempDir()
	if _, err := command(t, "rotate-key", "--data-dir="+dir); err == nil {
		t.Error("a key was made in an empty directory")
	}
}
