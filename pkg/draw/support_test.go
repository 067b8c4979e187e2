package draw

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
)

var update = flag.Bool("update", false, "rewrite the golden pictures")

func doc(t testing.TB, text string) document.Doc {
	t.Helper()
	var d document.Doc
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return d
}

// account returns the callflows of a file of the business account.
func account(t testing.TB, file string) []document.Doc {
	t.Helper()
	raw, err := os.ReadFile("../../testdata/accounts/harbourside/" + file + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var out []document.Doc
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// names are the documents that the business account's callflows refer to.
func names(t testing.TB) Docs {
	t.Helper()
	raw, err := os.ReadFile("testdata/harbourside-names.json")
	if err != nil {
		t.Fatal(err)
	}
	var metadata map[string]any
	if err := json.Unmarshal(raw, &metadata); err != nil {
		t.Fatal(err)
	}
	return FromMetadata(metadata)
}

func options(t testing.TB) Options {
	return Options{
		Docs: names(t),
		Href: func(id string) string { return "/v2/accounts/A/callflows/" + id },
		More: func(path string) string { return "?as=svg&from=" + path },
	}
}

// golden compares a picture with the file of that name.
func golden(t *testing.T, file, got string) {
	t.Helper()
	file = filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; go test ./pkg/draw -update writes it anew. Got\n%.3000s", file, got)
	}
}
