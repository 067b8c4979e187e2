package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
)

// fileOf is the file of an embedded database.
func fileOf(t *testing.T, dir, database string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(databasesDir(dir), "databases", strings.ReplaceAll(database, "/", ".")+"~*.db"))
	if err != nil || len(files) != 1 {
		t.Fatal(database, files, err)
	}
	return files[0]
}

func spoil(t *testing.T, path string, damage func([]byte) []byte) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, damage(raw), 0o600); err != nil {
		t.Fatal(err)
	}
}

func garbleInside(raw []byte) []byte {
	copy(raw[len(raw)/2:], bytes.Repeat([]byte{0xA5}, len(raw)))
	return raw
}

// TestDamagedAccounts: a database of accounts that is damaged or lost is made
// anew from the accounts' own databases when the program starts, and the
// damaged file is kept. An account whose database is damaged too is refused
// alone.
func TestDamagedAccounts(t *testing.T) {
	dir := t.TempDir()
	p := start(t, "--data-dir="+dir)
	_, key := masterOf(t, p.greeting())
	c, master := login(t, p, key)
	account := c.createAccount(map[string]any{"name": "Below"})
	id := account[strings.LastIndex(account, "/")+1:]
	c.must(http.StatusCreated, "PUT", account+"/callflows", callflowOf(sent{"main", "7001"}))
	p.stop()
	again := func(when string) {
		t.Helper()
		p = start(t, "--data-dir="+dir)
		if printed := p.stdout.String(); strings.Contains(printed, "API key") {
			t.Errorf("%s: a master account was made: %s", when, printed)
		}
		var now string
		if c, now = login(t, p, key); now != master {
			t.Errorf("%s: the master is %s, was %s", when, now, master)
		}
		if works, said := readiness(t, p); !works {
			t.Errorf("%s: %s", when, said)
		}
	}
	for when, damage := range map[string]func([]byte) []byte{
		"emptied": func([]byte) []byte { return nil }, "text": func([]byte) []byte { return []byte("text") }, "inside": garbleInside,
	} {
		spoil(t, fileOf(t, dir, "accounts"), damage)
		again(when)
		if r, status := c.lookup(account, "7001"); status != http.StatusOK || r.Callflow.Name != "main" {
			t.Errorf("%s: the lookup answers %d %+v", when, status, r)
		}
		p.stop()
	}
	if kept, err := filepath.Glob(filepath.Join(databasesDir(dir), "damaged", "accounts~*.db")); err != nil || len(kept) != 3 {
		t.Errorf("kept: %v, %v", kept, err)
	}
	if err := os.Remove(fileOf(t, dir, "accounts")); err != nil {
		t.Fatal(err)
	}
	again("lost")
	p.stop()
	spoil(t, fileOf(t, dir, "accounts"), garbleInside)
	spoil(t, fileOf(t, dir, couch.AccountDB(id)), func([]byte) []byte { return nil })
	p = start(t, "--data-dir="+dir)
	c, _ = login(t, p, key)
	if env, err := c.try("GET", account+"/callflows", nil); err != nil || env.Status < http.StatusInternalServerError {
		t.Errorf("the other account answers %d, %v", env.Status, err)
	}
	if works, _ := readiness(t, p); works {
		t.Error("both damaged: readyz does not tell")
	}
}

// TestLostAccount: whatever is asked about an account whose database is lost or
// damaged, the answer is 503 with that reason, never that something does not
// exist. Other accounts work.
func TestLostAccount(t *testing.T) {
	dir := t.TempDir()
	p := start(t, "--data-dir="+dir)
	master, key := masterOf(t, p.greeting())
	c, _ := login(t, p, key)
	account := c.createAccount(map[string]any{"name": "Below"})
	id := account[strings.LastIndex(account, "/")+1:]
	c.must(http.StatusCreated, "PUT", account+"/callflows", map[string]any{"id": "main", "numbers": []string{"+14155550100"}, "flow": map[string]any{"module": "hangup"}})
	c.must(http.StatusCreated, "PUT", account+"/phone_numbers/+14155550100", map[string]any{})
	c.must(http.StatusCreated, "PUT", "/v2/accounts/"+master+"/callflows", callflowOf(sent{"other", "7001"}))
	p.stop()
	lose := func([]byte) []byte { return nil }
	for name, damage := range map[string]func(path string){
		"lost": func(path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
		"emptied": func(path string) { spoil(t, path, lose) },
	} {
		t.Run(name, func(t *testing.T) {
			file := fileOf(t, dir, couch.AccountDB(id))
			whole := readFile(t, file)
			damage(file)
			p := start(t, "--data-dir="+dir)
			c, _ := login(t, p, key)
			for _, path := range readsOf(c) {
				wantDamage(t, c, strings.NewReplacer("{account_id}", id, "{number}", "+14155550100").Replace(path), couch.AccountDB(id))
			}
			if r, status := c.lookup("/v2/accounts/"+master, "7001"); status != http.StatusOK || r.Callflow.Name != "other" {
				t.Errorf("the other account answers %d %+v", status, r)
			}
			p.stop()
			if err := os.WriteFile(file, whole, 0o600); err != nil {
				t.Fatal(err)
			}
		})
	}
	t.Run("numbers", func(t *testing.T) {
		if err := os.Remove(fileOf(t, dir, "numbers/+1415")); err != nil {
			t.Fatal(err)
		}
		p := start(t, "--data-dir="+dir)
		c, _ := login(t, p, key)
		wantDamage(t, c, account+"/phone_numbers/+14155550100", "numbers/+1415")
	})
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

var pathParameter = regexp.MustCompile(`\{[a-z_]*\}`)

// readsOf are the paths below an account that the OpenAPI document has a GET
// for, with parameters for the account and for a number.
func readsOf(c caller) (paths []string) {
	c.t.Helper()
	res, err := http.Get(c.base + "/v2/openapi.json")
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var spec struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if err := json.NewDecoder(res.Body).Decode(&spec); err != nil {
		c.t.Fatal(err)
	}
	for path, methods := range spec.Paths {
		if _, reads := methods["get"]; reads && strings.HasPrefix(path, "/v2/accounts/{account_id}") {
			paths = append(paths, pathParameter.ReplaceAllStringFunc(path, func(name string) string {
				if name == "{account_id}" || name == "{number}" {
					return name
				}
				return "main"
			}))
		}
	}
	return paths
}

func wantDamage(t *testing.T, c caller, path, database string) {
	t.Helper()
	env, err := c.try("GET", path, nil)
	if err != nil {
		t.Fatal(err)
	}
	var said struct{ Message, Cause string }
	_ = json.Unmarshal(env.Data, &said)
	if env.Status != http.StatusServiceUnavailable || said.Cause != database || !strings.Contains(said.Message, "damaged") {
		t.Errorf("GET %s answers %d %s", path, env.Status, env.Data)
	}
}
