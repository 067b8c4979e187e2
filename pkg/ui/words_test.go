package ui

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestPlurals: one thing is not called by the plural.
func TestPlurals(t *testing.T) {
	for n, want := range map[int]string{0: "0 callflows", 1: "1 callflow", 2: "2 callflows"} {
		if got := say("callflows.all", n); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := say("callflows.found", 1, 1); got != "1 of 1 callflow" {
		t.Error(got)
	}
	if got := say("no such key", 1); got != "no such key" {
		t.Error(got)
	}
}

// TestFailureWords: every title of a failure has help, and the rest has one title.
func TestFailureWords(t *testing.T) {
	for _, status := range []int{400, 403, 404, 409, 412, 429, 503} {
		if title, help := failure(status); title == say("failed.other") || strings.HasPrefix(help, "failedhelp") || help == "" {
			t.Errorf("%d: %q, %q", status, title, help)
		}
	}
	if title, help := failure(418); title != say("failed.other") || help != "" {
		t.Errorf("%q %q", title, help)
	}
}

func TestShortenPath(t *testing.T) {
	long := "flow" + strings.Repeat(".children.0", 40) + ".data.timeout"
	if got := shortenPath(long); len([]rune(got)) != 71 || !strings.HasPrefix(got, "flow.children") || !strings.HasSuffix(got, ".data.timeout") {
		t.Error(got)
	}
	if got := shortenPath("numbers.0"); got != "numbers.0" {
		t.Error(got)
	}
}

// TestManyWarnings: a callflow of many faults shows some, unfolds more and
// counts the rest; other callflows are called by their names.
func TestManyWarnings(t *testing.T) {
	s := newSite(t)
	b := s.signedIn(t, masterKey)
	taker := s.save(t, `{"name":"Wide","patterns":["^7(\\d+)$"]}`)
	children := make([]string, 100)
	for i := range children {
		children[i] = fmt.Sprintf(`"%d":{"module":"user","data":{"id":"nobody%d"},"children":{}}`, i, i)
	}
	id := s.save(t, `{"name":"Many","numbers":["7123"],"flow":{"module":"menu","data":{"id":"m"},"children":{`+strings.Join(children, ",")+`}}}`)
	page := b.get(s.under("/callflows/" + id)).want(http.StatusOK)
	page.has(say("problems.rest", restLines), "also matches 7123, a number of Many").hasNot("callflow "+taker, "callflow "+id)
	if n := len(pictures.ReplaceAllString(page.body, "")); n > most {
		t.Errorf("%d bytes without pictures", n)
	}
	if one := foldLines(make([]problemLine, 3)); len(one.First) != 3 || len(one.Rest) != 0 || foldLines(nil) != nil {
		t.Errorf("%+v", one)
	}
}

// TestErrorPageKeepsNavigation: who is signed in finds the way from an error.
func TestErrorPageKeepsNavigation(t *testing.T) {
	s := newSite(t)
	b := s.signedIn(t, masterKey)
	b.get(s.under("/callflows/none")).want(http.StatusNotFound).has(`class="side"`, s.under("/map"), say("failedhelp.404"))
	below := s.signedIn(t, s.accountBelow(t, "below"))
	below.get(s.under("/callflows")).want(http.StatusForbidden).has(`class="side"`, say("failedhelp.403")).hasNot(s.under("/map"))
	s.stranger(t).get("/ui/static/none.css").want(http.StatusNotFound).hasNot(`class="side"`)
}
