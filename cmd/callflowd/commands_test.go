package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
)

var update = flag.Bool("update", false, "write what commands print into the scripts that expect it")

// TestCommands runs the scripts of client commands, each in an account of its
// own. They say what is typed, the exit code and what is printed.
func TestCommands(t *testing.T) {
	p := start(t, "--data-dir="+t.TempDir())
	_, key := masterOf(t, p.greeting())
	master, top := login(t, p, key)
	var made atomic.Int32
	testscript.Run(t, testscript.Params{
		Dir: "../../testdata/commands", UpdateScripts: *update, RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			var account struct {
				ID string `json:"id"`
			}
			n := made.Add(1)
			got := master.must(http.StatusCreated, "PUT", "/v2/accounts/"+top, map[string]any{"name": fmt.Sprint("Script ", n)})
			got.decode(t, &account)
			var secret struct {
				Key string `json:"api_key"`
			}
			got = master.must(http.StatusOK, "GET", "/v2/accounts/"+account.ID+"/api_key", nil)
			got.decode(t, &secret)
			env.Setenv("API", p.api)
			env.Setenv("ACCOUNT", account.ID)
			env.Setenv("KEY", secret.Key)
			env.Setenv("XDG_CONFIG_HOME", env.WorkDir+"/config")
			if strings.HasSuffix(env.WorkDir, "uninstall") {
				env.Setenv("COUCHDB", usedCouchDB(t))
			}
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name != "pouchdb" {
				return false, fmt.Errorf("no condition %q", name)
			}
			return couchtest.Vendor(t) == couchtest.PouchDB, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "mask": mask},
	})
}

// usedCouchDB is a CouchDB that a callflowd has worked on.
func usedCouchDB(t *testing.T) string {
	t.Helper()
	address := couchtest.URL(t)
	fillAsKazoo(t, address)
	p := start(t, "--data-dir="+t.TempDir(), "--couchdb-url="+address)
	c, id := login(t, p, someKey)
	c.must(http.StatusCreated, "PUT", "/v2/accounts/"+id+"/callflows", callflowOf(sent{"left", "2600"}))
	c.must(http.StatusOK, "PATCH", "/v2/accounts/"+id+"/callflows/"+kazooFlow, map[string]any{"name": "changed"})
	p.stop()
	return address
}

// exits CODE COMMAND… runs a command that has to end with the code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	err = ts.Exec(args[1], args[2:]...)
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		code, err = failed.ExitCode(), nil
	}
	ts.Check(err)
	if code != want {
		ts.Fatalf("it ended with %d, not %d", code, want)
	}
}

// What no two runs have in common.
var (
	months    = regexp.MustCompile(`-20\d{4}\b`)
	revisions = regexp.MustCompile(`\b(\d+)-[0-9a-f]{32}\b`)
	times     = regexp.MustCompile(`\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z`)
	ids       = regexp.MustCompile(`\b[0-9a-f]{32}\b`)
	ages      = regexp.MustCompile(`\b\d+(\.\d+)?(ns|µs|ms|s) ago\b`)
	aged      = regexp.MustCompile(`AGO +`)
	gaps      = regexp.MustCompile(`(?m) +$`)
)

// mask [stderr] writes what the last command printed to the file out, with
// words for revisions, times and ids.
func mask(ts *testscript.TestScript, _ bool, args []string) {
	from := "stdout"
	if len(args) > 0 {
		from = args[0]
	}
	text := strings.ReplaceAll(ts.ReadFile(from), ts.Getenv("ACCOUNT"), "ACCOUNT")
	text = strings.ReplaceAll(text, ts.Getenv("API"), "API")
	text = revisions.ReplaceAllString(text, "REV-$1")
	text = times.ReplaceAllString(text, "TIME")
	text = ids.ReplaceAllString(text, "ID")
	text = months.ReplaceAllString(text, "-MONTH")
	text = aged.ReplaceAllString(ages.ReplaceAllString(text, "AGO"), "AGO  ")
	text = gaps.ReplaceAllString(text, "")
	ts.Check(os.WriteFile(ts.MkAbs("out"), []byte(text), 0o600))
}

// TestCompletionNamesEverything holds each shell's script against the tree of
// commands.
func TestCompletionNamesEverything(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		var out bytes.Buffer
		if err := run(t.Context(), []string{"completion", shell}, nil, &out, &out); err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"' callflows restore'", "history", "--refuse-if-referenced", "check-config", "_callflowd"} {
			if !strings.Contains(out.String(), word) {
				t.Errorf("%s: no %s in\n%s", shell, word, &out)
			}
		}
	}
}

// TestBashCompletes asks bash itself.
func TestBashCompletes(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash")
	}
	var script bytes.Buffer
	if err := run(t.Context(), []string{"completion", "bash"}, nil, &script, &script); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ typed, want string }{
		{"callflowd callfl", "callflows"},
		{"callflowd callflows re", "restore"},
		{"callflowd --config x callflows hist", "history"},
		{"callflowd callflows list --del", "--deleted"},
	}
	for _, tt := range tests {
		words := strings.Fields(tt.typed)
		ask := fmt.Sprintf("\nCOMP_WORDS=(%s); COMP_CWORD=%d; _callflowd; echo \"${COMPREPLY[@]}\"", tt.typed, len(words)-1)
		got, err := exec.CommandContext(t.Context(), bash, "--norc", "-c", script.String()+ask).Output()
		if err != nil || strings.TrimSpace(string(got)) != tt.want {
			t.Errorf("%s: %q, want %q (%v)", tt.typed, got, tt.want, err)
		}
	}
}
