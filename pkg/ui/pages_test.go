package ui

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/replication/sites"
	"github.com/callflowd/callflowd/pkg/save"
)

// TestTester: where a number goes and why, now and then.
func TestTester(t *testing.T) {
	s := newSite(t)
	b := s.signedIn(t, masterKey)
	id := s.save(t, `{"name":"Sales","numbers":["+15035550100"],"flow":{"module":"play","data":{"id":"greeting"},"children":{"_":{"module":"hangup","data":{}}}}}`)
	s.save(t, `{"name":"Parking","patterns":["^\\*3(\\d*)$"]}`)
	s.save(t, `{"name":"Parking, old","patterns":["^\\*(\\d)\\d*$"]}`)
	now := b.get(s.under("/test?number=5035550100")).want(http.StatusOK)
	now.has(`>Sales</a>`, "+15035550100", `class="entry number took"`, `class="node step way"`, say("tester.link"), "http://pbx.example/ui/accounts/"+s.master+"/test?number=5035550100")
	b.get(s.under("/test?number=*3701")).want(http.StatusOK).has("Parking", "Parking, old", ">won<", "lost: captured 1")
	b.get(s.under("/test?number=nobody")).want(http.StatusOK).has(say("tester.nobody"), say("tester.steps"))
	b.get(s.under("/test?number=1%0A00")).want(http.StatusBadRequest).has(`role="alert"`)
	b.get(s.under("/test?number=100&at=never")).want(http.StatusBadRequest).has("ISO 8601")
	b.get(s.under("/test?number=100&at=2999-01-01")).want(http.StatusBadRequest).has("future")
	before := time.Now().Add(-time.Hour).UTC().Format("2006-01-02T15:04")
	b.get(s.under("/test?number=5035550100&at="+before)).want(http.StatusOK).has(say("tester.nobody"), `value="`+before+`:00"`)
	b.get(s.under("/callflows/" + id)).want(http.StatusOK).has(s.under("/test?number=%2b15035550100"))
}

// TestCallflowPage: what the page of a callflow shows, and its files.
func TestCallflowPage(t *testing.T) {
	s := newSite(t)
	b := s.signedIn(t, masterKey)
	target := s.save(t, `{"name":"Target","numbers":["200"]}`)
	id := s.save(t, `{"name":"Source","numbers":["100"],"patterns":["^7(\\d)$"],"flow":{"module":"callflow","data":{"id":"`+target+`"}}}`)
	first := revisionOf(t, s, id)
	s.change(t, id, `{"flow":{"module":"user","data":{"id":"0123456789abcdef0123456789abcdef"},"children":{"_":{"module":"callflow","data":{"id":"`+target+`"}}}}}`)
	b.get(s.under("/callflows/"+id)).want(http.StatusOK).has(
		"Source", "^7(\\d)$", s.under("/callflows/"+target), say("callflow.missing"), "updated", "created", "/versions/"+first, "restore?revision="+first, `&#34;module&#34;: &#34;user&#34;`)
	b.get(s.under("/callflows/"+target)).want(http.StatusOK).has(s.under("/callflows/"+id), "flow.children._.data.id")
	b.get(s.under("/callflows/" + id + "/versions/" + first)).want(http.StatusOK).has(say("callflow.old"))
	b.get(s.under("/callflows/"+id+"/compare")).want(http.StatusOK).has("flow.module", say("op.replace"), "+ added")
	b.get(s.under("/callflows/" + id + "/compare?from=" + first + "&to=" + first)).want(http.StatusOK).has(say("compare.same"))
	for as, contentType := range map[string]string{"json": "application/json", "svg": "image/svg+xml", "mermaid": "text/plain; charset=utf-8", "text": "text/plain; charset=utf-8"} {
		for _, path := range []string{"", "/versions/" + first} {
			r := b.get(s.under("/callflows/" + id + path + "?as=" + as)).want(http.StatusOK)
			if r.header.Get("Content-Type") != contentType || r.header.Get("Content-Security-Policy") == "" || strings.Contains(r.body, "pvt_") {
				t.Errorf("%s: %v %s", as, r.header, r.body)
			}
		}
	}
	b.get(s.under("/callflows/" + id + "?as=pdf")).want(http.StatusBadRequest)
	b.get(s.under("/callflows/none")).want(http.StatusNotFound)
}

func revisionOf(t *testing.T, s *site, id string) string {
	t.Helper()
	doc, err := s.flows.Get(t.Context(), s.master, id)
	if err != nil {
		t.Fatal(err)
	}
	return doc.Rev()
}

// TestRestorePage: the preview names the numbers that go elsewhere, and a
// version comes back only over the one that was shown.
func TestRestorePage(t *testing.T) {
	s := newSite(t)
	b := s.signedIn(t, masterKey)
	s.save(t, `{"name":"Rest","patterns":["^(5\\d\\d)$"]}`)
	id := s.save(t, `{"name":"Desk","numbers":["501"]}`)
	first := revisionOf(t, s, id)
	second := s.change(t, id, `{"numbers":["502"]}`)
	restore := s.under("/callflows/" + id + "/restore")
	b.get(restore+"?revision="+first).want(http.StatusOK).has(`<span class="num">501</span>`, `<span class="num">502</span>`, "Rest", "Desk", `value="`+second+`"`)
	b.get(restore + "?revision=9-none").want(http.StatusNotFound)
	b.post(restore).want(http.StatusBadRequest)
	third := s.change(t, id, `{"name":"Desk 2"}`)
	b.post(restore, "revision", first, "stored", second).want(http.StatusPreconditionFailed)
	s.save(t, `{"name":"Taker","numbers":["501"]}`)
	b.post(restore, "revision", first, "stored", third).want(http.StatusBadRequest).has(say("restore.refused"), "501")
	done := b.post(restore, "revision", second, "stored", third).want(http.StatusSeeOther).header.Get("Location")
	b.get(done).want(http.StatusOK).has(say("done.restored"), "restored", "502")
	b.get(done[:strings.Index(done, "?")] + "?done=invented").hasNot(`class="said"`)
}

// TestDeletedPage: a deleted callflow comes back.
func TestDeletedPage(t *testing.T) {
	s := newSite(t)
	b := s.signedIn(t, masterKey)
	b.get(s.under("/deleted")).want(http.StatusOK).has(say("deleted.none"))
	id := s.save(t, `{"name":"Gone","numbers":["601"]}`)
	if _, err := s.flows.Delete(t.Context(), save.Write{AccountID: s.master, ID: id}, false); err != nil {
		t.Fatal(err)
	}
	page := b.get(s.under("/deleted")).want(http.StatusOK).has("Gone", "601")
	link := regexp.MustCompile(`href="([^"]*/restore\?revision=[^"]*)"`).FindStringSubmatch(page.body)
	if link == nil {
		t.Fatalf("nothing to restore: %s", page.body)
	}
	ask, err := url.Parse(link[1])
	if err != nil {
		t.Fatal(err)
	}
	b.get(link[1]).want(http.StatusOK).has("Gone", "601")
	b.post(ask.Path, "revision", ask.Query().Get("revision"), "stored", "").want(http.StatusSeeOther)
	b.get(s.under("/callflows/" + id)).want(http.StatusOK)
}

// TestAnalysisPage: findings by kind, with names and witnesses.
func TestAnalysisPage(t *testing.T) {
	s := newSite(t)
	b := s.signedIn(t, masterKey)
	b.get(s.under("/analysis")).want(http.StatusOK).has(say("analysis.none"))
	a := s.save(t, `{"name":"Wide","patterns":["^7(\\d+)$"]}`)
	o := s.save(t, `{"name":"Narrow","patterns":["^7(1\\d)$"]}`)
	all := b.get(s.under("/analysis")).want(http.StatusOK)
	all.has("Wide", "Narrow", "/beside?a=", "/test?number=7").hasNot("callflow "+a, "callflow "+o)
	b.get(s.under("/analysis?kind=overlap")).want(http.StatusOK)
	b.get(s.under("/beside?a="+a+"&b="+o+"&number=710")).want(http.StatusOK).has("Wide", "Narrow", "number=710")
	b.get(s.under("/callflows")).want(http.StatusOK).has(`class="badge`)
}

// TestConflictPage: both versions, the outcome of a merge, and the buttons.
func TestConflictPage(t *testing.T) {
	s := newSite(t)
	b := s.signedIn(t, masterKey)
	b.get(s.under("/conflicts")).want(http.StatusOK).has(say("conflicts.none"))
	for _, clash := range []bool{false, true} {
		id := s.conflict(t, clash)
		here := s.under("/conflicts/" + id)
		list := b.get(s.under("/conflicts")).want(http.StatusOK).has(here, "Night")
		page := b.get(here).want(http.StatusOK)
		winner := regexp.MustCompile(`name="winner" value="([^"]+)"`).FindStringSubmatch(page.body)[1]
		b.post(here, "merge", "true", "winner", "9-other").want(http.StatusPreconditionFailed)
		b.post(here, "winner", winner).want(http.StatusBadRequest)
		if clash {
			page.has(say("conflict.clash"), "Night, north", "Night, south")
			list.has(say("conflicts.clash"))
			b.post(here, "merge", "true", "winner", winner).want(http.StatusConflict)
			b.post(here, "keep", winner, "winner", winner).want(http.StatusSeeOther)
		} else {
			page.has(say("conflict.merge"), "Night, north", "2802")
			list.has(say("conflicts.mergeable"))
			to := b.post(here, "merge", "true", "winner", winner).want(http.StatusSeeOther).header.Get("Location")
			b.get(to).has(say("done.settled"))
		}
		b.get(here).want(http.StatusNotFound)
	}
}

// conflict makes a callflow with two revisions, as two sites that edited it
// apart; where they clash, both changed the name.
func (s *site) conflict(t *testing.T, clash bool) string {
	t.Helper()
	number := map[bool]string{false: "2801", true: "2811"}[clash]
	id := s.save(t, `{"name":"Night","numbers":["`+number+`"]}`)
	db := s.couch.Account(s.master)
	doc, err := db.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	_, first, _ := strings.Cut(doc.Rev(), "-")
	north, south := doc.Clone(), doc.Clone()
	north["name"] = "Night, north"
	south["numbers"] = []any{number, "2802"}
	if clash {
		south["name"], south["numbers"] = "Night, south", []any{number}
	}
	for hash, one := range map[string]document.Doc{"aa": north, "bb": south} {
		delete(one, "_rev")
		one["_revisions"] = map[string]any{"start": 2, "ids": []any{strings.Repeat(hash, 16), first}}
	}
	if err := db.BulkRevisions(t.Context(), []document.Doc{north, south}); err != nil {
		t.Fatal(err)
	}
	return id
}

// TestOtherPages: accounts, changes, map and system.
func TestOtherPages(t *testing.T) {
	s := newSite(t)
	b := s.signedIn(t, masterKey)
	id := s.save(t, `{"name":"One","numbers":["100"]}`)
	b.get(s.under("/map")).want(http.StatusOK).has("<svg", "One")
	b.get("/ui/system").want(http.StatusOK).has("1.0", "memory", "lookups", say("system.works"), s.master)
	b.get(s.under("/changes?since=0")).want(http.StatusOK).has("One", s.under("/callflows/"+id), "/changes/stream?since=")
	b.get(s.under("/changes")).want(http.StatusOK).has(say("changes.none"))
	b.get(s.under("/accounts")).want(http.StatusOK).has(say("accounts.none"))
	b.get("/ui/accounts/" + strings.Repeat("f", 32) + "/callflows").want(http.StatusNotFound).has(say("failed.home"))
	b.get("/ui/accounts/short/callflows").want(http.StatusNotFound)
}

// TestSystemPage: replications are told to those who may see them.
func TestSystemPage(t *testing.T) {
	s := newSite(t)
	b := s.signedIn(t, masterKey)
	b.get("/ui/system").want(http.StatusOK).has(say("system.copies"), say("system.nocopies"))
	d, wrong := sites.Parse(document.Doc{"remote": "https://u:geheim@north.example:6984", "direction": "both", "accounts": "all"}, nil)
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	d.ID = "r1"
	if err := s.sites.Create(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	b.get("/ui/system").want(http.StatusOK).has("north.example:6984", say("direction.both"), say("state.starting"), say("system.unknown")).hasNot("geheim")
	below := s.signedIn(t, s.accountBelow(t, "below"))
	below.get("/ui/system").want(http.StatusOK).hasNot("north.example", say("system.copies"))
}

// accountBelow makes an account below the master account and returns its API key.
func (s *site) accountBelow(t *testing.T, name string) string {
	t.Helper()
	doc, err := s.accounts.Create(t.Context(), s.master, document.Doc{"name": name, "realm": name + ".example"}, account.Actor{})
	if err != nil {
		t.Fatal(err)
	}
	key, err := s.accounts.APIKey(t.Context(), doc.ID())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestLiveNames: a change that comes live is called by its name.
func TestLiveNames(t *testing.T) {
	s := newSite(t)
	b := s.signedIn(t, masterKey)
	id := s.save(t, `{"name":"One","numbers":["100"]}`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, s.under("/changes/stream?since=0"), nil)
	r.AddCookie(&http.Cookie{Name: web.SessionCookie, Value: b.cookie})
	w := &untilWritten{ResponseRecorder: httptest.NewRecorder(), want: `"name":"One"`, found: cancel}
	s.handler.ServeHTTP(w, r)
	if body := w.Body.String(); !strings.Contains(body, `"name":"One"`) || !strings.Contains(body, id) {
		t.Error(body)
	}
}

// untilWritten calls found when a text was written.
type untilWritten struct {
	*httptest.ResponseRecorder
	want  string
	found func()
}

func (w *untilWritten) Write(p []byte) (int, error) {
	n, err := w.ResponseRecorder.Write(p)
	if strings.Contains(w.Body.String(), w.want) {
		w.found()
	}
	return n, err
}
