package couchlite

import (
	"flag"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata/probe-differences.txt")

const (
	vectors         = "../../testdata/vectors/couchdb"
	differencesFile = "testdata/probe-differences.txt"
)

// TestProbe asks couchlite what CouchDB 3.5.0 was asked and compares the
// answers. The lines that differ are listed in testdata, by check: that list
// holds only what is left out on purpose.
func TestProbe(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not here to run couchdb_probe.py:", err)
	}
	t.Parallel()
	s, err := Open(Options{Admin: &Credentials{"admin", "secret"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	srv := httptest.NewServer(s)
	defer srv.Close()
	out, err := exec.CommandContext(t.Context(), python, filepath.Join(vectors, "couchdb_probe.py"), srv.URL, "admin:secret").Output()
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(vectors, "couchdb-3.5.0.txt"))
	if err != nil {
		t.Fatal(err)
	}
	got := differences(string(want), string(out))
	if *update {
		if err := os.WriteFile(differencesFile, []byte(strings.Join(got, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(differencesFile)
	if err != nil {
		t.Fatal(err)
	}
	listed := strings.Split(strings.TrimSpace(string(raw)), "\n")
	for _, line := range got {
		if !slices.Contains(listed, line) {
			t.Errorf("differs from CouchDB and is not listed:\n%s", line)
		}
	}
	for _, line := range listed {
		if !slices.Contains(got, line) {
			t.Errorf("listed and no longer so; remove it from %s:\n%s", differencesFile, line)
		}
	}
}

// differences returns the lines of got that want has otherwise. A check that
// did not apply to CouchDB itself is ignored.
func differences(want, got string) []string {
	const nameWidth = 35
	lines := map[string]string{}
	for line := range strings.Lines(want) {
		line = strings.TrimSpace(line)
		lines[line[:min(nameWidth, len(line))]] = line
	}
	var differing []string
	for line := range strings.Lines(got) {
		line = strings.TrimSpace(line)
		reference := lines[line[:min(nameWidth, len(line))]]
		if line != reference && !strings.Contains(reference, " EXC ") {
			differing = append(differing, line)
		}
	}
	return differing
}
