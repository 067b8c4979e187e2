package main

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/uninstall"
)

// writesRow is a row of the README's table of what is written.
type writesRow struct {
	text     string
	optional bool // only where a flag asks for it
	uninstall.Entry
}

var codeSpan = regexp.MustCompile("`([^`]+)`")

// codeIn are the names in a cell.
func codeIn(cell string) (names []string) {
	for _, found := range codeSpan.FindAllStringSubmatch(cell, -1) {
		names = append(names, found[1])
	}
	return names
}

// writesTable reads the table below the heading. It has to be the list by
// which uninstall goes.
func writesTable(t *testing.T) []*writesRow {
	t.Helper()
	raw, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(raw), "### What it writes\n")
	if !found {
		t.Fatal("README has no section on what is written")
	}
	section, _, _ = strings.Cut(section, "\n### ")
	var rows []*writesRow
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 5 || !strings.Contains(cells[1], "`") {
			continue
		}
		rows = append(rows, &writesRow{line, strings.Contains(cells[3], "`--"), uninstall.Entry{Databases: codeIn(cells[1]), Documents: codeIn(cells[2])}})
	}
	list := uninstall.Written()
	if len(rows) != len(list) {
		t.Fatalf("README has %d rows, the list %d", len(rows), len(list))
	}
	for i, e := range list {
		if !slices.Equal(rows[i].Databases, e.Databases) || !slices.Equal(rows[i].Documents, e.Documents) {
			t.Errorf("README has %v %v, the list has %v %v", rows[i].Databases, rows[i].Documents, e.Databases, e.Documents)
		}
		rows[i].Entry = e
	}
	return rows
}

// README lists what callflowd writes: a run that does about everything writes
// nothing else, and all of it.
func TestE2EWritesWhatReadmeLists(t *testing.T) {
	storage := watchStorage(t)
	dir := "--data-dir=" + t.TempDir()
	p := start(t, dir, "--couchdb-url="+storage.through, "--master-api-key="+someKey)
	writeAllKinds(t, p)
	p.stop()
	if _, err := command(t, "rotate-key", dir, "--couchdb-url="+storage.through); err != nil {
		t.Fatal(err)
	}
	rows, used := writesTable(t), map[*writesRow]bool{}
	for _, w := range storage.writes {
		known := false
		for _, row := range rows {
			if row.Covers(w.db, w.id) {
				known, used[row] = true, true
			}
		}
		if !known {
			t.Errorf("README does not list %q in %q", w.id, w.db)
		}
	}
	for _, row := range rows {
		if !used[row] && !row.optional {
			t.Errorf("nothing was written for the row %s", row.text)
		}
	}
}

// writeAllKinds changes something of every kind.
func writeAllKinds(t *testing.T, p *program) {
	t.Helper()
	master, _ := login(t, p, someKey)
	account := master.createAccount(map[string]any{"name": "Written"})
	flow := callflowOf(sent{"one", "2600"})
	flow["patterns"] = []string{"^7([0-9]+)$"}
	var made struct {
		ID string `json:"id"`
	}
	master.must(http.StatusCreated, "PUT", account+"/callflows", flow).decode(t, &made)
	one := account + "/callflows/" + made.ID
	master.must(http.StatusOK, "PATCH", one, map[string]any{"name": "two"})
	master.must(http.StatusOK, "DELETE", one, nil)
	master.must(http.StatusOK, "POST", one+"/restore", map[string]any{"revision": lastRevision(t, master, one)})
	user := map[string]any{"first_name": "A", "last_name": "B", "username": "ab", "password": "correct horse battery"}
	master.must(http.StatusCreated, "PUT", account+"/users", user)
	master.must(http.StatusCreated, "PUT", account+"/devices", map[string]any{"name": "phone"})
	master.must(http.StatusOK, "POST", account+"/metaflows", map[string]any{"binding_digit": "*"})
	master.must(http.StatusCreated, "PUT", account+"/api_key", nil)
	batch := []map[string]any{{"op": "create", "data": callflowOf(sent{"a", "3001"})}, {"op": "create", "data": callflowOf(sent{"b", "3002"})}}
	master.must(http.StatusOK, "POST", account+"/callflows/batch?atomic=true", batch)
	master.must(http.StatusCreated, "PUT", account+"/phone_numbers/%2B14158867900", map[string]any{})
	master.must(http.StatusOK, "GET", "/readyz?for=writes", nil)
	master.must(http.StatusOK, "DELETE", "/v2/token_auth", nil)
	again, _ := login(t, p, someKey)
	again.must(http.StatusOK, "DELETE", again.createAccount(map[string]any{"name": "Gone"}), nil)
}

func lastRevision(t *testing.T, c caller, one string) string {
	t.Helper()
	var history []struct {
		Revision string `json:"revision"`
	}
	c.must(http.StatusOK, "GET", one+"/history", nil).decode(t, &history)
	if len(history) == 0 {
		t.Fatal("there is no history")
	}
	return history[len(history)-1].Revision
}
