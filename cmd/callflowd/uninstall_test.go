package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/uninstall"
)

// Beside a Kazoo, callflowd does everything it can and is uninstalled. What was
// there before is there byte for byte, and what else is left is Kazoo's too.
func TestE2EUninstall(t *testing.T) {
	couchtest.SkipPouchDB(t, "it does not list local documents")
	storage := watchStorage(t)
	client := fillAsKazoo(t, storage.direct)
	before := content(t, client)
	useBesideKazoo(t, storage.direct, client)

	told, err := command(t, "uninstall", "--couchdb-url="+storage.through, "--dry-run")
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range []string{
		uninstall.GroupCopies, uninstall.GroupViews, uninstall.GroupReservations, uninstall.GroupHistory, uninstall.GroupRevocations, uninstall.GroupState,
		"stays: " + uninstall.GroupMonths, "stays: " + uninstall.GroupKeys,
	} {
		if !strings.Contains(told, "\n"+group) {
			t.Errorf("%q is not shown:\n%s", group, told)
		}
	}
	if len(storage.writes) > 0 {
		t.Fatalf("--dry-run wrote %v", storage.writes)
	}
	if told, err := command(t, "uninstall", "--couchdb-url="+storage.direct, "--yes", "--end-tokens", "--kazoo-stopped"); err != nil || !strings.Contains(told, "Removed.") {
		t.Fatal(err, told)
	}
	after := content(t, client)
	for place, doc := range before {
		if got, ok := after[place]; !ok || got != doc {
			t.Errorf("%v was changed:\n%s\n%s", place, doc, got)
		}
	}
	for place, raw := range after {
		if _, had := before[place]; !had {
			isKazoosToo(t, place, raw)
		}
	}
	if told, err := command(t, "uninstall", "--couchdb-url="+storage.direct, "--yes"); err != nil || !strings.Contains(told, "nothing to remove") {
		t.Error(err, told)
	}
}

// useBesideKazoo runs callflowd on the Kazoo's databases, so that something of
// every kind is written.
func useBesideKazoo(t *testing.T, address string, client *couch.Client) {
	t.Helper()
	p := start(t, "--data-dir="+t.TempDir(), "--couchdb-url="+address)
	master, id := login(t, p, someKey)
	if id != kazooAccount {
		t.Fatalf("the master account is %s", id)
	}
	flows := "/v2/accounts/" + id + "/callflows"
	var made struct {
		ID string `json:"id"`
	}
	master.must(http.StatusCreated, "PUT", flows, callflowOf(sent{"beside", "2600"})).decode(t, &made)
	master.must(http.StatusOK, "GET", flows, nil)
	master.must(http.StatusOK, "DELETE", flows+"/"+made.ID, nil)
	writeAllKinds(t, p)
	p.stop()
	if _, err := command(t, "rotate-key", "--couchdb-url="+address); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"accounts", couch.AccountDB(id), "numbers/+1415"} { // as with --amqp-url
		putDoc(t, client.DB(name), document.Doc{"_id": "_local/callflowd-notices-0123456789abcdef", "seq": "5"})
	}
	definition := strings.Repeat("12", 16) // as PUT /v2/replications
	if err := client.CreateDB(t.Context(), "callflowd_replications"); err != nil {
		t.Fatal(err)
	}
	putDoc(t, client.DB("callflowd_replications"), document.Doc{"_id": definition, "pvt_password": "secret"})
	putDoc(t, client.DB("_replicator"), document.Doc{"_id": "callflowd-" + definition + "-push-0123456789abcdef", "source": "accounts", "target": "http://127.0.0.1:1/accounts"})
}

func putDoc(t *testing.T, db *couch.DB, doc document.Doc) {
	t.Helper()
	if err := db.Put(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
}

// isKazoosToo fails for what nobody but callflowd knows.
func isKazoosToo(t *testing.T, place written, raw string) {
	t.Helper()
	if strings.Contains(place.db+"/"+place.id, "callflowd") {
		t.Errorf("%v is left", place)
		return
	}
	for _, e := range uninstall.Written() {
		if !e.Covers(place.db, place.id) {
			continue
		}
		views := e.Group == uninstall.GroupViews && couch.OwnDesign(docOf(t, raw)) // in a database that Kazoo has no views in
		if e.Group != "" && !views {
			t.Errorf("%v is left, of the group %s", place, e.Group)
		}
		return
	}
	t.Errorf("%v is left, which callflowd is not known to write", place)
}

// A callflowd that runs keeps its documents.
func TestE2EUninstallRefusesWhileRunning(t *testing.T) {
	couchtest.SkipPouchDB(t, "it does not list local documents")
	storage := watchStorage(t)
	p := start(t, "--data-dir="+t.TempDir(), "--couchdb-url="+storage.direct, "--master-api-key="+someKey)
	login(t, p, someKey)
	if _, err := command(t, "uninstall", "--couchdb-url="+storage.through, "--yes"); err == nil || !strings.Contains(err.Error(), "callflowd runs on this CouchDB") {
		t.Errorf("error %v", err)
	}
	if len(storage.writes) > 0 {
		t.Errorf("it wrote %v", storage.writes)
	}
	p.stop()
	if told, err := command(t, "uninstall", "--couchdb-url="+storage.direct, "--dry-run"); err != nil {
		t.Error(err, told)
	}
}
