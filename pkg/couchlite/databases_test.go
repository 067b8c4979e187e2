package couchlite

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// durable returns a server on dir that keeps few databases open.
func durable(t testing.TB, dir string, maxOpen int) *Server {
	t.Helper()
	s, err := Open(Options{Dir: dir, MaxOpen: maxOpen})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// statusOf sends a request and returns the status of its answer.
func statusOf(s *Server, method, path, body string) (int, error) {
	resp, err := s.Transport().RoundTrip(httptest.NewRequest(method, path, strings.NewReader(body)))
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

func closeServer(t testing.TB, s *Server) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestReopen(t *testing.T) {
	dir := t.TempDir()
	s := durable(t, dir, 0)
	fill(t, s, "a", "b")
	info := must(t, s, "GET", "/db", "")
	closeServer(t, s)
	s = durable(t, dir, 0)
	defer closeServer(t, s)
	if got := must(t, s, "GET", "/db/a", "")["n"]; got != 1.0 {
		t.Errorf("document %v", got)
	}
	again := must(t, s, "GET", "/db", "")
	for _, key := range []string{"update_seq", "doc_count", "doc_del_count", "purge_seq"} {
		if info[key] != again[key] {
			t.Errorf("%s: %v, was %v", key, again[key], info[key])
		}
	}
	if _, got := call(t, s, "GET", "/_db_updates", ""); !strings.Contains(got, `{"db_name":"db","type":"updated"`) {
		t.Errorf("_db_updates after a start: %s", got)
	}
}

// TestManyDatabases uses more databases than are kept open, from several
// clients at once.
func TestManyDatabases(t *testing.T) {
	s := durable(t, t.TempDir(), 2)
	defer closeServer(t, s)
	for i := range 8 {
		must(t, s, "PUT", fmt.Sprintf("/db%d", i), "")
	}
	var wg sync.WaitGroup
	for client := range 4 {
		wg.Go(func() {
			for n := range 40 {
				path := fmt.Sprintf("/db%d/%d-%d", (n+client)%8, client, n)
				if status, err := statusOf(s, "PUT", path, `{}`); err != nil || status != 201 {
					t.Errorf("%s: %d %v", path, status, err)
				}
			}
		})
	}
	wg.Wait()
	total := 0.0
	for i := range 8 {
		total += must(t, s, "GET", fmt.Sprintf("/db%d", i), "")["doc_count"].(float64)
	}
	if total != 160 {
		t.Errorf("%v documents of 160", total)
	}
}

// TestDeleteWhileInUse deletes and makes a database again while others write
// to it: they get 201, 404 or 409 and nothing else.
func TestDeleteWhileInUse(t *testing.T) {
	s := newServer(t)
	var wg sync.WaitGroup
	done := make(chan struct{})
	for client := range 3 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				resp, err := s.Transport().RoundTrip(httptest.NewRequest("PUT", fmt.Sprintf("/db/%d-%d", client, n), strings.NewReader("{}")))
				if err != nil {
					t.Error(err)
					return
				}
				_ = resp.Body.Close()
				if resp.StatusCode != 201 && resp.StatusCode != 404 {
					t.Errorf("status %d", resp.StatusCode)
				}
			}
		})
	}
	incarnations := map[string]bool{}
	for range 20 {
		must(t, s, "PUT", "/db", "")
		info := must(t, s, "GET", "/db", "")
		_, incarnation, _ := strings.Cut(fmt.Sprint(info["update_seq"]), "-")
		incarnations[incarnation] = true
		must(t, s, "DELETE", "/db", "")
	}
	close(done)
	wg.Wait()
	if len(incarnations) != 20 {
		t.Errorf("%d incarnations of 20", len(incarnations))
	}
	entries, err := os.ReadDir(filepath.Join(s.store.Dir(), "databases"))
	if err != nil || len(entries) != 0 {
		t.Errorf("left over: %v %v", entries, err)
	}
}

func TestCreateOnce(t *testing.T) {
	s := newServer(t)
	statuses := make([]int, 8)
	var wg sync.WaitGroup
	for i := range statuses {
		wg.Go(func() { statuses[i], _ = statusOf(s, "PUT", "/db", "") })
	}
	wg.Wait()
	slices.Sort(statuses)
	if statuses[0] != 201 || statuses[1] != 412 || statuses[7] != 412 {
		t.Errorf("statuses %v", statuses)
	}
}

func TestClosedServer(t *testing.T) {
	s, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	closeServer(t, s)
	closeServer(t, s)
	if _, err := os.Stat(s.store.Dir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("temporary directory: %v", err)
	}
	if status, body := call(t, s, "GET", "/db", ""); status != 503 {
		t.Errorf("%d %s", status, body)
	}
}

// TestManyFiles starts on a directory of many databases: none is opened.
func TestManyFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "databases"), 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		name := filepath.Join(dir, "databases", fmt.Sprintf("account.ab.cd.%d~0123abcd.db", i))
		if err := os.WriteFile(name, []byte("not read"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := durable(t, dir, 0)
	defer closeServer(t, s)
	if _, got := call(t, s, "GET", `/_all_dbs?limit=1&startkey="account/ab/cd/5"`, ""); got != `["account/ab/cd/5"]` {
		t.Errorf("_all_dbs: %s", got)
	}
	if status, got := call(t, s, "GET", "/account%2Fab%2Fcd%2F5", ""); status != 500 || !strings.Contains(got, "it is no database file") || len(s.Damaged()) != 1000 {
		t.Errorf("a broken file: %d %s", status, got)
	}
}
