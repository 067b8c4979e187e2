package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/save"
)

// attacks are texts that mean something in one of the places where a page puts
// them: an element, an attribute, an address, a style, a script, a picture.
var attacks = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onfocus='alert(1)' autofocus='`, `javascript:alert(1)`, `JaVaScRiPt:alert(1)//`,
	"java\tscript:alert(1)", `data:text/html,<script>alert(1)</script>`, `//elsewhere.example/`, `\\elsewhere.example`, `https://elsewhere.example/`,
	`]]></style><script>alert(1)</script>`, `</title><script>alert(1)</script>`, `</textarea></pre></svg><script>alert(1)</script>`, `<svg onload=alert(1)>`,
	`{{.Caller}}`, `${alert(1)}`, `<!--`, `&lt;script&gt;`, `../../../sign-in?next=//elsewhere.example`, "\u202e<b>", "\x00<b>", `%22%3E%3Cscript%3E`,
}

// harmless checks that a page holds nothing of a stranger's: only the elements
// that its templates make, our own script, addresses of our own, and no
// attribute that runs or styles.
func harmless(t *testing.T, where, body string) {
	t.Helper()
	scripts := 0
	for z := html.NewTokenizer(strings.NewReader(body)); ; {
		kind := z.Next()
		if kind == html.ErrorToken {
			break
		}
		if kind != html.StartTagToken && kind != html.SelfClosingTagToken {
			continue
		}
		token := z.Token()
		switch token.Data {
		case "script":
			scripts++
		case "iframe", "object", "embed", "base", "img", "image", "foreignobject", "animate", "set", "use", "template", "math", "audio", "video":
			t.Errorf("%s: an element %s", where, token)
		}
		for _, a := range token.Attr {
			if !harmlessAttribute(token.Data, a) {
				t.Errorf("%s: %s=%q of %s", where, a.Key, a.Val, token.Data)
			}
		}
	}
	if scripts != 1 {
		t.Errorf("%s: %d scripts", where, scripts)
	}
}

func harmlessAttribute(element string, a html.Attribute) bool {
	switch key := strings.ToLower(a.Key); {
	case strings.HasPrefix(key, "on"), key == "style", key == "srcdoc", key == "formaction", key == "http-equiv", key == "autofocus":
		return false
	case key == "src", key == "href", key == "action", key == "xlink:href":
		u, err := url.Parse(a.Val)
		return err == nil && u.Host == "" && u.Scheme == "" && !strings.Contains(u.EscapedPath()+"/", "/../") &&
			(strings.HasPrefix(a.Val, "/ui/") || strings.HasPrefix(a.Val, "#") || strings.HasPrefix(a.Val, "?")) && (element != "script" || strings.HasPrefix(a.Val, "/ui/static/page."))
	}
	return true
}

// attacked stores a text at every place of an account that a page shows, and
// returns the pages to look at.
func attacked(t *testing.T, s *site, text string, i int) []string {
	t.Helper()
	put := func(doc document.Doc) document.Doc {
		t.Helper()
		doc["pvt_account_id"] = s.master
		if err := s.couch.Account(s.master).Put(t.Context(), doc); err != nil {
			t.Fatalf("%q: %v", doc.ID(), err)
		}
		return doc
	}
	id := "x" + fmt.Sprint(i) + strings.ReplaceAll(text, "\x00", "")
	put(document.Doc{"_id": id + "user", "pvt_type": "user", "first_name": text, "last_name": text, "username": text})
	flow := map[string]any{"module": text, "data": map[string]any{"id": text}, "children": map[string]any{
		text: map[string]any{"module": "callflow", "data": map[string]any{"id": id}},
		"1":  map[string]any{"module": "user", "data": map[string]any{"id": id + "user"}},
		"2":  map[string]any{"module": "tts", "data": map[string]any{"text": text}},
	}}
	doc := put(document.Doc{
		"_id": id, "pvt_type": "callflow", "name": text, "numbers": []any{"100", text, fmt.Sprint(2000 + i)}, "patterns": []any{`^1(\d*)$`, text}, "flow": flow,
		"featurecode": map[string]any{"name": text, "number": text}, "pvt_callflowd": map[string]any{"user_id": id + "user"}, "pvt_modified_by": text,
	})
	first := doc.Rev()
	doc["name"], doc["flow"] = text+" again", map[string]any{"module": "play", "data": map[string]any{"id": text}}
	second := put(doc).Rev()
	put(document.Doc{"_id": id + "gone", "pvt_type": "callflow", "pvt_deleted": true, "name": text, "numbers": []any{text}})
	q, one := url.QueryEscape(text), "/callflows/"+url.PathEscape(id)
	return []string{
		"/callflows?q=" + q + "&in=" + q, one, one + "?branch=" + q + "&done=" + q, one + "/compare?from=" + first + "&to=" + second, one + "/restore?revision=" + first,
		one + "/versions/" + url.PathEscape(first), one + "/versions/" + q, "/test?number=" + fmt.Sprint(2000+i), "/test?number=" + q + "&at=" + q, "/analysis?kind=" + q,
		"/beside?a=" + url.QueryEscape(id) + "&b=" + url.QueryEscape(id) + "&number=" + q, "/conflicts/" + url.PathEscape(id), "/accounts?q=" + q, "/changes?since=" + q, "/callflows/" + url.PathEscape(text),
	}
}

// TestAttacks: no stored text and no address makes a page run or load anything,
// or leads elsewhere.
func TestAttacks(t *testing.T) {
	s := newSite(t)
	b := s.signedIn(t, masterKey)
	for i, text := range attacks {
		if _, err := s.accounts.Create(t.Context(), s.master, document.Doc{"name": fmt.Sprint(i, text), "realm": fmt.Sprint("r", i, ".example")}, account.Actor{}); err != nil {
			t.Fatal(err)
		}
		for _, path := range attacked(t, s, text, i) {
			r := b.get(s.under(path))
			if r.status >= 500 {
				t.Errorf("%s: %d", path, r.status)
			}
			if strings.HasPrefix(r.header.Get("Content-Type"), "text/html") {
				harmless(t, fmt.Sprintf("%q at %s", text, path), r.body)
			}
		}
		next := b.get("/ui/sign-in?next=" + url.QueryEscape(text)).want(http.StatusOK)
		harmless(t, "sign in", next.body)
	}
	for _, path := range []string{"/callflows", "/callflows?page=2", "/map", "/analysis", "/conflicts", "/deleted", "/changes?since=0", "/accounts"} {
		harmless(t, path, b.get(s.under(path)).want(http.StatusOK).body)
	}
}

// TestPlainUserPages: what the API keeps from users who are no administrators,
// and from accounts below, the pages keep from them as well.
func TestPlainUserPages(t *testing.T) {
	s := newSite(t)
	boss := s.signedIn(t, s.accountBelow(t, "shop"))
	id := strings.Split(boss.get("/ui/").want(http.StatusSeeOther).header.Get("Location"), "/")[3]
	db, under := s.couch.Account(id), "/ui/accounts/"+id
	_, hash := auth.UserCredentials("mara", "secret")
	user := document.Doc{"_id": "mara", "pvt_type": "user", "pvt_account_id": id, "username": "mara", "first_name": "Mara", "priv_level": "user", "pvt_sha1_auth": hash}
	if err := db.Put(t.Context(), user); err != nil {
		t.Fatal(err)
	}
	mara := s.stranger(t)
	mara.cookie = mara.post("/ui/sign-in", "with", "user", "user", "mara", "password", "secret", "by", "account_name", "account", "shop").want(http.StatusSeeOther).session()

	user, err := db.Get(t.Context(), "mara") // signing in has given it a secret
	if err != nil {
		t.Fatal(err)
	}
	at, last, _ := strings.Cut(user.Rev(), "-")
	generation, err := strconv.Atoi(at)
	if err != nil {
		t.Fatal(err)
	}
	var edits []document.Doc
	for hash, level := range map[string]string{"aa": "admin", "bb": "user"} {
		one := user.Clone()
		delete(one, "_rev")
		one["priv_level"], one["_revisions"] = level, map[string]any{"start": generation + 1, "ids": []any{strings.Repeat(hash, 16), last}}
		edits = append(edits, one)
	}
	if err := db.BulkRevisions(t.Context(), edits); err != nil {
		t.Fatal(err)
	}
	raised := fmt.Sprintf("%d-%s", generation+1, strings.Repeat("aa", 16))
	mara.post(under+"/conflicts/mara", "keep", raised).want(http.StatusForbidden)
	mara.get("/ui/system").want(http.StatusOK).hasNot(say("system.copies"))
	boss.post(under+"/conflicts/"+id, "keep", "1-x").want(http.StatusForbidden)
	boss.post(under+"/conflicts/mara", "keep", raised).want(http.StatusSeeOther)

	write := save.Write{AccountID: id, Data: document.Doc{"name": "Desk", "numbers": []any{"100"}}, Actor: save.Actor{AccountID: s.master}}
	saved, err := s.flows.Create(t.Context(), write)
	if err != nil {
		t.Fatal(err)
	}
	above := say("who.account", "master")
	s.signedIn(t, masterKey).get(under + "/callflows/" + saved.Doc.ID()).want(http.StatusOK).has(above)
	mara.get(under + "/callflows/" + saved.Doc.ID()).want(http.StatusOK).hasNot(above)
	for _, page := range []string{"/callflows", "/accounts", "/map"} {
		mara.get(s.under(page)).want(http.StatusForbidden)
	}
	mara.post(s.under("/callflows/x/restore"), "revision", "1-x").want(http.StatusForbidden)
}
