package doctor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/couchviews"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/schema"
)

// readOnly lets through what only reads.
type readOnly struct{ t *testing.T }

func (r readOnly) RoundTrip(req *http.Request) (*http.Response, error) {
	reads := req.Method == http.MethodGet || req.Method == http.MethodHead
	for _, path := range []string{"/_all_docs", "/_bulk_get", "/_changes"} {
		reads = reads || req.Method == http.MethodPost && strings.HasSuffix(req.URL.Path, path)
	}
	if !reads {
		r.t.Errorf("it asks to write: %s %s", req.Method, req.URL)
		return nil, errors.New("a write is refused")
	}
	return http.DefaultTransport.RoundTrip(req)
}

// hospital is a cluster of many accounts.
type hospital struct {
	t       *testing.T
	client  *couch.Client
	designs []document.Doc
}

func accountID(i int) string { return fmt.Sprintf("%032x", i+1) }

func (h *hospital) put(db *couch.DB, docs ...document.Doc) {
	h.t.Helper()
	results, err := db.Bulk(h.t.Context(), docs)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, r := range results {
		if r.Err != nil {
			h.t.Fatal(r.Err)
		}
	}
}

func parsed(t *testing.T, text string) document.Doc {
	t.Helper()
	var doc document.Doc
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(text, err)
	}
	return doc
}

// sound is a callflow that nothing is wrong with.
func sound(id, members string) string {
	return `{"_id":"` + id + `","pvt_type":"callflow","name":"` + id + `","flow":{"module":"play","data":{"id":"hello.mp3"},"children":{}},` + members + `}`
}

// admit makes an account with sound callflows and others.
func (h *hospital) admit(i int, docs ...string) {
	h.t.Helper()
	id := accountID(i)
	if err := h.client.CreateDB(h.t.Context(), couch.AccountDB(id)); err != nil {
		h.t.Fatal(err)
	}
	all := []document.Doc{}
	for _, d := range h.designs {
		all = append(all, d.Clone())
	}
	for _, text := range append([]string{
		`{"_id":"` + id + `","pvt_type":"account","name":"account"}`,
		sound("one", fmt.Sprintf(`"numbers":["2000","+1415%07d"],"patterns":[]`, i)),
		sound("two", `"numbers":["2001"],"patterns":["^\\*7(\\d{4})$"]`),
	}, docs...) {
		all = append(all, parsed(h.t, text))
	}
	h.put(h.client.Account(id), all...)
	h.put(h.client.DB("accounts"), parsed(h.t, `{"_id":"`+id+`","pvt_type":"account","name":"account"}`))
}

// found are the findings of one account, in short.
func found(r Report, id string) []string {
	var out []string
	for _, f := range r.Findings {
		subject := f.Subject
		if subject == "" {
			subject = f.CallflowID
		}
		if f.Account == id {
			out = append(out, f.Kind+" "+subject)
		}
	}
	slices.Sort(out)
	return out
}

// TestDoctorFindsPlantedFaults examines a cluster in which some accounts have
// a fault each: it finds each and nothing else, and changes nothing.
// CALLFLOWD_DOCTOR_ACCOUNTS asks for more accounts.
func TestDoctorFindsPlantedFaults(t *testing.T) {
	total := 60
	if v := os.Getenv("CALLFLOWD_DOCTOR_ACCOUNTS"); v != "" {
		var err error
		if total, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	address := couchtest.URL(t)
	h := &hospital{t: t, client: couchtest.Open(t, address)}
	var err error
	if h.designs, err = couchviews.Designs("account"); err != nil {
		t.Fatal(err)
	}
	if err := h.client.CreateDB(t.Context(), "accounts"); err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{}
	planted := faults()
	for i := range total {
		if i < len(planted) {
			h.admit(i, planted[i].docs...)
			want[accountID(i)] = planted[i].want
			continue
		}
		h.admit(i)
	}
	h.ward(total, want)
	before := h.sequences()
	client, err := couch.Open(couch.Config{URL: address, Transport: readOnly{t}})
	if err != nil {
		t.Fatal(err)
	}
	schemas, err := schema.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	report, err := Run(t.Context(), Config{Couch: client, Schemas: schemas, Progress: func(done, _ int) { told = done }})
	if err != nil {
		t.Fatal(err)
	}
	if report.Accounts != total+1 || told != report.Accounts || report.Severity != Error {
		t.Errorf("%d accounts, %d told of, worst %q", report.Accounts, told, report.Severity)
	}
	for id, kinds := range want {
		if got := found(report, id); !slices.Equal(got, kinds) {
			t.Errorf("account %s: found %q, want %q: %+v", id, got, kinds, report.of(id))
		}
	}
	for _, f := range report.Findings {
		if want[f.Account] == nil {
			t.Errorf("nothing was planted: %+v", f)
		}
	}
	if after := h.sequences(); !maps.Equal(before, after) {
		t.Errorf("something was written: %v, %v", before, after)
	}
	readable(t, report)
}

// ward plants what concerns several accounts, or databases.
func (h *hospital) ward(total int, want map[string][]string) {
	h.t.Helper()
	n := len(faults())
	same := fmt.Sprintf("+1415%07d", n)
	h.put(h.client.Account(accountID(n+1)), parsed(h.t, sound("x", `"numbers":["`+same+`"],"patterns":[]`)))
	want[accountID(n+1)] = []string{"booked_elsewhere " + same}

	viewless := h.client.Account(accountID(n + 2))
	design, err := viewless.Get(h.t.Context(), "_design/callflows")
	if err != nil {
		h.t.Fatal(err)
	}
	delete(design.Object("views"), "listing_by_number")
	h.put(viewless, design)
	want[accountID(n+2)] = []string{"missing_view callflows/listing_by_number"}

	forked := h.client.Account(accountID(n + 3))
	doc, err := forked.Get(h.t.Context(), "one")
	if err != nil {
		h.t.Fatal(err)
	}
	doc.SetRev("1-ffffffffffffffffffffffffffffffff")
	if err := forked.BulkRevisions(h.t.Context(), []document.Doc{doc}); err != nil {
		h.t.Fatal(err)
	}
	want[accountID(n+3)] = []string{"conflict one"}

	closed := h.client.DB("accounts")
	copied, err := closed.Get(h.t.Context(), accountID(n+4))
	if err != nil {
		h.t.Fatal(err)
	}
	copied["pvt_deleted"] = true
	h.put(closed, copied)
	want[accountID(n+4)] = []string{"orphaned_database " + couch.AccountDB(accountID(n+4))}

	orphan := accountID(total)
	if err := h.client.CreateDB(h.t.Context(), couch.AccountDB(orphan)); err != nil {
		h.t.Fatal(err)
	}
	want[""] = nil
	lost := accountID(total + 1)
	h.put(h.client.DB("accounts"), parsed(h.t, `{"_id":"`+lost+`","pvt_type":"account","name":"lost"}`))
	want[lost] = []string{"missing_database " + couch.AccountDB(lost)}
	delete(want, "")
	want[orphan] = []string{"orphaned_database " + couch.AccountDB(orphan)}
}

// sequences are where the changes of all databases stand.
func (h *hospital) sequences() map[string]string {
	h.t.Helper()
	dbs, err := h.client.AllDBs(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	out := map[string]string{}
	for _, db := range dbs {
		if out[db], err = h.client.DB(db).UpdateSeq(h.t.Context()); err != nil {
			h.t.Fatal(err)
		}
		out[db], _, _ = strings.Cut(out[db], "-") // the rest of a cluster's sequence is not the same twice
	}
	return out
}

// readable holds the forms of a report.
func readable(t *testing.T, r Report) {
	t.Helper()
	for name, write := range map[string]func(io.Writer) error{"text": r.Text, "html": r.HTML} {
		var out bytes.Buffer
		if err := write(&out); err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{r.summary(), accountID(0), "double_booked"} {
			if !strings.Contains(out.String(), part) {
				t.Errorf("%s: no %q in\n%.2000s", name, part, &out)
			}
		}
	}
}

func TestHTMLEscapes(t *testing.T) {
	var out bytes.Buffer
	err := Report{Findings: []Finding{{Severity: Error, Message: "<script>alert(1)</script>"}}}.HTML(&out)
	if err != nil || strings.Contains(out.String(), "<script>") {
		t.Errorf("%v\n%s", err, &out)
	}
	out.Reset()
	if err := (Report{Findings: []Finding{{Severity: Error, Subject: "\x1b[31m"}}}).Text(&out); err != nil || strings.Contains(out.String(), "\x1b") {
		t.Errorf("%v %q", err, &out)
	}
}

// of are the findings of one account.
func (r Report) of(id string) []Finding {
	return slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool { return f.Account != id })
}

// TestDoctorKnowsACouchDB: a server that is none, and answers everything with an
// empty list, is not reported as a cluster without faults.
func TestDoctorKnowsACouchDB(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "[]")
	}))
	defer web.Close()
	client, err := couch.Open(couch.Config{URL: web.URL})
	if err != nil {
		t.Fatal(err)
	}
	report, err := Run(t.Context(), Config{Couch: client})
	if err == nil || !strings.Contains(err.Error(), "not a CouchDB") {
		t.Errorf("%+v, %v", report, err)
	}
}
