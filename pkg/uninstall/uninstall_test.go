package uninstall_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/uninstall"
)

const account = "4a6863d2c94b0aa4d9ad25f3f4c1e6a1"

var (
	accountDB = couch.AccountDB(account)
	hash      = strings.Repeat("ab", 16)
)

// place has documents put into a database, which is made if need be.
func place(t *testing.T, client *couch.Client, db string, docs ...document.Doc) {
	t.Helper()
	if err := client.CreateDB(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	for _, doc := range docs {
		if err := client.DB(db).Put(t.Context(), doc.Clone()); err != nil {
			t.Fatal(err)
		}
	}
}

// noLocalDocs is why uninstall is not tried on pouchdb-server.
const noLocalDocs = "it does not list local documents"

func doc(id, kind string) document.Doc { return document.Doc{"_id": id, "pvt_type": kind} }

func design(name string, ours bool) document.Doc {
	d := document.Doc{"_id": "_design/" + name, "views": map[string]any{}}
	if ours {
		d["callflowd"] = true
	}
	return d
}

// left are the ids in a database, local ones included.
func left(t *testing.T, client *couch.Client, name string) string {
	t.Helper()
	var ids []string
	db := client.DB(name)
	for _, list := range []func(context.Context, couch.Query) iter.Seq2[couch.Row, error]{db.AllDocs, db.LocalDocs} {
		for row, err := range list(t.Context(), couch.Query{}) {
			if err != nil {
				t.Fatal(name, err)
			}
			ids = append(ids, row.ID)
		}
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

// monthOf is the name of the month that many months after now, and its
// database.
func monthOf(months int) (name, db string) {
	at := time.Now().UTC()
	at = time.Date(at.Year(), at.Month()+time.Month(months), 15, 0, 0, 0, 0, time.UTC)
	return at.Format("200601"), couch.MonthDB(account, at)
}

func history(month string) document.Doc { return doc(month+"-hello-2-"+hash, "callflowd_history") }

// Documents whose names are like ours and whose content is not are Kazoo's, or
// a client's.
func TestRemovesOnlyWhatIsOurs(t *testing.T) {
	couchtest.SkipPouchDB(t, noLocalDocs)
	client := couchtest.New(t)
	month, monthDB := monthOf(-3)
	place(t, client, accountDB,
		doc("callflowd_reservation-"+hash, "callflowd_reservation"), doc("callflowd_reservation-"+hash[2:], "callflow"), doc("callflowd", "callflow"), doc("plain", "callflow"),
		doc("callflowd_reservation", "callflowd_reservation"), design("callflowd", true), design("callflowd_mine", false), design("callflows", false), design("users", true))
	place(t, client, monthDB, history(month), doc(month+"-hello-3-"+hash, "cdr"), doc(month+"-3bc8e3ff@10.26.0.1", "cdr"), doc("200001-hello-2-"+hash, "cdr"))
	place(t, client, "accounts", doc("callflowd-name-one", "callflowd_reservation"), doc("callflowd-realm-one.example", "callflowd_reservation"), doc("callflowd-name-two", "account"),
		design("accounts", true), doc("_local/callflowd-notices-"+hash, ""), doc("_local/other", ""))
	place(t, client, "system_auth", doc("callflowd-key-12", "system_key"), doc("callflowd-key-x", "system_key"), doc(hash, "system_key"), doc("callflowd-revoked-"+hash, "callflowd_revocation"))
	place(t, client, "system_config", doc("auth", "config"), doc("_local/callflowd_probe", ""))
	place(t, client, "numbers/+1415", doc("+14155550100", "number"), design("numbers", false), design("callflowd_numbers", true), doc("_local/callflowd-notices-"+hash, ""))
	place(t, client, "other", doc("callflowd_reservation-"+hash, "callflowd_reservation"))
	work := &uninstall.Uninstall{Couch: client, EndTokens: true}
	if _, err := work.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	for db, want := range map[string]string{
		accountDB:       "_design/callflowd_mine _design/callflows callflowd callflowd_reservation callflowd_reservation-" + hash[2:] + " plain",
		monthDB:         fmt.Sprintf("200001-hello-2-%s %s-3bc8e3ff@10.26.0.1 %s-hello-3-%s", hash, month, month, hash),
		"accounts":      "_design/accounts _local/other callflowd-name-two",
		"system_auth":   hash + " callflowd-key-x",
		"system_config": "auth",
		"numbers/+1415": "+14155550100 _design/numbers",
		"other":         "callflowd_reservation-" + hash,
	} {
		if got := left(t, client, db); got != want {
			t.Errorf("%s: left %s\nwant %s", db, got, want)
		}
	}
	report, err := work.List(t.Context())
	if err != nil || !report.Empty() {
		t.Errorf("again %+v, error %v", report.Groups(false), err)
	}
}

// What is removed only when it is safe, and what is kept on request.
func TestWhatStays(t *testing.T) {
	couchtest.SkipPouchDB(t, noLocalDocs)
	month, monthDB := monthOf(0)
	past, pastDB := monthOf(-2)
	stopped := document.Doc{"_id": "_local/callflowd_stopped", "at": time.Now().Unix()}
	for name, c := range map[string]struct {
		work uninstall.Uninstall
		sign bool // of a process that ran
		want map[string]string
		gone []string
	}{
		"a moment after callflowd stopped": {
			sign: true,
			want: map[string]string{"system_auth": "callflowd-key-1", "system_config": "_local/callflowd_stopped", monthDB: ""}, gone: []string{pastDB},
		},
		"an hour and more later": {
			work: uninstall.Uninstall{Now: func() time.Time { return time.Now().Add(2 * time.Hour) }}, sign: true,
			want: map[string]string{"system_auth": "", "system_config": "", monthDB: ""}, gone: []string{pastDB},
		},
		"when callflowd ran is not known": {
			want: map[string]string{"system_auth": "callflowd-key-1", "system_config": ""}, gone: []string{pastDB},
		},
		"the tokens are ended and Kazoo is stopped": {
			work: uninstall.Uninstall{EndTokens: true, KazooStopped: true}, sign: true,
			want: map[string]string{"system_auth": "", "system_config": ""}, gone: []string{monthDB, pastDB},
		},
		"history is kept": {
			work: uninstall.Uninstall{KeepHistory: true, KazooStopped: true},
			want: map[string]string{monthDB: history(month).ID(), pastDB: history(past).ID()},
		},
		"two months on": {
			work: uninstall.Uninstall{Now: func() time.Time { return time.Now().AddDate(0, 2, 0) }},
			want: map[string]string{"system_auth": "callflowd-key-1"}, gone: []string{monthDB, pastDB},
		},
	} {
		t.Run(name, func(t *testing.T) {
			client := couchtest.New(t)
			place(t, client, monthDB, history(month))
			place(t, client, pastDB, history(past))
			place(t, client, "system_auth", doc("callflowd-key-1", "system_key"))
			place(t, client, "system_config")
			if c.sign {
				place(t, client, "system_config", stopped)
			}
			c.work.Couch = client
			if _, err := c.work.Remove(t.Context()); err != nil {
				t.Fatal(err)
			}
			for db, want := range c.want {
				if got := left(t, client, db); got != want {
					t.Errorf("%s: left %q, want %q", db, got, want)
				}
			}
			for _, db := range c.gone {
				if there, err := client.HasDB(t.Context(), db); there || err != nil {
					t.Errorf("%s is there: %t, %v", db, there, err)
				}
			}
		})
	}
}

// Conflicting revisions of what is removed come to light then, and go too.
func TestRemovesConflicts(t *testing.T) {
	couchtest.SkipPouchDB(t, noLocalDocs)
	client := couchtest.New(t)
	id := "callflowd_reservation-" + hash
	place(t, client, accountDB)
	var leaves []document.Doc
	for i := range 5 {
		leaf := doc(id, "callflowd_reservation")
		leaf.SetRev(fmt.Sprintf("1-%032d", i))
		leaves = append(leaves, leaf)
	}
	if err := client.DB(accountDB).BulkRevisions(t.Context(), leaves); err != nil {
		t.Fatal(err)
	}
	report, err := (&uninstall.Uninstall{Couch: client}).Remove(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := left(t, client, accountDB); got != "" {
		t.Errorf("left %s", got)
	}
	if groups := report.Groups(false); len(groups) != 1 || groups[0].Documents != 1 {
		t.Errorf("report %+v", groups)
	}
}

// What was interrupted is gone on with by beginning again.
func TestInterruptedAndBegunAgain(t *testing.T) {
	couchtest.SkipPouchDB(t, noLocalDocs)
	client := couchtest.New(t)
	ids := map[string]bool{}
	for i := range 30 {
		db := couch.AccountDB(fmt.Sprintf("%02x%030x", 7*i%256, i))
		ids[db] = true
		place(t, client, db, design("callflowd", true), doc("callflowd_reservation-"+hash, "callflowd_reservation"), doc("kept", "callflow"))
	}
	ctx, cancel := context.WithCancel(t.Context())
	work := &uninstall.Uninstall{Couch: client, Progress: func(done, _ int) {
		if done == 10 {
			cancel()
		}
	}}
	if _, err := work.Remove(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	work.Progress = nil
	found, err := work.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n := found.Groups(false)[0].Databases; n == 0 || n >= len(ids) {
		t.Errorf("%d of %d databases are left", n, len(ids))
	}
	if _, err := work.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	for db := range ids {
		if got := left(t, client, db); got != "kept" {
			t.Errorf("%s: left %s", db, got)
		}
	}
}

// Operations that are half done would stay half done.
func TestRefusesUnfinishedOperations(t *testing.T) {
	couchtest.SkipPouchDB(t, noLocalDocs)
	client := couchtest.New(t)
	place(t, client, "accounts", doc("callflowd-intent-tree", "callflowd_intent"), doc("callflowd-name-one", "callflowd_reservation"))
	work := &uninstall.Uninstall{Couch: client}
	if _, err := work.Remove(t.Context()); err == nil || !strings.Contains(err.Error(), "accounts/callflowd-intent-tree") {
		t.Errorf("error %v", err)
	}
	if got := left(t, client, "accounts"); got != "callflowd-intent-tree callflowd-name-one" {
		t.Errorf("left %s", got)
	}
}

// A process that runs is told from one that crashed.
func TestRunning(t *testing.T) {
	couchtest.SkipPouchDB(t, noLocalDocs)
	client := couchtest.New(t)
	place(t, client, "system_config", document.Doc{"_id": "_local/callflowd_process-0123", "process": "crashed", "at": 5})
	work := &uninstall.Uninstall{Couch: client, Watch: 2 * time.Second}
	if names, err := work.Running(t.Context()); len(names) > 0 || err != nil {
		t.Errorf("running %q, error %v", names, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		uninstall.Process{Couch: client, Name: "alive", Every: 20 * time.Millisecond}.Run(ctx)
	}()
	couchtest.Eventually(t, "the process says that it runs", func() bool { return strings.Contains(left(t, client, "system_config"), "process-") })
	work.Watch = time.Minute
	couchtest.Eventually(t, "it is found", func() bool {
		names, err := work.Running(t.Context())
		return err == nil && slices.Equal(names, []string{`"alive"`})
	})
	stop()
	<-ended
	if got := left(t, client, "system_config"); got != "_local/callflowd_process-0123 _local/callflowd_stopped" {
		t.Errorf("after its end %s", got)
	}
}

// A database that fails is told of by name, and the others are done.
func TestToldWhatFails(t *testing.T) {
	couchtest.SkipPouchDB(t, noLocalDocs)
	address := couchtest.URL(t)
	client := couchtest.Open(t, address)
	other := strings.Repeat("b", 32)
	for _, id := range []string{account, other} {
		place(t, client, couch.AccountDB(id), doc("callflowd_reservation-"+hash, "callflowd_reservation"))
	}
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && strings.Contains(r.URL.EscapedPath(), account[4:]) {
			http.Error(w, `{"error":"forbidden","reason":"not today"}`, http.StatusForbidden)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	defer server.Close()
	_, err = (&uninstall.Uninstall{Couch: couchtest.Open(t, server.URL)}).Remove(t.Context())
	if err == nil || !strings.Contains(err.Error(), accountDB) {
		t.Errorf("error %v", err)
	}
	if got := left(t, client, couch.AccountDB(other)); got != "" {
		t.Errorf("of the other is left %s", got)
	}
}

// Every group is shown in the table, and no entry is of another.
func TestGroupsOfTheList(t *testing.T) {
	groups := map[string]bool{}
	for _, e := range uninstall.Written() {
		groups[e.Group] = true
		for _, name := range e.Databases {
			if name == "" || strings.HasPrefix(name, "account/") && !strings.Contains(name, "{A}") {
				t.Errorf("database %q", name)
			}
		}
	}
	delete(groups, "")
	if len(groups) != 9 {
		t.Errorf("groups %q", slices.Sorted(maps.Keys(groups)))
	}
}
