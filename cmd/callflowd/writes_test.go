package main

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// writesRow is a row of the README's table of what is written.
type writesRow struct {
	text      string
	databases []*regexp.Regexp
	documents []*regexp.Regexp // none for the database itself
	optional  bool             // only where a flag asks for it
}

// writesTable reads the table below the heading.
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
		rows = append(rows, &writesRow{line, patternsIn(cells[1]), patternsIn(cells[2]), strings.Contains(cells[3], "`--")})
	}
	if len(rows) == 0 {
		t.Fatal("the table has no rows")
	}
	return rows
}

var (
	codeSpan    = regexp.MustCompile("`[^`]+`")
	placeholder = regexp.MustCompile(`\\{[A-Z]+\\}`)
)

// patternsIn are the names in a cell, whose placeholders stand for anything but
// what follows them.
func patternsIn(cell string) []*regexp.Regexp {
	var patterns []*regexp.Regexp
	for _, span := range codeSpan.FindAllString(cell, -1) {
		quoted := regexp.QuoteMeta(strings.Trim(span, "`"))
		quoted = strings.ReplaceAll(quoted, `\{YYYYMM\}`, `[0-9]{6}`)
		quoted = strings.ReplaceAll(quoted, `\{A\}`, `[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{28}`)
		quoted = strings.ReplaceAll(quoted, `\{ID\}`, `[0-9a-f]{32}`)
		quoted = placeholder.ReplaceAllString(quoted, `.+`)
		patterns = append(patterns, regexp.MustCompile("^"+quoted+"$"))
	}
	return patterns
}

func (r *writesRow) covers(w written) bool {
	matches := func(name string) func(*regexp.Regexp) bool {
		return func(p *regexp.Regexp) bool { return p.MatchString(name) }
	}
	if !slices.ContainsFunc(r.databases, matches(w.db)) {
		return false
	}
	if w.id == "" {
		return len(r.documents) == 0
	}
	return slices.ContainsFunc(r.documents, matches(w.id))
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
			if row.covers(w) {
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
