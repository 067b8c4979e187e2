package store

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/zap"
)

// crashDir is set in the environment of a child process: where it writes.
const crashDir = "COUCHLITE_CRASH_DIR"

// crashRounds sets how often tests crash; the default is few.
const crashRounds = "COUCHLITE_CRASH_ROUNDS"

// crashes is how often a test is to crash.
func crashes(t *testing.T, few int) int {
	t.Helper()
	raw := os.Getenv(crashRounds)
	if raw == "" {
		return few
	}
	rounds, err := strconv.Atoi(raw)
	if err != nil {
		t.Fatal(err)
	}
	return rounds
}

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

// writeForEver writes documents with several writers at once and prints the
// id of each as soon as it is acknowledged.
func writeForEver(dir string) error {
	s, err := Open(Options{Dir: dir, Log: zap.NewNop(), MaxOpen: 2})
	if err != nil {
		return err
	}
	s.mergeAfter = 30 // so that it dies in the middle of merging too
	ctx := context.Background()
	db, err := s.Acquire(ctx, "db")
	if isMissingDatabase(err) {
		db, err = s.Create(ctx, "db")
	}
	if err != nil {
		return err
	}
	run := RandomHex(4)
	failed := make(chan error)
	for client := range 4 {
		go func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("%s-%d-%d", run, client, n)
				if err := db.Save(ctx, &Edit{ID: id, Body: []byte(`{"text":"` + strings.Repeat("x", n%3000) + `"}`)}); err != nil {
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

// TestKill kills a writing process again and again: every document that was
// acknowledged is there afterwards, and the file is sound.
func TestKill(t *testing.T) {
	rounds := crashes(t, 3)
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
	s := storeIn(t, dir, 2)
	defer closeStore(t, s)
	db := hold(t, s, "db")
	defer s.Release(db)
	for _, id := range ids {
		if _, err := db.Winner(t.Context(), id); err != nil {
			t.Errorf("%s was acknowledged and is gone: %v", id, err)
		}
	}
	checkCounts(t, db)
}

// checkCounts compares what the database says of itself with what it holds,
// and lets SQLite look for damage.
func checkCounts(t *testing.T, db *Database) {
	t.Helper()
	var verdict string
	var docs, last sql.NullInt64
	row := db.file.R.QueryRow(`SELECT (SELECT * FROM pragma_integrity_check), count(*), max(seq) FROM docs WHERE deleted = 0`)
	if err := row.Scan(&verdict, &docs, &last); err != nil {
		t.Fatal(err)
	}
	st := db.Current()
	if verdict != "ok" || docs.Int64 != st.Docs || last.Int64 != st.Seq {
		t.Errorf("integrity %s, %d documents of %d, sequence %d of %d", verdict, docs.Int64, st.Docs, last.Int64, st.Seq)
	}
}
