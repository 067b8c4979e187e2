package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/problem"
)

func TestUntilReachable(t *testing.T) {
	away := &problem.Error{Code: problem.Unavailable, Msg: "away"}
	broken := errors.New("broken")
	tests := []struct {
		name    string
		answers []error
		want    error
	}{
		{"there", []error{nil}, nil},
		{"there after a while", []error{away, nil}, nil},
		{"broken", []error{broken}, broken},
		{"broken after a while", []error{away, broken}, broken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, asked := &app{log: zap.NewNop()}, 0
			err := a.untilReachable(t.Context(), func() error { asked++; return tt.answers[asked-1] })
			if !errors.Is(err, tt.want) || asked != len(tt.answers) {
				t.Errorf("%v after %d attempts, want %v", err, asked, tt.want)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := (&app{log: zap.NewNop()}).untilReachable(ctx, func() error { cancel(); return away })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("stopped meanwhile: %v", err)
	}
}

// newAuthorityFile returns a file of an account service and an auth service of
// their own, as of a process that has just begun, and its log.
func newAuthorityFile(t *testing.T, path, server string) (*authorityFile, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	client := couchtest.Open(t, server)
	accounts := &account.Service{Couch: client}
	return &authorityFile{path, &auth.Service{Couch: client, Accounts: accounts}, accounts, zap.New(core)}, logs
}

func TestAuthorityFile(t *testing.T) {
	server := couchtest.URL(t)
	path := filepath.Join(t.TempDir(), "data", "authority.json")
	before, _ := newAuthorityFile(t, path, server)
	master, err := before.accounts.EnsureMaster(t.Context(), someKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := before.auth.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := before.accounts.State(t.Context(), master.ID); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second replaces the first
		if err := before.write(); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := filepath.Glob(filepath.Dir(path) + "/*"); err != nil || len(left) != 1 {
		t.Errorf("files %v, %v", left, err)
	}
	after, logs := newAuthorityFile(t, path, "http://127.0.0.1:1")
	after.restore()
	if logs.FilterMessageSnippet("going on").Len() != 1 {
		t.Errorf("log %v", logs.All())
	}
	if state, err := after.accounts.State(t.Context(), master.ID); err != nil || state.ID != master.ID {
		t.Errorf("the master account: %+v, %v", state, err)
	}
}

// TestUselessAuthorityFiles: what is damaged is reported and does not count.
func TestUselessAuthorityFiles(t *testing.T) {
	tests := []struct {
		name, path string
		warnings   int
	}{
		{"none", filepath.Join(t.TempDir(), "authority.json"), 0},
		{"empty", writeSecret(t, ""), 1},
		{"cut", writeSecret(t, `{"auth":{"keys`), 1},
		{"of another kind", writeSecret(t, `{"auth":[],"accounts":7}`), 1},
		{"directory", t.TempDir(), 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, logs := newAuthorityFile(t, tt.path, "http://127.0.0.1:1")
			f.restore()
			if got := logs.FilterLevelExact(zap.WarnLevel).Len(); got != tt.warnings || logs.Len() != got {
				t.Errorf("log %v", logs.All())
			}
		})
	}
}

// Health and metrics are on a listener of their own where that is wanted, and
// the metrics know the route indexes.
func TestE2EAdminListen(t *testing.T) {
	p := start(t, "--data-dir="+t.TempDir(), "--admin-listen=127.0.0.1:0", "--master-api-key="+someKey)
	c, account := login(t, p, someKey)
	account = "/v2/accounts/" + account
	c.must(http.StatusCreated, "PUT", account+"/callflows", callflowOf(sent{"counted", "2600"}))
	if r, status := c.lookup(account, "2600"); r.Callflow.Name != "counted" {
		t.Fatalf("%d, %+v", status, r)
	}
	for path, want := range map[string]string{
		"/healthz": "", "/readyz": "",
		"/metrics": "callflowd_index_accounts 1\n",
	} {
		status, body := fetch(t, p.admin+path)
		if status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, status, body)
		}
		if status, _ := fetch(t, p.api+path); status != http.StatusNotFound {
			t.Errorf("%s is on the API's listener, too: %d", path, status)
		}
	}
	_, metrics := fetch(t, p.admin+"/metrics")
	for _, line := range []string{
		"callflowd_index_numbers 1", "callflowd_index_patterns 0", "callflowd_index_patterns_invalid 0", "callflowd_index_fresh ", "callflowd_index_lag_seconds ", "callflowd_index_unsaved_seconds ", "callflowd_build_info{",
		`callflowd_storage_seconds_count{operation="get_document"}`, `callflowd_http_request_seconds_count{method="PUT",route="/api_auth"}`,
	} {
		if !strings.Contains(metrics, "\n"+line) {
			t.Errorf("the metrics lack %q", line)
		}
	}
}

func fetch(t testing.TB, url string) (status int, body string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(raw)
}
