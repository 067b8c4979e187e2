package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/callflowd/callflowd/"

// layers are the directions of dependencies, top to bottom: a package imports
// only packages of the layers below its own, and those listed in sideways.
var layers = [][]string{
	{"cmd/callflowd"},
	{"pkg/api", "pkg/ui", "pkg/bench", "pkg/cli"},
	{"pkg/callflow", "pkg/transfer", "pkg/doctor", "pkg/uninstall", "pkg/account", "pkg/auth", "pkg/resource", "pkg/phone", "pkg/draw", "pkg/notice", "pkg/replication"},
	{"pkg/save", "pkg/route", "pkg/schema", "pkg/number", "pkg/couch", "pkg/reserve", "couchviews", "schemas"},
	{"pkg/document", "pkg/problem", "pkg/lru", "pkg/pause", "pkg/pcre", "pkg/trace", "pkg/collation", "pkg/disktest"},
}

var sideways = map[string][]string{
	"pkg/ui":       {"pkg/api"},
	"pkg/callflow": {"pkg/account", "pkg/phone"},
	"pkg/auth":     {"pkg/account"},
	"pkg/phone":    {"pkg/account"},
	"pkg/resource": {"pkg/account", "pkg/auth"},
	"pkg/transfer": {"pkg/callflow", "pkg/resource"},
	"pkg/route":    {"pkg/number", "pkg/couch"},
	"pkg/schema":   {"schemas"},
	"pkg/reserve":  {"pkg/couch"},
	"pkg/save":     {"pkg/couch", "pkg/reserve"},
	"pkg/document": {"pkg/problem"},
}

// rooms are the packages of couchlite that the endpoints stand on, top to
// bottom: each imports only those below it, and none the endpoints or net/http.
var rooms = []string{"backup", "view", "store", "content", "sandbox", "mango", "users", "rows", "fault", "journal", "revtree", "ejson", "deflate"}

// homes are the libraries that only one package may import; the rest of the
// module reaches them through it.
var homes = map[string][]string{
	"github.com/alecthomas/kong":        {"cmd/callflowd"},
	"github.com/goccy/go-yaml":          {"cmd/callflowd", "pkg/cli"},
	"github.com/schollz/progressbar/v3": {"pkg/cli"},
	"github.com/gorilla/mux":            {"pkg/api/web", "pkg/bench"}, // there as the baseline
	"github.com/golang-jwt/jwt/v5":      {"pkg/auth"},
	"github.com/dlclark/regexp2/v2":     {"pkg/couchlite"}, // whose syntax trees the sandbox matches
	"github.com/xeipuuv/gojsonschema":   {"pkg/schema"},
	"github.com/go-kivik/kivik/v4":      {"pkg/couch"},
	"go.opentelemetry.io":               {"pkg/trace"},
	"modernc.org/sqlite":                {"pkg/couchlite"},
	"github.com/dop251/goja":            {"pkg/couchlite"},
	"golang.org/x/text/collate":         {"pkg/collation"},
	"github.com/Shopify/toxiproxy/v2":   {},
	"github.com/getkin/kin-openapi":     {},
	"golang.org/x/net":                  {}, // in tests
	"pgregory.net/rapid":                {"pkg/route/routetest"},

	"github.com/rabbitmq/amqp091-go":          {"pkg/notice"},
	"github.com/HdrHistogram/hdrhistogram-go": {"pkg/bench"},
}

// pkg is one package of the module and what its code, tests aside, imports.
type pkg struct {
	path    string
	imports []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-e", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		all = append(all, pkg{strings.TrimPrefix(fields[0], module), fields[1:]})
	}
	return all
}

// owner is the package of layers that path is, or is a part of.
func owner(path string) (name string, layer int) {
	for i, names := range layers {
		for _, name := range names {
			if path == name || strings.HasPrefix(path, name+"/") {
				return name, i
			}
		}
	}
	return "", -1
}

func isTestSupport(path string) bool { return strings.HasSuffix(path, "test") }

func TestImportsPointDown(t *testing.T) {
	for _, p := range packages(t) {
		for _, imported := range p.imports {
			imported, ours := strings.CutPrefix(imported, module)
			if ours && !mayImport(p.path, imported) {
				t.Errorf("%s imports %s", p.path, imported)
			}
		}
	}
}

func mayImport(path, imported string) bool {
	const lite = "pkg/couchlite"
	inLite := func(p string) bool { return p == lite || strings.HasPrefix(p, lite+"/") }
	switch {
	case inLite(path):
		return inLite(imported) || imported == "pkg/collation"
	case isTestSupport(path):
		return true
	case isTestSupport(imported):
		return false
	case imported == lite, imported == lite+"/backup":
		return path == "cmd/callflowd"
	}
	from, fromLayer := owner(path)
	to, toLayer := owner(imported)
	switch {
	case fromLayer < 0 || toLayer < 0:
		return false // a package that no layer knows
	case from == to:
		return true
	}
	return toLayer > fromLayer || slices.Contains(sideways[from], to)
}

func TestCouchliteRooms(t *testing.T) {
	const lite = "pkg/couchlite/"
	for _, p := range packages(t) {
		name, inRoom := strings.CutPrefix(p.path, lite)
		if !inRoom {
			continue
		}
		at := slices.Index(rooms, name)
		if at < 0 {
			t.Errorf("%s is in no room", p.path)
		}
		for _, imported := range p.imports {
			below, ours := strings.CutPrefix(imported, module+lite)
			if imported == "net/http" || imported == module+strings.TrimSuffix(lite, "/") || ours && slices.Index(rooms, below) <= at {
				t.Errorf("%s imports %s", p.path, imported)
			}
		}
	}
}

func TestLibrariesStayAtHome(t *testing.T) {
	for _, p := range packages(t) {
		for _, imported := range p.imports {
			for library, allowed := range homes {
				if imported != library && !strings.HasPrefix(imported, library+"/") {
					continue
				}
				if !slices.ContainsFunc(allowed, func(home string) bool { return p.path == home || strings.HasPrefix(p.path, home+"/") }) {
					t.Errorf("%s imports %s, which only %v may", p.path, imported, allowed)
				}
			}
		}
	}
}

func TestEveryPackageHasALayer(t *testing.T) {
	for _, p := range packages(t) {
		if _, layer := owner(p.path); layer < 0 && !strings.HasPrefix(p.path, "pkg/couchlite") {
			t.Errorf("%s is in no layer", p.path)
		}
	}
}
