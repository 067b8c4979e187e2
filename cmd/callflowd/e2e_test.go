package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
)

// lookupCase is an entry of lookups.json.
type lookupCase struct {
	Dialled       string            `json:"dialled"`
	Status        int               `json:"status"`
	Callflow      string            `json:"callflow"`
	Kind          string            `json:"kind"`
	Key           string            `json:"key"`
	CaptureGroup  string            `json:"capture_group"`
	CaptureGroups map[string]string `json:"capture_groups"`
}

func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// business is an account of testdata/accounts.
type business struct {
	account   map[string]any
	callflows []map[string]any
	lookups   []lookupCase
}

func readBusiness(t testing.TB, name string) business {
	t.Helper()
	var b business
	files, err := filepath.Glob(filepath.Join("../../testdata/accounts", name, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no account %s: %v", name, err)
	}
	for _, file := range files {
		switch filepath.Base(file) {
		case "account.json":
			readJSON(t, file, &b.account)
		case "lookups.json":
			readJSON(t, file, &b.lookups)
		default:
			var some []map[string]any
			readJSON(t, file, &some)
			b.callflows = append(b.callflows, some...)
		}
	}
	return b
}

// check looks every number up.
func (b business) check(t *testing.T, c caller, account string) {
	t.Helper()
	for _, want := range b.lookups {
		got, status := c.lookup(account, want.Dialled)
		if want.Status == 0 {
			want.Status = http.StatusOK
		}
		m := got.Match
		if status != want.Status || got.Callflow.Name != want.Callflow || m.Kind != want.Kind || m.Key != want.Key {
			t.Errorf("%q: %d %q by %s %q; want %d %q by %s %q",
				want.Dialled, status, got.Callflow.Name, m.Kind, m.Key, want.Status, want.Callflow, want.Kind, want.Key)
		}
		if want.CaptureGroup != "" && (m.CaptureGroup != want.CaptureGroup || !reflect.DeepEqual(m.CaptureGroups, want.CaptureGroups)) {
			t.Errorf("%q: captures %q %v; want %q %v", want.Dialled, m.CaptureGroup, m.CaptureGroups, want.CaptureGroup, want.CaptureGroups)
		}
	}
}

// The main job on real input: a business account goes in over HTTP, dialled
// numbers come out as the callflows that take them, and a restart changes
// nothing. Once on embedded databases, once on a server over HTTP: couchlite's,
// or that of COUCHDB_URL.
func TestE2EBusinessAccount(t *testing.T) {
	b := readBusiness(t, "harbourside")
	t.Run("embedded", func(t *testing.T) { b.run(t, "--data-dir="+t.TempDir()) })
	t.Run("server", func(t *testing.T) { b.run(t, "--data-dir="+t.TempDir(), "--couchdb-url="+couchtest.URL(t)) })
}

func (b business) run(t *testing.T, storage ...string) {
	t.Helper()
	p := start(t, storage...)
	master, key := masterOf(t, p.greeting())
	c, account := login(t, p, key)
	if account != master {
		t.Fatalf("the key of account %s logs into %s", master, account)
	}
	account = c.createAccount(b.account)
	for _, callflow := range b.callflows {
		c.must(http.StatusCreated, "PUT", account+"/callflows", callflow)
	}
	b.check(t, c, account)
	if t.Failed() {
		return
	}
	p.stop()

	p = start(t, storage...)
	if _, key := masterOf(t, p.greeting()); key != "" {
		t.Error("the API key is shown a second time")
	}
	c.base = p.api // the token outlives the restart
	b.check(t, c, account)
	var list []json.RawMessage
	c.must(http.StatusOK, "GET", account+"/callflows?paginate=false", nil).decode(t, &list)
	if len(list) != len(b.callflows) {
		t.Errorf("%d callflows are listed, want %d", len(list), len(b.callflows))
	}
	p.stop()
}
