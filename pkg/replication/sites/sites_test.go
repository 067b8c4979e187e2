package sites

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/replication/replicator"
)

const (
	parent = "aa000000000000000000000000000001"
	child  = "bb000000000000000000000000000002"
	other  = "cc000000000000000000000000000003"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name, data string
		wrong      string // the paths that are refused
	}{
		{"all", `{"remote":"https://u:p@host:6984/","direction":"both","accounts":"all"}`, ""},
		{"subtree", `{"remote":"http://host","direction":"push","accounts":{"subtree":"` + parent + `"}}`, ""},
		{"some", `{"remote":"http://host","direction":"pull","accounts":["` + child + `"],"tokens":true,"signing_keys":true,"continuous":false}`, ""},
		{"nothing", `{}`, "remote direction accounts"},
		{"no address", `{"remote":"host","direction":"push","accounts":"all"}`, "remote remote"},
		{"direction", `{"remote":"http://host","direction":"up","accounts":"all"}`, "direction direction"},
		{"accounts", `{"remote":"http://host","direction":"push","accounts":["x"]}`, "accounts accounts"},
		{"flag", `{"remote":"http://host","direction":"push","accounts":"all","tokens":"yes"}`, "tokens"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, wrong := Parse(couchtest.JSON[document.Doc](t, tt.data), nil)
			var paths []string
			for _, w := range wrong {
				paths = append(paths, w.Path)
			}
			if got := strings.Join(paths, " "); got != tt.wrong {
				t.Errorf("refused %q, want %q", got, tt.wrong)
			}
			if strings.Contains(d.Remote, "@") {
				t.Errorf("the remote %s holds credentials", d.Remote)
			}
		})
	}
}

// A definition comes back from the database as it went in, and its status
// tells no password.
func TestStored(t *testing.T) {
	s := New(Config{Couch: couchtest.New(t), Local: func(db string) any { return db }})
	d, wrong := Parse(couchtest.JSON[document.Doc](t, `{"remote":"https://u:geheim@host:6984","direction":"pull","accounts":{"subtree":"`+parent+`"},"tokens":true}`), nil)
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	d.ID = "one"
	if err := s.Create(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	got, err := s.Get(t.Context(), "one")
	if err != nil || got.Password != "geheim" || got.User != "u" || got.Accounts.Subtree != parent || !got.Tokens || !got.Continuous {
		t.Errorf("stored %+v, %v", got, err)
	}
	st, err := s.Status(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(st)
	if err != nil || strings.Contains(string(text), "geheim") || st.State != Starting {
		t.Errorf("status %s, %v", text, err)
	}
}

// furnish makes the databases of three accounts, and of the system.
func furnish(t *testing.T) *couch.Client {
	t.Helper()
	client := couchtest.New(t)
	names := []string{"accounts", "system_config", "system_auth", "token_auth", "numbers/+1415", "elsewhere"}
	for _, id := range []string{parent, child, other} {
		names = append(names, couch.AccountDB(id), couch.AccountDB(id)+"-202611")
	}
	for _, name := range names {
		if err := client.CreateDB(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	for id, tree := range map[string][]any{parent: {}, child: {parent}, other: {}} {
		if err := client.DB("accounts").Put(t.Context(), document.Doc{"_id": id, "pvt_type": "account", "pvt_tree": tree}); err != nil {
			t.Fatal(err)
		}
	}
	return client
}

func TestDatabases(t *testing.T) {
	client := furnish(t)
	short := strings.NewReplacer(couch.AccountDB(parent), "parent", couch.AccountDB(child), "child", couch.AccountDB(other), "other")
	tests := []struct {
		name string
		d    Definition
		want string
	}{
		{"all", Definition{Accounts: Selection{All: true}}, "accounts child child-202611 numbers/+1415 other other-202611 parent parent-202611 system_config"},
		{"subtree", Definition{Accounts: Selection{Subtree: parent}}, "accounts child child-202611 parent parent-202611"},
		{"some", Definition{Accounts: Selection{IDs: []string{other}}}, "accounts other other-202611"},
		{
			"with keys",
			Definition{Accounts: Selection{IDs: []string{other}}, Tokens: true, SigningKeys: true},
			"accounts other other-202611 system_auth token_auth",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list, err := Databases(t.Context(), client, tt.d)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, db := range list {
				names = append(names, short.Replace(db.Name))
			}
			slices.Sort(names)
			if got := strings.Join(names, " "); got != tt.want {
				t.Errorf("databases %s\nwant      %s", got, tt.want)
			}
		})
	}
}

// The documents follow the definition: new databases join, a definition that
// is gone takes its documents with it.
func TestAlign(t *testing.T) {
	client := furnish(t)
	s := New(Config{Couch: client, Local: func(db string) any { return db }})
	d := Definition{ID: "one", Remote: "http://127.0.0.1:1", User: "u", Password: "p", Direction: Push, Accounts: Selection{Subtree: parent}, Continuous: true}
	if err := s.Create(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	count := func(want int) map[string]document.Doc {
		t.Helper()
		if _, err := s.reconcile(t.Context()); err != nil {
			t.Fatal(err)
		}
		docs, err := s.stored(t.Context(), "one")
		if err != nil || len(docs) != want {
			t.Fatalf("%d documents, want %d (%v): %v", len(docs), want, err, slices.Collect(maps.Keys(docs)))
		}
		return docs
	}
	first := count(5)
	if again := count(5); !maps.EqualFunc(first, again, func(a, b document.Doc) bool { return a.Rev() == b.Rev() }) {
		t.Error("documents were written again though nothing changed")
	}
	if err := client.CreateDB(t.Context(), couch.AccountDB(child)+"-202612"); err != nil {
		t.Fatal(err)
	}
	count(6)
	if err := s.Delete(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	count(0)
}

func TestStatus(t *testing.T) {
	zero, five := int64(0), int64(5)
	line := func(state string, pending *int64, text string) couch.ReplicatorDoc {
		return couch.ReplicatorDoc{DocID: prefix("one") + state, State: state, Info: couch.ReplicatorInfo{Pending: pending, Written: 3, Error: text}}
	}
	tests := []struct {
		name    string
		lines   []couch.ReplicatorDoc
		state   string
		pending string
	}{
		{"none", nil, Starting, "null"},
		{"running", []couch.ReplicatorDoc{line("running", &zero, ""), line("pending", &five, "")}, Running, "5"},
		{"unknown", []couch.ReplicatorDoc{line("running", nil, "")}, Running, "null"},
		{"crashing", []couch.ReplicatorDoc{line("running", &zero, ""), line("crashing", &zero, "GET http://r/: 401 unauthorized")}, Retrying, "0"},
		{"completed", []couch.ReplicatorDoc{line("completed", &zero, "")}, Completed, "0"},
		{"failed", []couch.ReplicatorDoc{line("failed", &zero, "x")}, Failed, "0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := New(Config{})
			st := s.status(Definition{ID: "one", Remote: "http://r"}, append(tt.lines, couch.ReplicatorDoc{DocID: "another's"}), time.Now())
			pending, err := json.Marshal(st.Pending)
			if err != nil || st.State != tt.state || string(pending) != tt.pending || st.Databases != len(tt.lines) {
				t.Errorf("status %+v, pending %s", st, pending)
			}
		})
	}
}

func TestExplain(t *testing.T) {
	d := Definition{Remote: "http://r:5984"}
	tests := map[string]string{
		"GET http://r:5984/x/: dial tcp: connect: connection refused":      "the remote does not answer at http://r:5984",
		"GET http://u:p@r:5984/x/: 401 unauthorized: Name or password":     "the remote refuses the user and password",
		"GET http://r:5984/x/: tls: failed to verify certificate: unknown": "the remote's certificate is not trusted",
		"GET http://couchlite/x/: 401 unauthorized":                        "GET http://couchlite/x/: 401",
	}
	for text, want := range tests {
		if got := d.explain(text); !strings.HasPrefix(got, want) || strings.Contains(got, "u:p") {
			t.Errorf("%s\nis told as %s", text, got)
		}
	}
}

func TestParseSelection(t *testing.T) {
	tests := map[string]string{
		"all": `"all"`, "subtree:" + parent: `{"subtree":"` + parent + `"}`, child + "," + other: `["` + child + `","` + other + `"]`,
		"": "", "x": "", "subtree:x": "",
	}
	for text, want := range tests {
		s, err := ParseSelection(text)
		if want == "" {
			if err == nil {
				t.Errorf("%q was taken as %+v", text, s)
			}
			continue
		}
		if got, merr := json.Marshal(s); err != nil || merr != nil || string(got) != want {
			t.Errorf("%q is %s, want %s: %v", text, got, want, err)
		}
	}
}

// Design documents and what a site has begun stay at home.
func TestWorthCopying(t *testing.T) {
	couchtest.SkipPouchDB(t, "its regular expressions are not those of CouchDB")
	address := couchtest.URL(t)
	client := couchtest.Open(t, address)
	if err := client.CreateDB(t.Context(), "from"); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a", "callflowd-name-x", "callflowd-intent-1", "callflowd-intent-tree", "callflowd-batch-1", "_design/x"} {
		if err := client.DB("from").Put(t.Context(), document.Doc{"_id": id}); err != nil {
			t.Fatal(err)
		}
	}
	run, err := replicator.New(replicator.Options{
		Source: replicator.Peer{URL: address + "/from"}, Target: replicator.Peer{URL: address + "/to"}, CreateTarget: true,
		Filter: Database{Name: "from"}.Filter(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for row, err := range client.DB("to").AllDocs(t.Context(), couch.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, row.ID)
	}
	if got := strings.Join(ids, " "); got != "a callflowd-name-x" {
		t.Errorf("copied %s", got)
	}
}
