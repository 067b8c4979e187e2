package couchlite

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// crashDir is set in the environment of a child process: where it writes.
const crashDir = "COUCHLITE_CRASH_DIR"

// crashRounds sets how often TestKill kills; the default is few.
const crashRounds = "COUCHLITE_CRASH_ROUNDS"

// TestMain makes the test binary the program that is killed, when it is
// started by [TestKill].
func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := writeForEver(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// writeForEver writes documents with several clients at once and prints the
// id and the revision of each as soon as it is acknowledged.
func writeForEver(dir string) error {
	s, err := Open(Options{Dir: dir})
	if err != nil {
		return err
	}
	if _, err := exchangeInProcess(s, "PUT", "/db", ""); err != nil {
		return err
	}
	run := randomHex(4)
	failed := make(chan error)
	for client := range 4 {
		go func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("%s-%d-%d", run, client, n)
				if _, err := exchangeInProcess(s, "PUT", "/db/"+id, `{"text":"`+strings.Repeat("x", n%3000)+`"}`); err != nil {
					failed <- err
					return
				}
				// One write to the pipe is one line whole.
				if _, err := os.Stdout.WriteString(id + "\n"); err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	return <-failed
}

func exchangeInProcess(s *Server, method, path, body string) (int, error) {
	req, err := http.NewRequestWithContext(context.Background(), method, "http://couchlite"+path, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	resp, err := s.Transport().RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusCreated && resp.StatusCode != http.StatusPreconditionFailed {
		return resp.StatusCode, fmt.Errorf("%s %s: %d", method, path, resp.StatusCode)
	}
	return resp.StatusCode, nil
}

// TestKill kills a writing process again and again: every document that was
// acknowledged is there afterwards, and the file is sound.
func TestKill(t *testing.T) {
	rounds := 3
	if raw := os.Getenv(crashRounds); raw != "" {
		var err error
		if rounds, err = strconv.Atoi(raw); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	var acknowledged []string
	for round := range rounds {
		ids := killedWriter(t, dir, 50+37*round)
		acknowledged = append(acknowledged, ids...)
		verify(t, dir, acknowledged)
	}
	t.Logf("%d documents in %d rounds", len(acknowledged), rounds)
}

// killedWriter runs a writing process, kills it when it has acknowledged some
// documents, and returns all it had acknowledged.
func killedWriter(t *testing.T, dir string, some int) (ids []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if ids = append(ids, lines.Text()); len(ids) == some {
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || len(ids) < some {
		t.Fatalf("the process ended by itself after %d documents: %v", len(ids), err)
	}
	return ids
}

// verify opens the directory as a restarted server does.
func verify(t *testing.T, dir string, ids []string) {
	t.Helper()
	s, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, id := range ids {
		resp, err := s.Transport().RoundTrip(httptest.NewRequest("GET", "/db/"+id, nil))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s was acknowledged and is gone: %d", id, resp.StatusCode)
		}
	}
	checkCounts(t, s)
}

// checkCounts compares what the database says of itself with what it holds,
// and lets SQLite look for damage.
func checkCounts(t *testing.T, s *Server) {
	t.Helper()
	sl, err := s.acquire(t.Context(), "db")
	if err != nil {
		t.Fatal(err)
	}
	defer s.release(sl)
	var verdict string
	var docs, last sql.NullInt64
	row := sl.db.file.r.QueryRow(`SELECT (SELECT * FROM pragma_integrity_check), count(*), max(seq) FROM docs WHERE deleted = 0`)
	if err := row.Scan(&verdict, &docs, &last); err != nil {
		t.Fatal(err)
	}
	st := sl.db.state.Load()
	if verdict != "ok" || docs.Int64 != st.docs || last.Int64 != st.seq {
		t.Errorf("integrity %s, %d documents of %d, sequence %d of %d", verdict, docs.Int64, st.docs, last.Int64, st.seq)
	}
}
