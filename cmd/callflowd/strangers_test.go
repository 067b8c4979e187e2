package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
)

// couchDo asks a program's --couchdb-listen.
func couchDo(t *testing.T, p *program, user, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, p.couchdb+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.SetBasicAuth(user, "s3cret")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// A stranger pushes design documents, one of them in place of callflowd's own:
// they are not run, are told of, and routes and lists go on.
func TestE2EStrangersDesigns(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		t.Run(fmt.Sprint("allowed ", allowed), func(t *testing.T) {
			a := copySite(t, start, "--data-dir="+t.TempDir(), "--master-api-key="+someKey, fmt.Sprintf("--run-replicated-designs=%v", allowed))
			c, _ := login(t, a, someKey)
			account := c.createAccount(map[string]any{"name": "Visited"})
			c.must(http.StatusCreated, "PUT", account+"/callflows", callflowOf(sent{"first", "2600"}))
			db := "/" + couch.EncodedDB(couch.AccountDB(account[len("/v2/accounts/"):]))
			if code, text := couchDo(t, a, "admin", "POST", db+"/_bulk_docs", `{"new_edits":false,"docs":[
				{"_id":"_design/strange","_rev":"1-a","views":{"all":{"map":"function(doc) { emit(doc._id) }"}},"validate_doc_update":"function() { throw({forbidden: 'no'}) }"},
				{"_id":"_design/callflows","_rev":"9-a","views":{"crossbar_listing":{"map":"function(doc) { emit('spoilt') }"},"listing_by_number":{"map":"function(doc) {}"}}}]}`); code != http.StatusCreated {
				t.Fatal(code, text)
			}
			code, text := couchDo(t, a, "admin", "GET", db+"/_design/strange/_view/all", "")
			if allowed != (code == http.StatusOK) {
				t.Errorf("the stranger's view: %d %s", code, text)
			}
			if allowed {
				return
			}
			couchtest.Eventually(t, "the list is as before", func() bool {
				var listed []struct{ Name string }
				env, err := c.try("GET", account+"/callflows", nil)
				return err == nil && env.Status == http.StatusOK && json.Unmarshal(env.Data, &listed) == nil && len(listed) == 1 && listed[0].Name == "first"
			})
			c.must(http.StatusCreated, "PUT", account+"/callflows", callflowOf(sent{"second", "2700"}))
			routes(t, c, account, "2600", "first")
			routes(t, c, account, "2700", "second")
			var listed struct {
				Invalid []struct {
					ID       string
					Problems map[string]any
				}
			}
			c.must(http.StatusOK, "GET", account+"/conflicts", nil).decode(t, &listed)
			told := fmt.Sprint(listed.Invalid)
			for _, want := range []string{"_design/strange", "views.all", "validate_doc_update", "_design/callflows"} {
				if !strings.Contains(told, want) {
					t.Errorf("conflicts do not tell of %s: %s", want, told)
				}
			}
		})
	}
}

// A stranger's callflow that is not valid takes a number over that another
// callflow has: lookups say so, and the list of conflicts why.
func TestE2EStrangersCallflow(t *testing.T) {
	a := copySite(t, start, "--data-dir="+t.TempDir(), "--master-api-key="+someKey)
	c, _ := login(t, a, someKey)
	account := c.createAccount(map[string]any{"name": "Visited"})
	var made struct{ ID string }
	c.must(http.StatusCreated, "PUT", account+"/callflows", callflowOf(sent{"first", "2600"})).decode(t, &made)
	look := func(query string) (shared []string) {
		t.Helper()
		var r struct {
			Twice []string `json:"booked_twice"`
		}
		c.must(http.StatusOK, "GET", account+"/routes/2600"+query, nil).decode(t, &r)
		return r.Twice
	}
	if shared := look(""); shared != nil {
		t.Errorf("booked twice before: %v", shared)
	}
	db := "/" + couch.EncodedDB(couch.AccountDB(account[len("/v2/accounts/"):]))
	if code, text := couchDo(t, a, "admin", "POST", db+"/_bulk_docs", `{"new_edits":false,"docs":[
		{"_id":"00","_rev":"1-a","pvt_type":"callflow","name":"strange","numbers":["2600",5],"flow":{"module":7}}]}`); code != http.StatusCreated {
		t.Fatal(code, text)
	}
	routes(t, c, account, "2600", "strange")
	for _, query := range []string{"", "?explain=true", "?consistent=true"} {
		if shared := look(query); len(shared) != 2 || shared[0] != "00" || shared[1] != made.ID {
			t.Errorf("%s: booked twice by %v", query, shared)
		}
	}
	told := c.conflicts(account)
	if len(told.Numbers) != 1 || !strings.Contains(told.raw, `"flow.module"`) {
		t.Errorf("conflicts %s", told.raw)
	}
}

// A site user that is given an account reads its months as well, without being
// given them, and nothing else.
func TestE2ESiteUserReadsMonths(t *testing.T) {
	a := copySite(t, start, "--data-dir="+t.TempDir(), "--master-api-key="+someKey)
	c, _ := login(t, a, someKey)
	account, other := c.createAccount(map[string]any{"name": "Given"}), c.createAccount(map[string]any{"name": "Other"})
	id := func(path string) string { return path[len("/v2/accounts/"):] }
	db := func(path string) string { return "/" + couch.EncodedDB(couch.AccountDB(id(path))) }
	for _, put := range [][2]string{
		{"/_users/org.couchdb.user:site", `{"type":"user","name":"site","roles":[],"password":"s3cret"}`},
		{db(account) + "/_security", `{"members":{"names":["site"],"roles":[]}}`},
	} {
		if code, text := couchDo(t, a, "admin", "PUT", put[0], put[1]); code >= 300 {
			t.Fatal(code, text)
		}
	}
	for _, path := range []string{account, other} {
		var made struct{ ID string }
		c.must(http.StatusCreated, "PUT", path+"/callflows", callflowOf(sent{"first", "2600"})).decode(t, &made)
		c.must(http.StatusOK, "PATCH", path+"/callflows/"+made.ID, map[string]any{"name": "again"})
	}
	_, all := couchDo(t, a, "admin", "GET", "/_all_dbs", "")
	var names []string
	if err := json.Unmarshal([]byte(all), &names); err != nil {
		t.Fatal(err)
	}
	months := 0
	for _, name := range names {
		owner, month, _ := couch.AccountOf(name)
		want := http.StatusForbidden
		if owner == id(account) {
			want = http.StatusOK
		}
		if month != "" {
			months++
		}
		if strings.HasPrefix(name, "_") {
			continue
		}
		if code, text := couchDo(t, a, "site", "GET", "/"+couch.EncodedDB(name), ""); code != want {
			t.Errorf("%s: %d %s", name, code, text)
		}
	}
	if months < 2 {
		t.Errorf("%d months in %v", months, names)
	}
}
