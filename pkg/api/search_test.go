package api

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// pages follows a list to its end and returns the ids of its pages.
func (w *world) pages(path string) [][]string {
	w.t.Helper()
	var out [][]string
	next, more := "", true
	for more {
		r := w.send(get, path+next, "").want(http.StatusOK)
		out = append(out, r.ids())
		var key string
		key, more = r.env["next_start_key"].(string)
		next = "&start_key=" + url.QueryEscape(key)
		if len(out) > 100 {
			w.t.Fatalf("%s never ends: %v", path, out)
		}
	}
	return out
}

// searchPages finds each document once, whatever the page size, the order and
// the number of its numbers that begin alike.
func searchPages(t *testing.T, w *world) {
	numbers := map[string]string{
		"a": `"2600","2601","2602"`, "b": `"2603"`, "c": `"*2604","2604"`, "d": `"26","9"`, "e": `"9","8"`, "f": `"2605","2605x"`,
	}
	for id, list := range numbers {
		w.newCallflow(w.master, `{"id":"`+id+`","name":"260`+id+`","numbers":[`+strings.Replace(list, `"9"`, `"9`+id+`"`, 1)+`]}`)
	}
	base := "/v2/accounts/" + w.master + "/search?t=callflow"
	for _, tt := range []struct{ query, ascending, descending string }{
		{"&q=number&v=26", "dabcf", "fcbad"},
		{"&q=number&v=2601", "a", "a"},
		{"&q=name_and_number&v=26", "dabcfe", "fedcba"},
		{"&q=name&v=260", "abcdef", "fedcba"},
		{"&q=number&v=", "dabcfe", "edfcba"},
	} {
		for size := range 4 {
			path := base + tt.query + "&page_size=" + strconv.Itoa(size+1)
			up, down := w.pages(path+"&ascending=true"), w.pages(path)
			if got := strings.Join(slices.Concat(up...), ""); got != tt.ascending {
				t.Errorf("%s ascending: %v, want %s", path, up, tt.ascending)
			}
			if got := strings.Join(slices.Concat(down...), ""); got != tt.descending {
				t.Errorf("%s: %v, want %s", path, down, tt.descending)
			}
		}
		if got := strings.Join(w.send(get, base+tt.query+"&paginate=false", "").ids(), ""); got != tt.descending {
			t.Errorf("%s whole: %s", tt.query, got)
		}
	}
}

// searchNameless finds what has no name by its id, as Kazoo does.
func searchNameless(t *testing.T, w *world) {
	w.newCallflow(w.master, `{"id":"Front.Door-7","numbers":["1"]}`)
	base := "/v2/accounts/" + w.master + "/search"
	for _, query := range []string{"?t=callflow&q=name&v=frontdoor", "?t=callflow&q=name_and_number&v=FRONT DOOR", "?t=callflow&q=name&v="} {
		if got := w.send(get, base+strings.ReplaceAll(query, " ", "%20"), "").want(http.StatusOK).ids(); !slices.Equal(got, []string{"Front.Door-7"}) {
			t.Errorf("%s: %v", query, got)
		}
	}
}

// searchSeveralFields has no pages, however many there are.
func searchSeveralFields(t *testing.T, w *world) {
	for i := range 55 {
		w.newCallflow(w.master, `{"name":"many","numbers":["`+strconv.Itoa(1000+i)+`"]}`)
	}
	r := w.send(get, "/v2/accounts/"+w.master+"/search/multi?t=callflow&by_name=many&by_number=10&by_name_and_number=", "").want(http.StatusOK)
	for _, field := range []string{"name", "number", "name_and_number"} {
		if list, _ := r.data(field).([]any); len(list) != 55 {
			t.Errorf("%s: %d found", field, len(list))
		}
	}
}

func searchMistakes(t *testing.T, w *world) {
	acct := "/v2/accounts/" + w.master
	for _, tt := range []struct{ path, at, code string }{
		{"/v2/search?q=name&v=x", "t", "required"},
		{"/v2/search?t=callflow&q=name&v=x", "t", "enum"},
		{"/v2/search?t=account&q=number&v=x", "q", "enum"},
		{"/v2/search?t=account&q=name", "v", "required"},
		{"/v2/search/multi?t=account", "multi", "enum"},
		{"/v2/search/multi?by_name=x", "t", "required"},
		{"/v2/search/multi?t=user&by_name=x", "t", "enum"},
		{acct + "/search?t=callflow&q=realm&v=x", "q", "enum"},
		{acct + "/search/multi?t=callflow&by_realm=x&by_name=y", "q", "enum"},
		{acct + "/search/multi?t=callflow", "multi", "enum"},
		{acct + "/search/multi", "t", "required"},
	} {
		r := w.send(get, tt.path, "").want(http.StatusBadRequest)
		if r.data(tt.at, tt.code, "target") == nil && r.data(tt.at, tt.code) == nil {
			t.Errorf("%s: %v, want %s.%s", tt.path, r.data(), tt.at, tt.code)
		}
	}
	w.send(get, acct+"/search?t=callflow&q=name&v=x&page_size=0", "").want(http.StatusNotFound).says("faulty_request")
	w.send(get, acct+"/search/multi?t=callflow&by_name=x&chunk_size=99", "").want(http.StatusNotFound).says("faulty_request")
}

func TestSearch(t *testing.T) {
	newWorld(t, nil).each(t, []tenantTest{
		{"Pages", searchPages},
		{"Nameless", searchNameless},
		{"SeveralFields", searchSeveralFields},
		{"Mistakes", searchMistakes},
	})
}

// TestSearchAccounts finds accounts below the caller's by name, realm and id,
// and no others, asked at the top or within an account.
func TestSearchAccounts(t *testing.T) {
	w := newWorld(t, nil)
	parent, caller := w.newAccount("Parent Inc.")
	child, below := caller.newAccount("Child & Sons")
	w.newAccount("Children of others")
	below.send(patch, "/v2/accounts/"+child, `{"data":{"realm":"child.example"}}`).want(http.StatusOK)
	for _, tt := range []struct {
		as    *world
		query string
		want  []string
	}{
		{caller, "q=name&v=child", []string{child}},
		{caller, "q=name&v=CHILD-and", []string{}},
		{caller, "q=name&v=", []string{child}},
		{caller, "q=name&v=parent", []string{}},
		{caller, "q=id&v=" + child[:12], []string{child}},
		{caller, "q=realm&v=Child.EX", []string{child}},
		{below, "q=name&v=", []string{}},
		{w, "q=name&v=parent", []string{parent}},
	} {
		for _, path := range []string{"/v2/search", "/v2/accounts/" + child + "/search"} {
			r := tt.as.send(get, path+"?t=account&"+tt.query, "").want(http.StatusOK)
			if got := r.ids(); !slices.Equal(got, tt.want) {
				t.Errorf("%s?%s: %v, want %v", path, tt.query, got, tt.want)
			}
		}
	}
	multi := caller.send(get, "/v2/search/multi?t=account&by_name=child&by_realm=child&by_id="+child[:8], "").want(http.StatusOK)
	for _, field := range []string{"name", "realm", "id"} {
		if multi.data(field, 0, "id") != child || multi.data(field, 0, "name") != "Child & Sons" {
			t.Errorf("%s: %v", field, multi.data(field))
		}
	}
}
