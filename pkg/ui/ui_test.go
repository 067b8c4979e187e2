package ui

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
)

// TestWords holds the texts against those that the pages use, and the pages
// against texts of their own.
func TestWords(t *testing.T) {
	used := map[string]bool{}
	family := func(prefix string) {
		for key := range words {
			if strings.HasPrefix(key, prefix) {
				used[key] = true
			}
		}
	}
	for _, prefix := range []string{"done.", "field.", "as.", "severity.", "kind.", "kindhelp.", "signin.", "nav.", "op.", "match.", "direction.", "state.", "failed.", "failedhelp."} {
		family(prefix)
	}
	call := regexp.MustCompile(`[^a-z](?:t |say\()"([a-z_.0-9]+)"`)
	for name, text := range sources(t) {
		for _, found := range call.FindAllStringSubmatch(text, -1) {
			used[found[1]] = true
			if _, ok := words[found[1]]; !ok && !strings.HasSuffix(found[1], ".") {
				t.Errorf("%s uses %q, which is not in words", name, found[1])
			}
		}
		if !strings.HasSuffix(name, ".html") {
			continue
		}
		bare := regexp.MustCompile(`(?s)\{\{.*?\}\}|<[^>]*>|&amp;`).ReplaceAllString(text, "")
		if own := regexp.MustCompile(`[A-Za-z]{2,}`).FindString(bare); own != "" {
			t.Errorf("%s has a text of its own: %q", name, own)
		}
	}
	for key := range words {
		if !used[key] {
			t.Errorf("no page uses %q", key)
		}
	}
}

// sources are the templates and the code.
func sources(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, dir := range []string{"templates/*.html", "templates/shared/*.html", "*.go"} {
		for name, text := range readAll(t, dir) {
			if name != "words.go" && !strings.HasSuffix(name, "_test.go") {
				out[name] = text
			}
		}
	}
	return out
}

func TestSignIn(t *testing.T) {
	s := newSite(t)
	b := s.stranger(t)
	first := b.get(s.under("/callflows?q=a")).want(http.StatusSeeOther)
	if to := first.header.Get("Location"); !strings.HasPrefix(to, "/ui/sign-in?next=%2Fui%2Faccounts%2F") {
		t.Errorf("a stranger is sent to %q", to)
	}
	b.get("/ui/sign-in?next=/ui/system").want(http.StatusOK).has(`name="next" value="/ui/system"`)
	b.get("/ui/sign-in?next=https://elsewhere.example/ui/").want(http.StatusOK).hasNot("elsewhere")
	b.get("/ui/sign-in?next=//elsewhere.example/ui/").want(http.StatusOK).hasNot("elsewhere")
	b.post("/ui/sign-in", "with", "key", "api_key", "wrong").want(http.StatusUnauthorized).has(say("signin.wrong"))
	in := b.post("/ui/sign-in", "with", "key", "api_key", masterKey, "next", s.under("/test")).want(http.StatusSeeOther)
	if to := in.header.Get("Location"); to != s.under("/test") {
		t.Errorf("sent to %q", to)
	}
	cookie := in.header.Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Strict", "Path=/ui", "Max-Age="} {
		if !strings.Contains(cookie, want) {
			t.Errorf("cookie %q lacks %s", cookie, want)
		}
	}
	b.cookie = in.session()
	b.get("/ui/").want(http.StatusSeeOther)
	b.post("/ui/sign-out").want(http.StatusSeeOther)
	b.get("/ui/").want(http.StatusSeeOther).has("/ui/sign-in")
}

// TestOtherSites: the browser of a caller does nothing on behalf of another
// site, and a link from one opens all the same.
func TestOtherSites(t *testing.T) {
	s := newSite(t)
	b := s.signedIn(t, masterKey)
	id := s.save(t, `{"name":"one","numbers":["100"]}`)
	b.from = "cross-site"
	b.post("/ui/sign-out").want(http.StatusForbidden)
	b.post("/ui/sign-in", "with", "key", "api_key", masterKey).want(http.StatusForbidden)
	b.post(s.under("/callflows/"+id+"/restore"), "revision", "1-x").want(http.StatusForbidden)
	b.post(s.under("/conflicts/"+id), "keep", "1-x").want(http.StatusForbidden)
	b.from = ""
	b.get(s.under("/callflows")).want(http.StatusOK)
	stranger := s.stranger(t)
	stranger.from = "cross-site"
	if again := stranger.get(s.under("/test?number=100")).want(http.StatusOK); again.header.Get("Refresh") != "0" {
		t.Errorf("a link from another site is not opened again: %v", again.header)
	}
}

// TestHeaders: what every page says to the browser.
func TestHeaders(t *testing.T) {
	s := newSite(t)
	b := s.signedIn(t, masterKey)
	for _, path := range []string{s.under("/callflows"), "/ui/sign-in", "/ui/nowhere", s.under("/callflows/none")} {
		h := b.get(path).header
		policy := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self';", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: policy %q lacks %s", path, policy, want)
			}
		}
		if strings.Contains(policy, "unsafe") || h.Get("Access-Control-Allow-Origin") != "" || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", path, h)
		}
	}
	page := b.get(s.under("/callflows")).body
	for _, found := range regexp.MustCompile(`(?:href|src)="(/ui/static/[^"]+)"`).FindAllStringSubmatch(page, -1) {
		if r := b.get(found[1]).want(http.StatusOK); !strings.Contains(r.header.Get("Cache-Control"), "immutable") || r.header.Get("Content-Type") == "" {
			t.Errorf("%s: %v", found[1], r.header)
		}
	}
	b.get("/ui/static/none.css").want(http.StatusNotFound)
}

// TestRoot: the server's address leads to the pages.
func TestRoot(t *testing.T) {
	b := newSite(t).stranger(t)
	for _, path := range []string{"/", "/ui"} {
		if to := b.get(path).want(http.StatusSeeOther).header.Get("Location"); to != "/ui/" {
			t.Errorf("%s leads to %q", path, to)
		}
	}
	icon := b.get("/favicon.ico").want(http.StatusSeeOther).header.Get("Location")
	b.get(icon).want(http.StatusOK).has("<svg")
	b.get("/ui/no/such/page").want(http.StatusNotFound).has(say("failed.home"))
}

// TestHostileTexts: what documents hold is text on every page.
func TestHostileTexts(t *testing.T) {
	s := newSite(t)
	b := s.signedIn(t, masterKey)
	const evil = `<script>alert(1)</script>"'><img src=x onerror=alert(1)>`
	const id = "evil"
	doc := document.Doc{
		"_id": id, "pvt_type": "callflow", "pvt_account_id": s.master, "name": evil, "numbers": []any{"100", evil}, "patterns": []any{`^<b>(\d+)$`, `^1(\d*)$`},
		"flow": map[string]any{"module": "<script>x</script>", "data": map[string]any{"id": evil}, "children": map[string]any{evil: map[string]any{"module": evil}}},
	}
	if err := s.couch.Account(s.master).Put(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	other := s.save(t, `{"name":"two","patterns":["^1(\\d+)$"],"flow":{"module":"callflow","data":{"id":"`+id+`"}}}`)
	first := doc.Rev()
	doc["flow"] = map[string]any{"module": "play", "data": map[string]any{"id": evil}}
	if err := s.couch.Account(s.master).Put(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	rev := doc.Rev()
	flow := "/callflows/" + id
	paths := []string{
		"/callflows", "/callflows?q=%3Cscript%3E", flow, flow + "?branch=%3Cscript%3E", flow + "/compare?from=" + first + "&to=" + rev, flow + "/restore?revision=" + rev, flow + "/versions/" + rev, "/test?number=100",
		"/test?number=1%3Cscript%3E&at=%3Cscript%3E", "/map", "/analysis", "/beside?a=" + id + "&b=" + other, "/conflicts", "/deleted", "/changes?since=0", "/accounts?q=%3Cscript%3E", "/callflows/%3Cscript%3E",
	}
	for _, path := range paths {
		r := b.get(s.under(path))
		if r.status >= 500 {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
		ours := regexp.MustCompile(`<script src="/ui/static/page\.[0-9a-f]+\.js" defer></script>`).ReplaceAllString(r.body, "")
		for _, tag := range []string{"<script", "<img", "<b>(", "javascript:", " onerror=\""} {
			if strings.Contains(ours, tag) {
				t.Errorf("%s: %q is not escaped", path, tag)
			}
		}
	}
}
