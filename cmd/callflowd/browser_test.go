package main

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// browserTests is where the tests are that run in a browser.
const browserTests = "testdata/browser"

// inBrowser runs a script of testdata/browser and gives it its task as JSON.
// Without Chromium, Node or the script's modules the test is skipped.
func inBrowser(t *testing.T, script string, task map[string]any) {
	t.Helper()
	task["chromium"] = needsBrowser(t)
	if folder := os.Getenv("CALLFLOWD_SHOTS"); folder != "" { // for whoever wants to look at the pages
		task["shots"] = folder
	}
	input, err := json.Marshal(task)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", script)
	cmd.Dir, cmd.Stdin = browserTests, bytes.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", script, err, out)
	}
}

// needsBrowser skips a test that cannot run here, and returns where Chromium
// is.
func needsBrowser(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("there is no node")
	}
	if _, err := os.Stat(filepath.Join(browserTests, "node_modules", "playwright-core")); err != nil {
		t.Skip("run npm ci in cmd/callflowd/" + browserTests + " first")
	}
	for _, name := range []string{"chromium", "chromium-browser"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("there is no Chromium")
	return ""
}

// TestBrowserPage walks the pages at /ui/ in Chromium.
func TestBrowserPage(t *testing.T) {
	needsBrowser(t)
	secret := filepath.Join(t.TempDir(), "admin")
	if err := os.WriteFile(secret, []byte("admin:secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, "--data-dir="+t.TempDir(), "--couchdb-listen=127.0.0.1:0", "--couchdb-admin-file="+secret)
	_, key := masterOf(t, p.greeting())
	c, _ := login(t, p, key)
	task := seedPages(t, c, p)
	task["base"], task["token"] = p.api, c.token
	callers := task["callers"].(map[string]any)
	callers["master"] = map[string]any{"name": "master", "key": key}
	inBrowser(t, "page.mjs", task)
	p.stop()
}

// seedPages puts a business into storage, with something to see on every page,
// and says where that is.
func seedPages(t *testing.T, c caller, p *program) map[string]any {
	t.Helper()
	b := readBusiness(t, "harbourside")
	account := c.createAccount(b.account)
	for _, doc := range b.callflows {
		c.must(201, "PUT", account+"/callflows", doc)
	}
	id := strings.TrimPrefix(account, "/v2/accounts/")
	c.must(201, "PUT", account, map[string]any{"name": "Harbourside Cold Store"})
	for _, user := range []map[string]any{
		{"first_name": "Mara", "last_name": "Voss", "username": "mara", "password": "secret-1", "priv_level": "user"},
		{"first_name": "Ines", "last_name": "Dahl", "username": "ines", "password": "secret-2", "priv_level": "admin"},
	} {
		c.must(201, "PUT", account+"/users", user)
	}
	flow := seedFlow(t, c, account)
	evil := `<script>window.hacked=1</script>"'><img src=x onerror="window.hacked=1">`
	hostile := seedOne(t, c, account, map[string]any{"name": evil, "numbers": []string{"2901"}, "flow": map[string]any{"module": "play", "data": map[string]any{"id": evil}}})
	rival := seedOne(t, c, account, map[string]any{"name": "Branches, new", "patterns": []string{`^7(\d*)$`}, "flow": map[string]any{"module": "hangup", "data": map[string]any{}}})
	seedOne(t, c, account, map[string]any{"name": strings.Repeat("Aname", 20) + " that nobody broke", "patterns": []string{`^\*9(\d{1,5})$`, `^(?:\+?1)?(503|971)(555\d{4}|556\d{4}|557\d{4})$`}})
	seedOne(t, c, account, map[string]any{"name": "خدمة العملاء – الفرع الرئيسي (24/7)", "numbers": []string{"2902"}})
	gone := seedOne(t, c, account, map[string]any{"name": "Old queue", "numbers": []string{"2777"}})
	c.must(200, "DELETE", account+"/callflows/"+gone, nil)
	seedConflict(t, c, p, id)
	ui := "/ui/accounts/" + id
	one := ui + "/callflows/" + flow
	user := func(name, login, password string) map[string]any {
		return map[string]any{"name": name, "user": login, "password": password, "account": b.account["name"]}
	}
	return map[string]any{
		"account": id, "number": "5550100", "winner": "Main number", "moved": "+15035550999",
		"callers": map[string]any{"user": user("user", "mara", "secret-1"), "admin": user("admin", "ines", "secret-2")},
		"pages": map[string]any{
			"sign-in": "/ui/sign-in", "callflows": ui + "/callflows", "search": ui + "/callflows?q=menu&in=module", "flow": one, "hostile": ui + "/callflows/" + hostile,
			"version": one + "/versions/" + firstVersion(t, c, account+"/callflows/"+flow), "compare": one + "/compare",
			"restore": one + "/restore?revision=" + firstVersion(t, c, account+"/callflows/"+flow),
			"test":    ui + "/test?number=5550100", "pattern": ui + "/test?number=712005", "nobody": ui + "/test?number=*99", "ask": ui + "/test",
			"map": ui + "/map", "analysis": ui + "/analysis", "kind": ui + "/analysis?kind=overlap", "beside": ui + "/beside?a=" + flow + "&b=" + rival + "&number=712005",
			"conflicts": ui + "/conflicts", "conflict": ui + "/conflicts/conflicting", "deleted": ui + "/deleted", "changes": ui + "/changes?since=0",
			"accounts": ui + "/accounts", "system": "/ui/system", "failed": ui + "/callflows/none",
		},
		"statuses": map[string]any{"failed": 404},
	}
}

// seedFlow changes the main number's callflow, so that it has a history, and
// returns its id.
func seedFlow(t *testing.T, c caller, account string) string {
	t.Helper()
	found, status := c.lookup(account, "5550100")
	if status != 200 {
		t.Fatalf("the main number is not routed: %d", status)
	}
	c.must(200, "PATCH", account+"/callflows/"+found.CallflowID, map[string]any{
		"numbers": []string{"+15035550100", "+18005550123", "+15035550999"},
		"flow":    map[string]any{"children": map[string]any{"_": map[string]any{"module": "hangup", "data": map[string]any{}}}},
	})
	return found.CallflowID
}

func seedOne(t *testing.T, c caller, account string, doc map[string]any) string {
	t.Helper()
	var made struct {
		ID string `json:"id"`
	}
	c.must(201, "PUT", account+"/callflows", doc).decode(t, &made)
	return made.ID
}

func firstVersion(t *testing.T, c caller, callflow string) string {
	t.Helper()
	var history []struct {
		Revision string `json:"revision"`
	}
	c.must(200, "GET", callflow+"/history", nil).decode(t, &history)
	return history[len(history)-1].Revision
}

// seedConflict makes two revisions of a callflow, as two sites that edited it
// apart and replicated.
func seedConflict(t *testing.T, c caller, p *program, account string) {
	t.Helper()
	const id = "conflicting"
	c.must(201, "PUT", "/v2/accounts/"+account+"/callflows", map[string]any{"id": id, "name": "Night desk", "numbers": []string{"2801"}})
	base := strings.Replace(p.couchdb, "http://", "http://admin:secret@", 1) + "/" + url.PathEscape("account/"+account[:2]+"/"+account[2:4]+"/"+account[4:])
	var doc map[string]any
	couchJSON(t, http.MethodGet, base+"/"+id, nil, &doc)
	_, first, _ := strings.Cut(doc["_rev"].(string), "-")
	delete(doc, "_rev")
	var docs []map[string]any
	for hash, change := range map[string]map[string]any{"aa": {"name": "Night desk, north"}, "bb": {"numbers": []string{"2801", "2802"}}} {
		edited := maps.Clone(doc)
		maps.Copy(edited, change)
		edited["_revisions"] = map[string]any{"start": 2, "ids": []string{strings.Repeat(hash, 16), first}}
		docs = append(docs, edited)
	}
	couchJSON(t, http.MethodPost, base+"/_bulk_docs", map[string]any{"new_edits": false, "docs": docs}, nil)
}

// couchJSON asks a CouchDB.
func couchJSON(t *testing.T, method, address string, body, into any) {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, address, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 300 {
		t.Fatalf("%s: %d %s %v", method, res.StatusCode, answer, err)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal(answer, into); err != nil {
		t.Fatal(err)
	}
}
