package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/callflowd/callflowd/pkg/couchlite/backup"
)

// flowsOf logs in and returns the path of the account's callflows.
func flowsOf(t *testing.T, p *program, key string) (c caller, account, flows string) {
	t.Helper()
	c, account = login(t, p, key)
	return c, account, "/v2/accounts/" + account + "/callflows"
}

// flow is a callflow that takes one number.
func flow(id string, n int) map[string]any {
	return map[string]any{"id": id, "numbers": []string{fmt.Sprintf("+1415555%04d", n)}, "flow": map[string]any{"module": "hangup", "data": map[string]any{}}}
}

// TestBackupWhileWriting backs up a program that is being written to, in every
// way, and restores: what was acknowledged before is there.
func TestBackupWhileWriting(t *testing.T) {
	dir := t.TempDir()
	p := start(t, "--data-dir="+dir, "--admin-listen=127.0.0.1:0", "--rate-burst=0")
	_, key := masterOf(t, p.greeting())
	c, _, flows := flowsOf(t, p, key)
	c.must(http.StatusCreated, "PUT", flows, flow("before", 1))
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			_, _ = c.try("PATCH", flows+"/before", map[string]any{"name": fmt.Sprint("name ", n)})
		}
	})
	targets := []string{filepath.Join(t.TempDir(), "copy.tar"), filepath.Join(t.TempDir(), "copy"), filepath.Join(t.TempDir(), "got.tar")}
	for _, target := range targets[:2] {
		if out, err := command(t, "backup", "--data-dir="+dir, target); err != nil || !strings.Contains(out, "databases with") {
			t.Fatalf("backup: %s %v", out, err)
		}
	}
	download(t, p.admin+"/backup", targets[2])
	stop()
	group.Wait()
	if _, err := command(t, "restore", "--data-dir="+dir, targets[0]); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("restored under a running program: %v", err)
	}
	p.stop()
	if _, err := command(t, "restore", "--data-dir="+dir, targets[0]); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("restored over something: %v", err)
	}
	for _, target := range targets {
		fresh := filepath.Join(t.TempDir(), "data")
		if out, err := command(t, "restore", "--data-dir="+fresh, target); err != nil {
			t.Fatalf("restore %s: %s %v", target, out, err)
		}
		q := start(t, "--data-dir="+fresh, "--rate-burst=0")
		restored, _, flows := flowsOf(t, q, key)
		restored.must(http.StatusOK, "GET", flows+"/before", nil)
		restored.must(http.StatusCreated, "PUT", flows, flow("after", 2))
		q.stop()
	}
}

func download(t *testing.T, url, target string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := backup.Save(res.Body, target, func(int, int64) {}); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v", url, res.Status, err)
	}
}

// TestBackupOfStopped backs up where no program runs.
func TestBackupOfStopped(t *testing.T) {
	dir := t.TempDir()
	p := start(t, "--data-dir="+dir)
	p.stop()
	target := filepath.Join(t.TempDir(), "copy")
	if out, err := command(t, "backup", "--data-dir="+dir, target); err != nil {
		t.Fatal(out, err)
	}
	if _, err := command(t, "backup", "--data-dir="+dir, target); err == nil {
		t.Error("written over")
	}
	if _, err := command(t, "backup", "--data-dir="+t.TempDir(), target); err == nil || !strings.Contains(err.Error(), "--data-dir") {
		t.Errorf("backup of nothing: %v", err)
	}
}

// readiness is what /readyz says of the embedded databases.
func readiness(t *testing.T, p *program) (works bool, message string) {
	t.Helper()
	body := page(t, p.api+"/readyz")
	return !strings.Contains(body, "damaged"), body
}

// TestMixedCopyAtStart copies a running program's files at different moments,
// as cp may, and starts on the copy: the account's database is refused, the
// others work, /readyz says so, and accept goes on with what is left.
func TestMixedCopyAtStart(t *testing.T) {
	dir, mixed := t.TempDir(), t.TempDir()
	p := start(t, "--data-dir="+dir, "--rate-burst=0")
	_, key := masterOf(t, p.greeting())
	c, account, flows := flowsOf(t, p, key)
	name := "account/" + account[:2] + "/" + account[2:4] + "/" + account[4:]
	base := "account." + account[:2] + "." + account[2:4] + "." + account[4:] + "~"
	c.must(http.StatusCreated, "PUT", flows, flow("early", 1))
	copyFiles(t, dir, mixed, func(file string) bool { return !strings.HasPrefix(file, base) || strings.HasSuffix(file, ".db") })
	for n := range 300 { // enough for the log to be merged
		late := flow(fmt.Sprint("late", n), 100+n)
		late["long"] = strings.Repeat("x", 30_000)
		c.must(http.StatusCreated, "PUT", flows, late)
	}
	copyFiles(t, dir, mixed, func(file string) bool { return strings.HasPrefix(file, base) && strings.HasSuffix(file, "-wal") })
	p.stop()
	q := start(t, "--data-dir="+mixed, "--rate-burst=0")
	if works, said := readiness(t, q); works {
		t.Errorf("ready: %s", said)
	}
	c.base = q.api
	if env, err := c.try("GET", flows+"/early", nil); err != nil || env.Status < 500 {
		t.Errorf("the callflow: %d %s %v", env.Status, env.Data, err)
	}
	c.must(http.StatusOK, "GET", "/v2/schemas/callflows", nil)
	q.stop()
	if out, err := command(t, "accept", "--data-dir="+mixed, name); err != nil {
		t.Logf("not accepted: %s %v", out, err) // the mixture may be past that
	}
}

// copyFiles copies a data directory's files that wanted takes.
func copyFiles(t *testing.T, from, to string, wanted func(file string) bool) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, e os.DirEntry, err error) error {
		rel, _ := filepath.Rel(from, path)
		switch {
		case path != from && errors.Is(err, os.ErrNotExist):
			return nil // the program removes files of its own meanwhile
		case err != nil:
			return err
		case e.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		case !e.Type().IsRegular(), e.Name() == "lock", strings.HasSuffix(rel, "-shm"), !wanted(e.Name()):
			return nil
		}
		raw, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), raw, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestBackupOnlyGets: the listener's other methods, and CouchDB's storage.
func TestBackupOnlyGets(t *testing.T) {
	p := start(t, "--data-dir="+t.TempDir(), "--admin-listen=127.0.0.1:0")
	res, err := http.Post(p.admin+"/backup", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %s", res.Status)
	}
	if got := statusOf(t, p.api+"/backup"); got == http.StatusOK {
		t.Error("the API's listener serves backups")
	}
}
