package ui

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
)

// most is how many bytes a page may have, its pictures apart.
const most = 100_000

// large is a site with an account of many callflows, written at once.
func large(t testing.TB, callflows int) *site {
	t.Helper()
	s := newSite(t)
	var docs []document.Doc
	for i := range callflows {
		user := document.Doc{"_id": fmt.Sprintf("%032x", 1<<20+i), "pvt_type": "user", "pvt_account_id": s.master, "first_name": fmt.Sprintf("Person %d", i), "last_name": "Doe"}
		docs = append(docs, user, document.Doc{
			"_id": fmt.Sprintf("%032x", i), "pvt_type": "callflow", "pvt_account_id": s.master, "pvt_account_db": "x",
			"name": fmt.Sprintf("Extension %05d of a business with a rather long name", i), "numbers": []any{fmt.Sprintf("2%05d", i), fmt.Sprintf("+1503%07d", i)},
			"flow": map[string]any{"module": "user", "data": map[string]any{"id": fmt.Sprintf("%032x", 1<<20+i)}, "children": map[string]any{
				"_": map[string]any{"module": "voicemail", "data": map[string]any{"id": fmt.Sprintf("%032x", 1<<21+i)}, "children": map[string]any{}},
			}},
		})
	}
	for len(docs) > 0 {
		batch, _ := firstOf(docs, 1000)
		if _, err := s.couch.Account(s.master).Bulk(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		docs = docs[len(batch):]
	}
	return s
}

var pictures = regexp.MustCompile(`(?s)<svg.*?</svg>`)

// TestLargeAccount: every page of an account with many callflows is light, and
// a search finds the one.
func TestLargeAccount(t *testing.T) {
	s := large(t, 3000)
	b := s.signedIn(t, masterKey)
	couchtest.Eventually(t, "the account is read, which a slow machine may not do in a request's time", func() bool {
		return b.get(s.under("/callflows")).status == http.StatusOK
	})
	for _, path := range []string{
		"/callflows", "/callflows?page=60", "/callflows?q=user&in=module", "/callflows/" + fmt.Sprintf("%032x", 7), "/test?number=5030000007", "/map", "/analysis", "/conflicts", "/deleted", "/changes?since=0",
	} {
		r := b.get(s.under(path)).want(http.StatusOK)
		if n := len(pictures.ReplaceAllString(r.body, "")); n > most {
			t.Errorf("%s: %d bytes without pictures", path, n)
		}
	}
	b.get(s.under("/callflows?q=(503)+000-2999&in=number")).want(http.StatusOK).has("Extension 02999").hasNot("Extension 02998")
	b.get(s.under("/callflows?page=60")).has("Extension 02999", say("pager.earlier")).hasNot(say("pager.later") + "</a>")
	b.get(s.under("/callflows?page=99999999999999999999")).want(http.StatusOK)
}

// TestLoadingPage: a list that is being read makes nobody wait.
func TestLoadingPage(t *testing.T) {
	s := newSiteWith(t, time.Nanosecond)
	b := s.signedIn(t, masterKey)
	s.save(t, `{"name":"One","numbers":["100"]}`)
	page := b.get(s.under("/callflows")).want(http.StatusOK)
	if strings.Contains(page.body, say("callflows.loading")) == (page.header.Get("Refresh") == "") {
		t.Errorf("%v %s", page.header, page.body)
	}
	for !strings.Contains(page.body, ">One</a>") { // until it is read: the browser comes again as well
		page = b.get(s.under("/callflows")).want(http.StatusOK)
	}
}

// TestAccountTree: few accounts are a tree, many one level of it.
func TestAccountTree(t *testing.T) {
	item := func(id, name string, tree ...any) account.Item {
		return account.Item{"id": id, "name": name, "tree": tree}
	}
	items := []account.Item{item("a", "A", "root"), item("b", "B", "root", "a"), item("c", "C", "root", "a", "b"), item("x", "X", "elsewhere"), item("l", "L", "root", "l")}
	tree := treeOf("root", items)
	if len(tree) != 3 || tree[0].ID != "a" || len(tree[0].Below) != 1 || tree[0].Below[0].Below[0].ID != "c" || count(tree) != 5 {
		t.Errorf("%+v", tree)
	}
	hits := found(tree, "C")
	if len(hits) != 1 || hits[0].ID != "c" || len(hits[0].Above) != 2 || hits[0].Above[0].Name != "A" {
		t.Errorf("%+v", hits)
	}
}

// BenchmarkLargeAccount measures pages of an account of 10,000 callflows that
// refer to 20,000 documents, half of which exist.
func BenchmarkLargeAccount(b *testing.B) {
	s := large(b, 10_000)
	in := s.signedIn(b, masterKey)
	one := fmt.Sprintf("%032x", 7)
	for name, path := range map[string]string{
		"list": "/callflows", "last page": "/callflows?page=200", "search": "/callflows?q=09999", "reference": "/callflows?q=person+77&in=reference",
		"nothing": "/callflows?q=zzz", "one": "/callflows/" + one, "test": "/test?number=209999", "map": "/map",
	} {
		in.get(s.under(path)).want(http.StatusOK)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				in.get(s.under(path))
			}
		})
	}
	b.Run("search after a change", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			b.StopTimer()
			s.change(b, one, fmt.Sprintf(`{"name":"Changed %d"}`, i))
			b.StartTimer()
			in.get(s.under("/callflows?q=changed")).want(http.StatusOK)
		}
	})
}
