package api

import (
	"cmp"
	"crypto/md5" //nolint:gosec // what clients send
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/api/openapi"
	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/replication/sites"
	"github.com/callflowd/callflowd/pkg/resource"
)

// example is a request that an operation answers as described.
type example struct {
	query, body string
	replace     map[string]string // of path variables that are not the usual ones
	token       string            // that is used up
	kind        string            // of the body, if not JSON
}

func (e example) headers() []string {
	if e.kind == "" {
		return nil
	}
	return []string{"Content-Type", e.kind}
}

// TestOpenAPIEveryOperation asks for every operation of the document once so
// that it succeeds, and once so that it does not. That both answers fit the
// document is checked by [world.send].
func TestOpenAPIEveryOperation(t *testing.T) {
	w := newWorld(t, nil)
	usual, examples := w.stage()
	for _, op := range w.server.routes() {
		one, ok := examples[op.Method+" "+op.Path]
		if !ok && op.Method != get {
			t.Errorf("%s has no example", openapi.ID(op))
			continue
		}
		path := op.Path
		for _, vars := range []map[string]string{one.replace, usual} {
			for name, value := range vars {
				path = strings.ReplaceAll(path, "{"+name+"}", value)
			}
		}
		if !strings.HasSuffix(path, "z") && path != "/metrics" {
			path = "/v2" + path
		}
		t.Run(openapi.ID(op), func(t *testing.T) {
			w := w.in(t)
			good := w.as(cmp.Or(one.token, w.token)).send(op.Method, path+one.query, one.body, one.headers()...)
			want := http.StatusOK
			switch {
			case op.Created:
				want = http.StatusCreated
			case strings.HasPrefix(op.Path, "/whitelabel"):
				want = http.StatusNotFound
			case strings.HasSuffix(op.Path, "/phone_numbers/prefix"), strings.HasSuffix(op.Path, "/phone_numbers/locality"):
				want = http.StatusNotImplemented
			}
			good.want(want)
			if got := describe(t).operationOf(good.request); got != openapi.ID(op) {
				t.Errorf("described as %q", got)
			}
			goldenAnswer(t, op, good)
			if strings.HasPrefix(path, "/v2") && op.Path != "/openapi.json" && op.Traits&web.Streams == 0 {
				w.as("").send(op.Method, path, `{`).want(http.StatusBadRequest)
			}
		})
	}
}

// stage puts in place what the examples need, in an account of its own.
func (w *world) stage() (usual map[string]string, examples map[string]example) {
	w.t.Helper()
	account, _ := w.newAccount("stage")
	gone, _ := w.newAccount("gone")
	moved, _ := w.newAccount("moved")
	keyed, _ := w.newAccount("keyed")
	base := "/v2/accounts/" + account
	first, _ := w.send(put, base+"/callflows", `{"data":{"id":"x","numbers":["100"]}}`).want(http.StatusCreated).env["revision"].(string)
	second, _ := w.send(patch, base+"/callflows/x", `{"data":{"name":"n"}}`).want(http.StatusOK).env["revision"].(string)
	w.newCallflow(account, `{"id":"bye","numbers":["101"]}`)
	w.newCallflow(account, `{"id":"torn","numbers":["102"]}`)
	w.tear(account, "torn")
	for _, kind := range resource.Kinds() {
		for _, id := range []string{kind.Name, kind.Name + "-bye"} {
			body := `{"data":{"id":"` + id + `",` + everyField + `}}`
			w.send(put, base+"/"+kind.Name, body).want(http.StatusCreated)
		}
	}
	w.send(put, base+"/users", `{"data":{"first_name":"A","last_name":"B","username":"ann","password":"secret12"}}`).want(http.StatusCreated)
	w.send(post, base+"/media/media/raw", "ID3", "Content-Type", "audio/mp3").want(http.StatusOK)
	for _, n := range numberStages() {
		w.send(put, base+"/phone_numbers/"+strings.Replace(n, "+", "%2B", 1), `{"data":{"create_with_state":"in_service"}}`).want(http.StatusCreated)
	}
	usual = map[string]string{
		"account_id": account, "callflow_id": "x", "number": "100", "schema_id": "callflows", "revision": first, "token": w.token,
		"domain": "pbx.example", "part": "logo", "document_id": "users", "replication_id": "one",
	}
	for _, id := range []string{"one", "bye"} {
		copied := sites.Definition{ID: id, Remote: "http://127.0.0.1:1", Direction: sites.Push, Accounts: sites.Selection{IDs: []string{account}}}
		if err := w.server.cfg.Sites.Create(w.t.Context(), copied); err != nil {
			w.t.Fatal(err)
		}
	}
	examples = w.examples(first, second)
	examples["PUT /replications"] = example{body: `{"data":{"remote":"http://127.0.0.1:1","direction":"push","accounts":"all"}}`}
	examples["DELETE /replications/{replication_id}"] = example{replace: map[string]string{"replication_id": "bye"}}
	examples["DELETE "+acct] = example{replace: map[string]string{"account_id": gone}}
	examples["POST "+acct+"/move"] = example{body: `{"data":{"to":"` + account + `"}}`, replace: map[string]string{"account_id": moved}}
	examples["PUT "+acct+"/api_key"] = example{body: `{"data":{}}`, replace: map[string]string{"account_id": keyed}}
	return usual, examples
}

// everyField is what the kinds require, together.
const everyField = `"name":"N","first_name":"A","last_name":"B","start_time":1,"cycle":"daily","mailbox":"100"`

// tornRev is the revision that another site gives a callflow.
var tornRev = "1-" + strings.Repeat("0", 32)

// tear gives a callflow a conflicting revision.
func (w *world) tear(account, id string) {
	w.t.Helper()
	db := w.couch.Account(account)
	stored, err := db.Get(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	theirs := stored.Clone()
	theirs["_rev"] = tornRev
	if err := db.BulkRevisions(w.t.Context(), []document.Doc{theirs}); err != nil {
		w.t.Fatal(err)
	}
}

// examples are the operations that need more than their path.
func (w *world) examples(first, second string) map[string]example {
	sum := md5.Sum([]byte("ann:secret12")) //nolint:gosec // what clients send
	const cf = acct + "/callflows/{callflow_id}"
	flow := `"flow":{"module":"response","data":{}}`
	out := map[string]example{
		"POST " + acct + "/routes":                        {body: `{"data":{"numbers":["100","7"]}}`},
		"POST /accounts/{account_id}/import":              {body: `{"callflowd_export":1}` + "\n" + `{"id":"imported","type":"callflow","data":{"numbers":["7002"],` + flow + `}}`, kind: web.JSONLines},
		"POST " + callflows + "/batch":                    {body: `{"data":[{"op":"create","id":"batched","data":{"numbers":["7001"]}}]}`},
		"POST " + acct + "/routes/impact":                 {body: `{"data":{"draft":[{"id":"x","numbers":["100"]}]}}`},
		"PUT " + acct + "/callflows":                      {body: `{"data":{"numbers":["200"],` + flow + `}}`},
		"POST " + acct + "/callflows/validate":            {body: `{"data":{"numbers":["201"],` + flow + `}}`},
		"POST " + cf:                                      {body: `{"data":{"numbers":["100"],` + flow + `}}`},
		"PATCH " + cf:                                     {body: `{"data":{"name":"m"}}`},
		"DELETE " + cf:                                    {query: "?should_soft_delete=true", replace: map[string]string{"callflow_id": "bye"}},
		"GET " + cf + "/diff":                             {query: "?from=" + first + "&to=" + second},
		"POST " + cf + "/restore":                         {body: `{"data":{"revision":"` + first + `"}}`},
		"GET " + acct + "/search":                         {query: "?t=callflow&q=number&v=1"},
		"GET " + acct + "/search/multi":                   {query: "?t=callflow&by_name=n"},
		"GET /search":                                     {query: "?t=account&q=name&v="},
		"GET /search/multi":                               {query: "?t=account&by_realm=x"},
		"POST " + acct + "/conflicts/{document_id}":       {body: `{"data":{"keep":"` + tornRev + `"}}`, replace: map[string]string{"document_id": "torn"}},
		"PUT /user_auth":                                  {body: `{"data":{"credentials":"` + hex.EncodeToString(sum[:]) + `","account_name":"stage"}}`},
		"PUT /api_auth":                                   {body: `{"data":{"api_key":"` + masterKey + `"}}`},
		"DELETE /token_auth":                              {token: w.login(masterKey)},
		"GET /auth/tokeninfo":                             {query: "?token=" + w.token},
		"POST /auth/tokeninfo":                            {body: `{"data":{"token":"` + w.token + `"}}`},
		"PUT /accounts":                                   {body: `{"data":{"name":"another"}}`},
		"PUT " + acct:                                     {body: `{"data":{"name":"below"}}`},
		"POST " + acct:                                    {body: `{"data":{"name":"stage"}}`},
		"PATCH " + acct:                                   {body: `{"data":{"language":"de"}}`},
		"PUT " + acct + "/reseller":                       {},
		"DELETE " + acct + "/reseller":                    {},
		"PUT /schemas/{schema_id}/validation":             {body: `{"data":{"numbers":["1"]}}`},
		"PUT " + acct + "/schemas/{schema_id}/validation": {body: `{"data":{"numbers":["1"]}}`},
	}
	addSoundExamples(out)
	addNumberExamples(out, acct+"/phone_numbers")
	addMetaflowExamples(out, acct, "")
	for _, kind := range resource.Kinds() {
		all, one := acct+"/"+kind.Name, acct+"/"+kind.Name+"/{document_id}"
		here := map[string]string{"document_id": kind.Name}
		out["PUT "+all] = example{body: `{"data":{` + everyField + `}}`}
		out["GET "+one] = example{replace: here}
		out["GET "+one+"/references"] = example{replace: here}
		out["POST "+one] = example{body: `{"data":{` + everyField + `}}`, replace: here}
		out["PATCH "+one] = example{body: `{"data":{"name":"M"}}`, replace: here}
		out["DELETE "+one] = example{replace: map[string]string{"document_id": kind.Name + "-bye"}}
		addMetaflowExamples(out, one, kind.Name)
	}
	return out
}

// numberStages are the numbers that the stage owns, by what becomes of them.
func numberStages() []string {
	return []string{"+14150000001", "+14150000002", "+14150000003", "+14150000004"}
}

func addNumberExamples(out map[string]example, all string) {
	one := all + "/{number}"
	at := func(n string) map[string]string {
		return map[string]string{"number": strings.Replace(n, "+", "%2B", 1)}
	}
	owned := numberStages()
	list := func(n, more string) string { return `{"data":{"numbers":["` + n + `"]` + more + `}}` }
	out["POST "+all+"/fix"] = example{}
	for _, at := range []string{all, "/phone_numbers"} {
		out["POST "+at+"/check"] = example{body: list(owned[0], "")}
		out["POST "+at+"/locality"] = example{body: list(owned[0], "")}
	}
	out["GET /phone_numbers"] = example{query: "?prefix=415"}
	out["PUT "+one+"/port"] = example{body: `{"data":{}}`, replace: at("+14150000007")}
	out["PUT "+all+"/collection"] = example{body: list("+14150000008", "")}
	out["POST "+all+"/collection"] = example{body: list(owned[0], `,"own":1`)}
	out["PATCH "+all+"/collection"] = example{body: list(owned[0], `,"own":2`)}
	out["PUT "+all+"/collection/activate"] = example{body: list(owned[1], "")}
	out["PUT "+all+"/collection/reserve"] = example{body: list(owned[1], "")}
	out["DELETE "+all+"/collection"] = example{body: list(owned[2], "")}
	out["GET "+one] = example{replace: at(owned[0])}
	out["GET "+one+"/identify"] = example{replace: at(owned[0])}
	out["PUT "+one] = example{body: `{"data":{"create_with_state":"in_service"}}`, replace: at("+14150000009")}
	out["POST "+one] = example{body: `{"data":{"own":1}}`, replace: at(owned[0])}
	out["PATCH "+one] = example{body: `{"data":{"own":2}}`, replace: at(owned[0])}
	out["PUT "+one+"/activate"] = example{replace: at(owned[1])}
	out["PUT "+one+"/reserve"] = example{replace: at(owned[1])}
	out["DELETE "+one] = example{replace: at(owned[3])}
}

func addMetaflowExamples(out map[string]example, under, document string) {
	here := map[string]string{"document_id": cmp.Or(document, "none")}
	out["GET "+under+"/metaflows"] = example{replace: here}
	out["POST "+under+"/metaflows"] = example{body: `{"data":{"binding_digit":"*"}}`, replace: here}
	out["PATCH "+under+"/metaflows"] = example{body: `{"data":{"digit_timeout":800}}`, replace: here}
	out["DELETE "+under+"/metaflows"] = example{replace: here}
}
