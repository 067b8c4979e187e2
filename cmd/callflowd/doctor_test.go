package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/doctor"
)

// TestDoctorExaminesAServer points the doctor at a program's own databases,
// served over CouchDB's protocol.
func TestDoctorExaminesAServer(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "admin")
	if err := os.WriteFile(secret, []byte("admin:password\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, "--data-dir="+dir, "--couchdb-listen=127.0.0.1:0", "--couchdb-admin-file="+secret)
	_, key := masterOf(t, p.greeting())
	c, account := login(t, p, key)
	c.must(http.StatusCreated, "PUT", "/v2/accounts/"+account+"/callflows", map[string]any{
		"id": "x", "numbers": []string{"100"}, "flow": map[string]any{"module": "callflow", "data": map[string]any{"id": "nobody"}},
	})
	url := "--couchdb-url=" + strings.Replace(p.couchdb, "http://", "http://admin:password@", 1)
	examine := func(args ...string) (string, error) {
		var out, errs bytes.Buffer
		err := run(t.Context(), append([]string{"doctor", url}, args...), nil, &out, &errs)
		return out.String(), err
	}
	text, err := examine()
	if err != nil || !strings.Contains(text, "dangling_reference  x  flow.data.id  nobody: there is no callflow nobody") {
		t.Errorf("%v\n%s", err, text)
	}
	if _, err := examine("--fail-on=warning"); !errors.Is(err, errFindings) || exitCode(err) != 1 {
		t.Errorf("a warning is %v", err)
	}
	raw, err := examine("--format=json", "--fail-on=never")
	var report doctor.Report
	if err := errors.Join(err, json.Unmarshal([]byte(raw), &report)); err != nil || report.Accounts != 1 || report.Callflows != 1 {
		t.Errorf("%v %+v", err, report)
	}
	mends(t, c, account, examine)
	if page, err := examine("--format=html"); err != nil || !strings.HasPrefix(page, "<!doctype html>") {
		t.Errorf("%v\n%s", err, page)
	}
}

// mends writes a plan that takes a fault away, and applies it.
func mends(t *testing.T, c caller, account string, examine func(...string) (string, error)) {
	t.Helper()
	c.must(http.StatusCreated, "PUT", "/v2/accounts/"+account+"/callflows", map[string]any{
		"id": "y", "numbers": []string{"101"}, "flow": map[string]any{
			"module": "play", "data": map[string]any{"id": "hello.mp3"},
			"children": map[string]any{"_": map[string]any{"module": "callflow", "data": map[string]any{"id": "nobody"}}},
		},
	})
	dir := filepath.Join(t.TempDir(), "plan")
	text, err := examine("--fix-plan=" + dir)
	if err != nil || strings.Count(text, "[mended by the plan]") != 1 || !strings.Contains(text, "2 callflows") {
		t.Fatalf("%v\n%s", err, text)
	}
	if _, err := examine("--fix-plan=" + dir); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("a folder that is not empty: %v", err)
	}
	v := travel(t, c, account)
	folder := filepath.Join(dir, account)
	if plan := v.must("plan", "--keep", folder); !strings.Contains(plan, "~ replace y") || strings.Contains(plan, " x") {
		t.Errorf("the plan is\n%s", plan)
	}
	v.must("apply", "--keep", "--yes", folder)
	if text, err := examine(); err != nil || strings.Contains(text, "  y  ") || !strings.Contains(text, "  x  ") {
		t.Errorf("afterwards: %v\n%s", err, text)
	}
}
