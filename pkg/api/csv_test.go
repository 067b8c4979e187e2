package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// tables asks for the lists and documents of an account as tables.
func tables(t *testing.T, w *world) {
	base := "/v2/accounts/" + w.master + "/callflows"
	w.newCallflow(w.master, `{"id":"a","name":"say \"hi\", please","numbers":["2600","+14155550100"],`+
		`"flow":{"module":"response","data":{"code":486}}}`)
	w.newCallflow(w.master, `{"id":"b","patterns":["^\\*5$"],"featurecode":{"name":"park","number":"5"}}`)
	const (
		head = `"id","name","numbers","patterns","featurecode","modules","flags","featurecode_name","featurecode_number"` + "\n"
		a    = `"a","say ""hi"", please","2600,+14155550100",,"false","response",,,` + "\n"
		b    = `"b",,,"^\*5$",,,,"park","5"` + "\n"
	)
	for _, tt := range []struct{ query, accept, want string }{
		{"?ascending=true", "text/csv", head + a + b},
		{"?ascending=true&paginate=false", "text/comma-separated-values", head + a + b},
		{"?ascending=true&accept=csv", "application/json", head + a + b},
		{"?ascending=true&is_chunked=true", "text/csv", head + a + b},
		{"?filter_name=none", "text/csv", ""},
		{"/a?accept=csv", "", `"flow_data_code","flow_module","id","name","numbers","patterns"` + "\n" +
			`"486","response","a","say ""hi"", please","2600,+14155550100",` + "\n"},
		{"/a/references?accept=csv", "", ""},
	} {
		r := w.send(get, base+tt.query, "", "Accept", tt.accept).want(http.StatusOK)
		if got := r.header.Get("Content-Type"); got != "text/csv" || r.body != tt.want {
			t.Errorf("%s: %s\n got %s\nwant %s", tt.query, got, r.body, tt.want)
		}
	}
	w.send(get, base+"/nosuch", "", "Accept", "text/csv").want(http.StatusNotFound).says("bad_identifier")
	if r := w.send(http.MethodHead, base, "", "Accept", "text/csv").want(http.StatusOK); r.body != "" || r.header.Get("Content-Type") != "text/csv" {
		t.Errorf("HEAD: %v", r.header)
	}
	if r := w.send(patch, base+"/a", `{"data":{"name":"x"}}`, "Accept", "text/csv").want(http.StatusOK); r.data("name") != "x" {
		t.Errorf("a write is answered with %s", r.body)
	}
}

func tableNames(t *testing.T, w *world) {
	path := "/v2/accounts/" + w.master + "/callflows?accept=csv"
	for _, tt := range []struct{ header, query, want string }{
		{"", "", "result.csv"},
		{"mine.csv", "&file_name=other.csv", "mine.csv"},
		{"", "&file_name=../../etc/x.csv", "x.csv"},
		{"", "&file_name=a%22%0d%0ab%5c.csv", "ab.csv"},
		{"", "&file_name=..", "result.csv"},
		{"", "&file_name=%C3%A9", "result.csv"},
	} {
		r := w.send(get, path+tt.query, "", "X-File-Name", tt.header).want(http.StatusOK)
		if got := r.header.Get("Content-Disposition"); got != `attachment; filename="`+tt.want+`"` {
			t.Errorf("%q %q: %s", tt.header, tt.query, got)
		}
	}
}

// chunks are lists whose end is sent apart (contract 3).
func chunks(t *testing.T, w *world) {
	base := "/v2/accounts/" + w.master + "/callflows"
	for _, id := range []string{"a", "b", "c"} {
		w.newCallflow(w.master, `{"id":"`+id+`","numbers":["`+id+`"]}`)
	}
	for query, size := range map[string]any{
		"is_chunked=true&page_size=2": "2", "is_chunked=true": "3", "is_chunked=true&filter_numbers=z": "0",
		"is_chunked=true&paginate=false": nil, "is_chunked=yes&page_size=2": json.Number("2"),
	} {
		r := w.send(get, base+"?"+query, "").want(http.StatusOK)
		if r.env["page_size"] != size || r.env["status"] != "success" {
			t.Errorf("%s: %s", query, r.body)
		}
	}
	r := w.send(get, base+"?is_chunked=true&page_size=2&ascending=true", "").want(http.StatusOK)
	if got := strings.Join(r.ids(), ""); got != "ab" || r.env["next_start_key"] == nil || r.header.Get("Content-Length") != "" {
		t.Errorf("%s %v", r.body, r.header)
	}
	w.send(get, base+"/a?is_chunked=true", "").want(http.StatusOK)
}

func TestTables(t *testing.T) {
	newWorld(t, nil).each(t, []tenantTest{{"Tables", tables}, {"Names", tableNames}, {"Chunks", chunks}})
}

// TestCells holds how the values of a document become cells.
// TestRowsReadBack holds the writer against the standard library's reader.
// TestTableFailures: what fails before the first row has a status of its own.
