package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
)

// copySite is a callflowd with embedded storage that other sites may reach.
func copySite(t *testing.T, begin func(testing.TB, ...string) *program, args ...string) *program {
	t.Helper()
	return begin(t, append(args, "--couchdb-listen=127.0.0.1:0", "--couchdb-admin-file="+writeSecret(t, "admin:s3cret\n"))...)
}

// replicationState is what GET /v2/replications/{ID} tells.
type replicationState struct {
	State   string   `json:"state"`
	Pending *int64   `json:"docs_pending"`
	Lag     *float64 `json:"lag_seconds"`
	Error   string   `json:"last_error"`
}

func (c caller) replicationState(id string) (st replicationState) {
	c.t.Helper()
	c.must(http.StatusOK, "GET", "/v2/replications/"+id, nil).decode(c.t, &st)
	return st
}

// Two sites, each with all accounts of both: what is saved at one is routed at
// the other, an account made later joins by itself, and its API key logs in
// there.
func TestE2ETwoSites(t *testing.T) {
	a := copySite(t, start, "--data-dir="+t.TempDir(), "--master-api-key="+someKey)
	b := copySite(t, start, "--data-dir="+t.TempDir())
	atA, _ := login(t, a, someKey)
	account := atA.createAccount(map[string]any{"name": "Early"})
	atA.must(http.StatusCreated, "PUT", account+"/callflows", callflowOf(sent{"first", "2600"}))
	env := atA.must(http.StatusCreated, "PUT", "/v2/replications", map[string]any{
		"remote": b.couchdb, "user": "admin", "password": "s3cret", "direction": "both", "accounts": "all",
	})
	if strings.Contains(string(env.Data), "s3cret") {
		t.Errorf("the answer tells the password: %s", env.Data)
	}
	var made struct{ ID string }
	env.decode(t, &made)
	couchtest.Eventually(t, "the copy is complete", func() bool {
		st := atA.replicationState(made.ID)
		return st.State == "running" && st.Pending != nil && *st.Pending == 0 && st.Lag != nil && *st.Lag == 0
	})
	atB := caller{t: t, base: b.api, token: ""}
	couchtest.Eventually(t, "the account's key logs in at the other site", func() bool {
		env, err := atB.try("PUT", "/v2/api_auth", map[string]any{"api_key": someKey})
		atB.token = env.AuthToken
		return err == nil && env.Status == http.StatusCreated
	})
	routes(t, atB, account, "2600", "first")
	for i := range 5 {
		name, number := fmt.Sprintf("later %d", i), fmt.Sprint(2700+i)
		begun := time.Now()
		from, to := atA, atB
		if i%2 == 1 {
			from, to = atB, atA
		}
		from.must(http.StatusCreated, "PUT", account+"/callflows", callflowOf(sent{name, number}))
		routes(t, to, account, number, name)
		t.Logf("saved at one site, routed at the other %v later", time.Since(begun).Round(time.Millisecond))
	}
	scraped := scrape(t, a)
	for _, metric := range []string{"callflowd_replication_lag_seconds{", "callflowd_replication_pending{", "callflowd_replication_up{"} {
		if !strings.Contains(scraped, metric) {
			t.Errorf("no metric %s", metric)
		}
	}
	late := atA.createAccount(map[string]any{"name": "Late"})
	atA.must(http.StatusCreated, "PUT", late+"/callflows", callflowOf(sent{"of the late one", "3100"}))
	routes(t, atB, late, "3100", "of the late one")
	atA.must(http.StatusOK, "DELETE", "/v2/replications/"+made.ID, nil)
	if env, err := atA.try("GET", "/v2/replications/"+made.ID, nil); err != nil || env.Status != http.StatusNotFound {
		t.Errorf("the replication is still there: %d %v", env.Status, err)
	}
}

// routes waits until a number goes to a callflow of that name.
func routes(t *testing.T, c caller, account, number, name string) {
	t.Helper()
	couchtest.Eventually(t, number+" is routed", func() bool {
		r, _ := c.lookup(account, number)
		return r.Callflow.Name == name
	})
}

// Killed in the middle, either side goes on where it was.
func TestE2ESitesKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("starts several processes")
	}
	dirA, dirB := t.TempDir(), t.TempDir()
	b := copySite(t, startChild, "--data-dir="+dirB)
	a := copySite(t, startChild, "--data-dir="+dirA, "--master-api-key="+someKey)
	atA, _ := login(t, a, someKey)
	account := atA.createAccount(map[string]any{"name": "Killed"})
	listen := strings.TrimPrefix(b.couchdb, "http://")
	atA.must(http.StatusCreated, "PUT", "/v2/replications", map[string]any{
		"remote": "http://admin:s3cret@" + listen, "direction": "push", "accounts": "all",
	})
	n := 0
	more := func() {
		for range 30 {
			atA.must(http.StatusCreated, "PUT", account+"/callflows", callflowOf(sent{fmt.Sprint("c", n), fmt.Sprint(4000 + n)}))
			n++
		}
	}
	again := func(dir, couchdb string, more ...string) *program {
		return startChild(t, append(more, "--data-dir="+dir, "--couchdb-listen="+couchdb, "--couchdb-admin-file="+writeSecret(t, "admin:s3cret\n"))...)
	}
	for range 3 {
		more()
		b.kill()
		more()
		b = again(dirB, listen)
		more()
		a.kill()
		a = again(dirA, "127.0.0.1:0")
		atA.base = a.api
	}
	name := strings.ReplaceAll(account[len("/v2/accounts/"):], "/", "")
	db := fmt.Sprintf("account%%2F%s%%2F%s%%2F%s", name[:2], name[2:4], name[4:])
	couchtest.Eventually(t, "both have the same revisions of all documents", func() bool {
		left, right := leavesAt(a, db), leavesAt(b, db)
		return len(left) >= n && maps.Equal(left, right)
	})
	a.stop()
	b.stop()
}

// leavesAt are the leaf revisions of a database's documents, design documents
// left out.
func leavesAt(p *program, db string) map[string]string {
	res, err := http.Get(strings.Replace(p.couchdb, "http://", "http://admin:s3cret@", 1) + "/" + db + "/_changes?style=all_docs")
	if err != nil {
		return nil
	}
	defer res.Body.Close()
	var page struct {
		Results []struct {
			ID      string
			Changes []struct{ Rev string }
		}
	}
	_ = json.NewDecoder(res.Body).Decode(&page) // what was not read is not equal
	leaves := map[string]string{}
	for _, row := range page.Results {
		if !strings.HasPrefix(row.ID, "_design/") {
			leaves[row.ID] = fmt.Sprint(row.Changes)
		}
	}
	return leaves
}

// A site is made from another by replicate alone: it answers lookups, lists and
// logins as the first does.
func TestE2EReplicateCommand(t *testing.T) {
	a := copySite(t, start, "--data-dir="+t.TempDir(), "--master-api-key="+someKey)
	atA, _ := login(t, a, someKey)
	account := atA.createAccount(map[string]any{"name": "Copied"})
	atA.must(http.StatusCreated, "PUT", account+"/callflows", callflowOf(sent{"copied", "2600"}))
	dir := t.TempDir()
	for range 2 { // the second time there is nothing to do
		var out bytes.Buffer
		source := strings.Replace(a.couchdb, "http://", "http://admin:s3cret@", 1)
		if err := run(t.Context(), []string{"replicate", source, dir}, nil, &out, io.Discard); err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
		t.Log(out.String())
		if strings.Contains(out.String(), "s3cret") || !strings.Contains(out.String(), "databases") {
			t.Errorf("said %s", out.String())
		}
	}
	a.stop()
	b := start(t, "--data-dir="+dir)
	if _, key := masterOf(t, b.greeting()); key != "" {
		t.Error("the copy made a master account of its own")
	}
	atB, _ := login(t, b, someKey)
	if r, status := atB.lookup(account, "2600"); r.Callflow.Name != "copied" {
		t.Errorf("lookup: %d %+v", status, r)
	}
	for _, path := range []string{"/callflows", "/users", "/conflicts"} {
		atB.must(http.StatusOK, "GET", account+path, nil)
	}
	var listed []struct{ Name string }
	atB.must(http.StatusOK, "GET", account+"/callflows", nil).decode(t, &listed)
	if len(listed) != 1 || listed[0].Name != "copied" {
		t.Errorf("listed %+v", listed)
	}
}

// What keeps a copy from going on is said in words.
func TestE2ESitesErrors(t *testing.T) {
	b := copySite(t, start, "--data-dir="+t.TempDir())
	a := start(t, "--data-dir="+t.TempDir(), "--master-api-key="+someKey)
	atA, _ := login(t, a, someKey)
	for _, tt := range []struct{ remote, password, want string }{
		{b.couchdb, "wrong", "the remote refuses the user and password"},
		{"http://127.0.0.1:1", "s3cret", "the remote does not answer at http://127.0.0.1:1"},
	} {
		env := atA.must(http.StatusCreated, "PUT", "/v2/replications", map[string]any{
			"remote": tt.remote, "user": "admin", "password": tt.password, "direction": "both", "accounts": "all",
		})
		var made struct{ ID string }
		env.decode(t, &made)
		couchtest.Eventually(t, tt.want, func() bool {
			st := atA.replicationState(made.ID)
			return st.State == "retrying" && strings.HasPrefix(st.Error, tt.want)
		})
		atA.must(http.StatusOK, "DELETE", "/v2/replications/"+made.ID, nil)
	}
}

func scrape(t *testing.T, p *program) string {
	t.Helper()
	return page(t, p.api+"/metrics")
}
