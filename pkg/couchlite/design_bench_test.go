package couchlite

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
)

const benchDocs = 20_000

// kazooDesign assembles the design document that accounts have.
func kazooDesign(t testing.TB) string {
	t.Helper()
	root := os.DirFS("../../couchviews/account/callflows/views")
	views := map[string]map[string]string{}
	err := fs.WalkDir(root, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		source, err := fs.ReadFile(root, p)
		name := path.Dir(p)
		if views[name] == nil {
			views[name] = map[string]string{}
		}
		views[name][strings.TrimSuffix(path.Base(p), ".js")] = string(source)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]any{"views": views})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// benchAccount returns a server whose database /a holds n callflows, numbered
// +14150000000 and up.
func benchAccount(b *testing.B, n int) *Server {
	b.Helper()
	s, err := Open(Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	must(b, s, "PUT", "/a", "")
	must(b, s, "PUT", "/a/_design/callflows", kazooDesign(b))
	for from := 0; from < n; from += 1000 {
		docs := make([]string, min(1000, n-from))
		for i := range docs {
			doc := strings.Replace(benchDoc, "{", fmt.Sprintf(`{"_id":"%032x",`, (from+i)*7919%n), 1)
			docs[i] = strings.Replace(doc, "+14155550100", fmt.Sprintf("+1415%07d", from+i), 1)
		}
		must(b, s, "POST", "/a/_bulk_docs", `{"docs":[`+strings.Join(docs, ",")+`]}`)
	}
	return s
}

const benchView = "/a/_design/callflows/_view/"

// BenchmarkViewBuild indexes callflows; docs/s is what it reaches.
func BenchmarkViewBuild(b *testing.B) {
	s := benchAccount(b, benchDocs)
	n := 0
	for b.Loop() {
		n++ // another source is another index
		must(b, s, "PUT", fmt.Sprintf("/a/_design/b%d", n), strings.ReplaceAll(kazooDesign(b), "function (doc)", fmt.Sprintf("function (doc /*%d*/)", n)))
		must(b, s, "GET", fmt.Sprintf("/a/_design/b%d/_view/listing_by_number?limit=0", n), "")
	}
	b.ReportMetric(float64(benchDocs*b.N)/b.Elapsed().Seconds(), "docs/s")
}

// BenchmarkViewUpdate writes one document and reads a view that has it.
func BenchmarkViewUpdate(b *testing.B) {
	s := benchAccount(b, benchDocs)
	must(b, s, "GET", benchView+"listing_by_number?limit=0", "")
	n := 0
	for b.Loop() {
		n++
		must(b, s, "PUT", fmt.Sprintf("/a/new%d", n), benchDoc)
		must(b, s, "GET", benchView+"listing_by_number?key=%22%2B14155550100%22&limit=1", "")
	}
}

func BenchmarkViewKey(b *testing.B) {
	s := benchAccount(b, benchDocs)
	must(b, s, "GET", benchView+"listing_by_number?limit=0", "")
	for b.Loop() {
		must(b, s, "GET", benchView+"listing_by_number?key=%22%2B14150010000%22", "")
	}
}

func BenchmarkViewKeyWithDocument(b *testing.B) {
	s := benchAccount(b, benchDocs)
	must(b, s, "GET", benchView+"listing_by_number?limit=0", "")
	for b.Loop() {
		must(b, s, "GET", benchView+"listing_by_number?include_docs=true&key=%22%2B14150010000%22", "")
	}
}

func BenchmarkViewAllRows(b *testing.B) {
	s := benchAccount(b, benchDocs)
	must(b, s, "GET", benchView+"listing_by_number?limit=0", "")
	for b.Loop() {
		if _, body := call(b, s, "GET", benchView+"crossbar_listing", ""); strings.Count(body, "\n") < benchDocs {
			b.Fatal("rows are missing")
		}
	}
	b.ReportMetric(float64(benchDocs*b.N)/b.Elapsed().Seconds(), "rows/s")
}
