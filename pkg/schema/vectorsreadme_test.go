package schema

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestVectorsAreDescribed holds the table in the README of the vectors against
// the files beside it: each has a row there, with twice the lines it has here.
func TestVectorsAreDescribed(t *testing.T) {
	const dir = "../../testdata/vectors"
	readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	described := map[string]int{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z]+)` \\| ([0-9]+) \\|").FindAllStringSubmatch(string(readme), -1) {
		described[row[1]], _ = strconv.Atoi(row[2])
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(files) != len(described) {
		t.Errorf("%d files, %d described: %v", len(files), len(described), err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		rows, name := bytes.Count(raw, []byte("\n")), strings.TrimSuffix(filepath.Base(file), ".jsonl")
		if all := described[name]; all != 2*rows && all != 2*rows-1 {
			t.Errorf("%s has %d rows, its README says %d for the larger set", name, rows, all)
		}
	}
}
