package api

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/transfer"
)

// bring imports a body into the caller's account.
func (w *world) bring(query, body string) response {
	w.t.Helper()
	return w.send(post, "/v2/accounts/"+w.master+"/import"+query, body, "Content-Type", web.JSONLines, "X-Request-Id", "import")
}

// lines makes an export of documents.
func lines(docs ...string) string {
	return "{\"callflowd_export\":1}\n" + strings.Join(docs, "\n") + "\n"
}

// flowLine is a callflow's line.
func flowLine(id, name string, numbers ...string) string {
	return fmt.Sprintf(`{"id":%q,"type":"callflow","data":{"name":%q,"numbers":["%s"],"patterns":[],"flow":{"module":"response","data":{}}}}`,
		id, name, strings.Join(numbers, `","`))
}

// planOf are the counts of a result, those that are not zero.
func planOf(r response) string {
	var out []string
	for _, name := range []string{"create", "replace", "merge", "skip", "unchanged", "versions", "attachments"} {
		if n := fmt.Sprint(r.data(name)); n != "0" {
			out = append(out, n+" "+name)
		}
	}
	return strings.Join(out, ", ")
}

// exported is an account's export without the header.
func (w *world) exported(query string) string {
	w.t.Helper()
	body := w.send(get, "/v2/accounts/"+w.master+"/export"+query, "").want(http.StatusOK).body
	_, rest, _ := strings.Cut(body, "\n")
	return rest
}

func TestImport(t *testing.T) {
	newWorld(t, nil).each(t, []tenantTest{
		{"plan and write", importTwice},
		{"conflicts", importConflicts},
		{"numbers move", importMoves},
		{"numbers taken meanwhile", importOvertaken},
		{"problems have lines", importProblems},
		{"refused bodies", importRefused},
		{"progress", importTells},
		{"a dump", importDump},
		{"users", importUsers},
		{"ids", importIDs},
	})
}

func importTwice(t *testing.T, w *world) {
	body := lines(flowLine("a", "A", "100"), flowLine("b", "B", "101"), `{"id":"m","type":"menu","data":{"name":"Menu"}}`)
	dry := w.bring("?dry_run=true", body).want(http.StatusOK)
	if planOf(dry) != "3 create" || dry.data("dry_run") != true {
		t.Errorf("the plan is %s", dry.body)
	}
	golden(t, "import_plan", w.master, dry)
	if got := w.exported(""); got != "" {
		t.Errorf("a dry run wrote %s", got)
	}
	if got := planOf(w.bring("", body).want(http.StatusOK)); got != "3 create" {
		t.Errorf("it did %s", got)
	}
	w.send(get, "/v2/accounts/"+w.master+"/menus/m", "").want(http.StatusOK)
	again := w.bring("", body).want(http.StatusOK) // what the server completes is no difference
	if got := planOf(again); got != "3 unchanged" {
		t.Errorf("again it did %s: %s", got, again.body)
	}
	whole := w.exported("")
	other, tenant := w.newAccount("other")
	tenant.master = other
	tenant.bring("", lines()+whole).want(http.StatusOK)
	if got := tenant.exported(""); got != whole {
		t.Errorf("elsewhere it is\n%s, not\n%s", got, whole)
	}
}

func importConflicts(t *testing.T, w *world) {
	w.bring("", lines(flowLine("a", "A", "100"), flowLine("b", "B", "101"))).want(http.StatusOK)
	changed := lines(`{"id":"a","type":"callflow","data":{"name":"C"}}`, flowLine("b", "B", "101"))
	refused := w.bring("", lines(flowLine("a", "C", "100"), flowLine("b", "B", "101"))).want(http.StatusConflict)
	golden(t, "import_conflict", w.master, refused)
	name := func() string {
		return fmt.Sprint(w.send(get, "/v2/accounts/"+w.master+"/callflows/a", "").want(http.StatusOK).data("name"))
	}
	for _, tt := range []struct{ mode, body, did, name string }{
		{"skip", changed, "2 skip", "A"},
		{"merge", changed, "1 merge, 1 unchanged", "C"},
		{"merge", changed, "2 unchanged", "C"},
		{"replace", lines(flowLine("a", "D", "100"), flowLine("b", "B", "101")), "1 replace, 1 unchanged", "D"},
	} {
		got := w.bring("?on_conflict="+tt.mode, tt.body).want(http.StatusOK)
		if planOf(got) != tt.did || name() != tt.name {
			t.Errorf("%s did %s: %s", tt.mode, planOf(got), name())
		}
	}
	w.bring("?on_conflict=maybe", changed).want(http.StatusBadRequest)
}

// importMoves swaps numbers between callflows, and gives one to a new one.
func importMoves(t *testing.T, w *world) {
	w.bring("", lines(flowLine("a", "A", "100", "200"), flowLine("b", "B", "101"))).want(http.StatusOK)
	moved := lines(flowLine("new", "New", "200"), flowLine("a", "A", "101"), flowLine("b", "B", "100"))
	if got := planOf(w.bring("?on_conflict=replace", moved).want(http.StatusOK)); got != "1 create, 2 replace" {
		t.Errorf("it did %s", got)
	}
	for number, id := range map[string]string{"100": "b", "101": "a", "200": "new"} {
		if got := w.send(get, "/v2/accounts/"+w.master+"/routes/"+number, "").want(http.StatusOK).data("callflow_id"); got != id {
			t.Errorf("%s goes to %v, not %s", number, got, id)
		}
	}
	taken := w.bring("", lines(flowLine("other", "Other", "100"))).want(http.StatusBadRequest)
	if !strings.Contains(taken.body, `"2.numbers":{"unique":`) {
		t.Errorf("a number that is kept is no problem: %s", taken.body)
	}
}

// importOvertaken: somebody takes a number between the check and the writing.
// Only its line is told of, not the line whose number the import itself freed.
func importOvertaken(t *testing.T, w *world) {
	w.bring("", lines(flowLine("a", "A", "100", "200"))).want(http.StatusOK)
	docs := []string{flowLine("freed", "Freed", "200")}
	for i := range 250 { // so that the line that frees it is checked in another part
		docs = append(docs, flowLine(fmt.Sprintf("f%d", i), "Filler", fmt.Sprint(1000+i)))
	}
	body := lines(append(docs, flowLine("a", "A", "100"), flowLine("late", "Late", "300"))...)
	cfg := &w.server.cfg
	spool, err := transfer.Read(strings.NewReader(body), "", cfg.Limits.JSON)
	if err != nil {
		t.Fatal(err)
	}
	defer spool.Close()
	importer := &transfer.Importer{Couch: w.couch, Callflows: cfg.Callflows, Resources: cfg.Resources}
	_, err = importer.Run(t.Context(), spool, transfer.Request{
		Account: w.master, OnConflict: transfer.Replace,
		Planned: func(transfer.Result) { w.newCallflow(w.master, `{"id":"there","numbers":["300"]}`) },
	})
	if !problem.Is(err, problem.Invalid) {
		t.Fatalf("it says %v", err)
	}
	if got := slices.Collect(maps.Keys(problem.AsError(err).Data)); !slices.Equal(got, []string{"254.numbers"}) {
		t.Errorf("it tells of %q", got)
	}
}

func importProblems(t *testing.T, w *world) {
	w.newCallflow(w.master, `{"id":"there","numbers":["300"]}`)
	w.send(put, "/v2/accounts/"+w.master+"/menus", `{"data":{"id":"menu","name":"M"}}`).want(http.StatusCreated)
	got := w.bring("", lines(
		flowLine("good", "Good", "100"),
		flowLine("taken", "Taken", "300"),
		`{"id":"number","type":"callflow","data":{"numbers":"1","flow":{"module":"response","data":{}}}}`,
		`{"id":"nothing","type":"spaceship","data":{}}`,
		`{"id":"menu2","type":"menu","data":{"name":1}}`,
		`{"id":"menu","type":"callflow","data":{}}`,
	))
	golden(t, "import_problems", w.master, got.want(http.StatusBadRequest))
	if rest := w.exported(""); strings.Contains(rest, "good") {
		t.Errorf("something was written: %s", rest)
	}
	broken := w.bring("", "{\"callflowd_export\":1}\n{\n[]\n{\"id\":\"a\"}\n"+flowLine("b", "B", "1")+"\n"+flowLine("b", "B", "1")+"\n"+
		`{"history_of":"c","data":{}}`+"\n"+`{"history_of":"b","data":{},"revision":"1","action":"created"}`+"\n"+
		`{"id":"f","type":"media","data":{},"attachments":{"x.mp3":{"length":1}}}`)
	golden(t, "import_broken_lines", w.master, broken.want(http.StatusBadRequest))
	if got := w.bring("", lines(flowLine("x", "X", "1"), flowLine("y", "Y", "1"))).want(http.StatusBadRequest); !strings.Contains(got.body, `"message":"1 is wanted by line 2 too"`) {
		t.Errorf("a number twice in the file is no problem: %s", got.body)
	}
	many := w.bring("", lines(slices.Repeat([]string{"{"}, 300)...)).want(http.StatusBadRequest)
	if !strings.Contains(many.body, "were not looked at") || strings.Contains(many.body, `"250"`) {
		t.Errorf("300 wrong lines: %.300s", many.body)
	}
}

func importRefused(t *testing.T, w *world) {
	for _, body := range []string{
		"", "{}", "[]", `{"callflowd_export":2}`, `{"rows":{}}`, `{"rows":[1]}`, `{"rows":[`, `{"rows":[{"doc":{}}`, "callflows: []", "{\"callflowd_export\":1}\n\x00",
	} {
		w.bring("", body).want(http.StatusBadRequest)
	}
	w.as("").bring("", lines()).want(http.StatusUnauthorized)
	small := newWorld(t, func(cfg *Config) { cfg.Limits.Import = 300 })
	small.bring("", lines(flowLine("a", strings.Repeat("a", 300), "100"))).want(http.StatusRequestEntityTooLarge)
	small.bring("", lines(flowLine("a", "A", "100"))).want(http.StatusOK)
}

func importTells(t *testing.T, w *world) {
	ask := func(body string) response {
		return w.send(post, "/v2/accounts/"+w.master+"/import", body, "Content-Type", web.JSONLines, "Accept", web.JSONLines)
	}
	got := ask(lines(flowLine("a", "A", "100"))).want(http.StatusOK)
	if got.header.Get("Content-Type") != web.JSONLines || !strings.HasPrefix(got.body, `{"plan":{`) || !strings.Contains(got.body, "\n{\"result\":{") {
		t.Errorf("%v %s", got.header, got.body)
	}
	ask(lines("{")).want(http.StatusBadRequest)
}

func importDump(t *testing.T, w *world) {
	dump := `{"total_rows":3,"offset":0,"rows":[
{"id":"_design/x","doc":{"_id":"_design/x","views":{}}},
{"id":"kazoo","key":"kazoo","value":{"rev":"1-a"},"doc":{"_id":"kazoo","_rev":"1-a","pvt_type":"callflow","pvt_created":1,"numbers":["300"],"flow":{"module":"play","data":{"id":"hello.mp3"}}}},
{"id":"old","doc":{"_id":"old","pvt_type":"callflow","pvt_deleted":true,"numbers":["301"]}}
]}`
	for _, did := range []string{"1 create", "1 unchanged"} {
		got := w.send(post, "/v2/accounts/"+w.master+"/import", dump).want(http.StatusOK)
		if planOf(got) != did {
			t.Errorf("it did %s, not %s", planOf(got), did)
		}
	}
}

// importUsers: a copy of a user has no password, and nobody can log in with it.
func importUsers(t *testing.T, w *world) {
	body := lines(`{"id":"u","type":"user","data":{"first_name":"A","last_name":"B","username":"ann"}}`)
	w.bring("", body).want(http.StatusOK)
	if got := planOf(w.bring("", body).want(http.StatusOK)); got != "1 unchanged" {
		t.Errorf("again it did %s", got)
	}
	doc, err := w.couch.Account(w.master).Get(t.Context(), "u")
	if err != nil || doc.String("username") != "ann" || doc["pvt_md5_auth"] != nil {
		t.Errorf("%v, %v", doc, err)
	}
	w.send(put, "/v2/accounts/"+w.master+"/users", `{"data":{"first_name":"A","last_name":"B","username":"bob"}}`).want(http.StatusBadRequest)
	twice := w.bring("", lines(`{"id":"u2","type":"user","data":{"first_name":"A","last_name":"B","username":"ANN"}}`)).want(http.StatusBadRequest)
	if !strings.Contains(twice.body, `"2.username":{"unique"`) {
		t.Error(twice.body)
	}
}

func importIDs(t *testing.T, w *world) {
	body := lines(
		`{"id":"a","type":"callflow","data":{"name":"a","numbers":["100"],"patterns":[],"flow":{"module":"temporal_route","data":{"rules":["rule1"]},"children":{"rule1":{"module":"callflow","data":{"id":"b"}},"_":{"module":"menu","data":{"id":"menu1"}}}}}}`,
		flowLine("b", "menu1", "101"), `{"id":"menu1","type":"menu","data":{"name":"menu1"}}`,
		`{"id":"rule1","type":"temporal_rule","data":{"name":"b","cycle":"daily"}}`,
	)
	w.bring("?new_ids=true", body).want(http.StatusOK)
	got := w.exported("?dependencies=true")
	if strings.Count(got, "\n") != 4 {
		t.Errorf("what is referred to does not come along: %s", got)
	}
	if again := planOf(w.bring("?new_ids=true", body).want(http.StatusOK)); again != "4 unchanged" {
		t.Errorf("again it did %s", again)
	}
	if strings.Contains(got, `"rule1"`) || strings.Contains(got, `"id":"menu1"`) || !strings.Contains(got, `"name":"menu1"`) {
		t.Errorf("ids: %s", got)
	}
}

// TestImportOfAnArchive takes an account with older versions and audio into
// another one, and out of it again.
func TestImportOfAnArchive(t *testing.T) {
	w := newWorld(t, nil)
	audio := "ID3" + strings.Repeat("la", 50_000)
	base := "/v2/accounts/" + w.master
	hello := strings.Repeat("ab", 16)
	w.send(put, base+"/media", `{"data":{"id":"`+hello+`","name":"Hello"}}`).want(http.StatusCreated)
	w.send(post, base+"/media/"+hello+"/raw", audio, "Content-Type", "audio/mp3").want(http.StatusOK)
	w.newCallflow(w.master, `{"id":"a","numbers":["100"],"flow":{"module":"play","data":{"id":"`+hello+`"}}}`)
	second, _ := w.send(patch, base+"/callflows/a", `{"data":{"name":"second"}}`).want(http.StatusOK).env["revision"].(string)
	w.send(remove, base+"/callflows/a", "").want(http.StatusOK)
	w.send(post, base+"/callflows/a/restore", `{"data":{"revision":"`+second+`"}}`).want(http.StatusOK)
	w.send(patch, base+"/callflows/a", `{"data":{"name":"last"}}`).want(http.StatusOK)

	const query = "/export?dependencies=true&history=true"
	whole := w.send(get, base+query, "", "Accept", web.Tar).want(http.StatusOK)
	if whole.header.Get("Content-Type") != web.Tar {
		t.Fatalf("it is %s", whole.header.Get("Content-Type"))
	}
	take := func(into *world, query string) response {
		return into.send(post, "/v2/accounts/"+into.master+"/import"+query, whole.body, "Content-Type", web.Tar).want(http.StatusOK)
	}
	otherID, other := w.newAccount("other")
	other.master = otherID
	if got := planOf(take(other, "?dry_run=true")); got != "2 create, 4 versions, 1 attachments" {
		t.Errorf("the plan is %s", got)
	}
	take(other, "")
	if got := planOf(take(other, "")); got != "2 unchanged" {
		t.Errorf("again it did %s", got)
	}
	want, got := w.exported("?dependencies=true&history=true"), other.exported("?dependencies=true&history=true")
	if got != want || strings.Count(got, "history_of") != 4 {
		t.Errorf("elsewhere it is\n%s, not\n%s", got, want)
	}
	heard := other.send(get, "/v2/accounts/"+otherID+"/media/"+hello+"/raw", "").want(http.StatusOK)
	if heard.body != audio || heard.header.Get("Content-Type") != "audio/mp3" {
		t.Errorf("%d bytes of %s", len(heard.body), heard.header.Get("Content-Type"))
	}
	old := strings.Split(got, `"revision":"`)[4][:34]
	other.send(post, "/v2/accounts/"+otherID+"/callflows/a/restore", `{"data":{"revision":"`+old+`"}}`).want(http.StatusOK)

	thirdID, third := w.newAccount("third")
	third.master = thirdID
	take(third, "?new_ids=true")
	if renamed := third.exported("?dependencies=true&history=true"); strings.Contains(renamed, hello) || strings.Count(renamed, "\n") != 6 {
		t.Errorf("with new ids: %s", renamed)
	}
	cut := whole.body[:len(whole.body)-60_000]
	w.send(post, "/v2/accounts/"+thirdID+"/import", cut, "Content-Type", web.Tar).want(http.StatusBadRequest)
}
