package bench

import (
	"os/exec"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func TestParseGoBench(t *testing.T) {
	const out = `goos: linux
BenchmarkNumbers/1000000-2         	 7031000	       165.5 ns/op	       0 B/op	       0 allocs/op
BenchmarkNumbers/1000000-2         	 7031000	       170 ns/op
BenchmarkPatterns/index/10000     	 7031000	       320 ns/op
BenchmarkOther-2 1 3 MB/s
Benchmark
PASS
`
	want := map[string][]float64{"BenchmarkNumbers/1000000": {165.5, 170}, "BenchmarkPatterns/index/10000": {320}}
	if got := parseGoBench([]byte(out)); !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
	if got := benchPattern("BenchmarkA/b"); got != "^BenchmarkA$/^b$" {
		t.Error(got)
	}
}

// The benchmarks that the table quotes exist under the names that it knows.
func TestGoBenchmarksExist(t *testing.T) {
	for _, g := range goRows() {
		name, _, _ := strings.Cut(g.benchmark, "/")
		out, err := exec.CommandContext(t.Context(), "go", "test", "-list=^"+name+"$", "../../"+g.pkg).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if !regexp.MustCompile(`(?m)^` + name + `$`).Match(out) {
			t.Errorf("%s has no %s", g.pkg, name)
		}
	}
}

func TestWithoutSource(t *testing.T) {
	for _, source := range []string{"", t.TempDir()} {
		b := &bench{Settings: Settings{Source: source}}
		rows, err := b.goBenchmarks(t.Context())
		if err != nil || len(rows) != len(goRows()) {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		for _, row := range rows {
			if row.verdict() != "left out" || !strings.Contains(row.Left, "source") {
				t.Errorf("%+v", row)
			}
		}
	}
}
