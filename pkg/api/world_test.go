package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/callflow"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/phone"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/replication/sites"
	"github.com/callflowd/callflowd/pkg/resource"
	"github.com/callflowd/callflowd/pkg/route"
	"github.com/callflowd/callflowd/pkg/schema"
)

// masterKey is the API key of the master account in tests.
const masterKey = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// noon is when all tests take place.
func noon() time.Time { return time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC) }

// world is a whole API on a fresh server, with a master account.
type world struct {
	t       testing.TB
	handler http.Handler
	server  *Server
	couch   *couch.Client
	auth    *auth.Service
	master  string // account id
	token   string // of the master account; sent unless a request says otherwise

	undescribed bool // responses are not held against the OpenAPI document, which takes a while
}

// newWorld starts one; configure, if not nil, changes its Config.
func newWorld(t testing.TB, configure func(*Config)) *world {
	t.Helper()
	return worldOn(t, couchtest.New(t), configure)
}

func worldOn(t testing.TB, client *couch.Client, configure func(*Config)) *world {
	t.Helper()
	registry, err := schema.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	live := schema.NewLive(registry)
	accounts := &account.Service{Couch: client, Validate: live.Validate, Now: noon}
	head, err := accounts.EnsureMaster(t.Context(), masterKey)
	if err != nil {
		t.Fatal(err)
	}
	indexes := route.NewIndexes(route.Config{Couch: client, Patience: time.Minute})
	t.Cleanup(indexes.Close)
	cfg := Config{
		Accounts: accounts, Couch: client, Schemas: live, Log: zap.NewNop(), Now: noon, Node: "node-1", Version: "1.0",
		Auth:      newAuth(t, client, accounts),
		Callflows: &callflow.Service{Couch: client, Schemas: live, Accounts: accounts, Index: indexes, Now: noon, Words: Words()},
		Resources: &resource.Service{Couch: client, Schemas: live, Now: noon, Words: Words(), Hash: auth.UserCredentials},
		Phones:    &phone.Service{Couch: client, Accounts: accounts, Validate: live.Validate, Now: noon},
		Routes:    indexes,
		Sites:     sites.New(sites.Config{Couch: client, Local: func(db string) any { return db }}),
	}
	accounts.Deleting = cfg.Phones.Free
	if configure != nil {
		configure(&cfg)
	}
	s := New(cfg)
	w := &world{t: t, handler: s.Handler(), server: s, couch: client, auth: cfg.Auth, master: head.ID}
	w.token = w.login(masterKey)
	return w
}

// login exchanges an API key for a token.
func (w *world) login(key string) string {
	w.t.Helper()
	r := w.as("").send(put, "/v2/api_auth", `{"data":{"api_key":"`+key+`"}}`).want(http.StatusCreated)
	token, _ := r.env["auth_token"].(string)
	if token == "" {
		w.t.Fatalf("no token in %s", r.body)
	}
	return token
}

// as returns the same world for a caller with another token; "" is nobody.
func (w *world) as(token string) *world {
	other := *w
	other.token = token
	return &other
}

// in returns the same world for a subtest.
func (w *world) in(t *testing.T) *world {
	other := *w
	other.t = t
	return &other
}

// tenantTest is a test that an account of its own is enough for: w.master is
// that account, and w.token its token.
type tenantTest struct {
	name string
	run  func(*testing.T, *world)
}

// each runs tests on one server. Making a server takes longer than most tests.
func (w *world) each(t *testing.T, tests []tenantTest) {
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id, tenant := w.in(t).newAccount("tenant " + tt.name)
			tenant.master = id
			tt.run(t, tenant)
		})
	}
}

// newAccount makes an account below the caller's and returns its id and a
// caller of its own.
func (w *world) newAccount(name string) (string, *world) {
	w.t.Helper()
	r := w.send(put, "/v2/accounts?include_api_key=true", `{"data":{"name":"`+name+`"}}`).want(http.StatusCreated)
	id, _ := r.data("id").(string)
	key, _ := w.send(get, "/v2/accounts/"+id+"/api_key", "").want(http.StatusOK).data("api_key").(string)
	return id, w.as(w.login(key))
}

// response is what came back.
type response struct {
	t       testing.TB
	request *http.Request
	status  int
	header  http.Header
	body    string
	env     map[string]any // the envelope; nil for an empty body
}

// send makes a request; headers come in pairs of name and value.
func (w *world) send(method, path, body string, headers ...string) response {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, path, strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:40000"
	r.Host = "pbx.example"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if w.token != "" {
		r.Header.Set("X-Auth-Token", w.token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return w.do(r, body)
}

// do serves a request and checks what every response has.
func (w *world) do(r *http.Request, body string) response {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	got := response{t: w.t, request: r, status: rec.Code, header: rec.Header(), body: rec.Body.String()}
	got.wellFormed(r)
	if !w.undescribed {
		describe(w.t).check(r, body, got)
	}
	return got
}

// wellFormed checks the facts that hold for all responses (contract 1.7,
// 10.1, 10.9, 10.16).
func (r *response) wellFormed(request *http.Request) {
	r.t.Helper()
	id := r.header.Get("X-Request-Id")
	page := r.header.Get("X-Frame-Options") != ""
	if id == "" || (r.header.Get("Access-Control-Allow-Origin") != "*") != page {
		r.t.Errorf("%s %s: headers %v", request.Method, request.URL, r.header)
	}
	if r.body == "" || r.header.Get("Content-Type") != "application/json" || r.header.Get("Content-Encoding") != "" {
		return
	}
	dec := json.NewDecoder(strings.NewReader(r.body))
	dec.UseNumber()
	if err := dec.Decode(&r.env); err != nil {
		r.t.Fatalf("%s %s: %v in %q", request.Method, request.URL, err, r.body)
	}
	if strings.HasSuffix(request.URL.Path, "/openapi.json") && r.status == http.StatusOK {
		return
	}
	if r.env["request_id"] != id || r.env["tokens"] == nil || r.env["timestamp"] == nil || r.env["node"] == nil {
		r.t.Errorf("%s %s: envelope %s", request.Method, request.URL, r.body)
	}
	if r.status < 400 {
		if r.env["status"] != "success" || r.env["data"] == nil {
			r.t.Errorf("%s %s: a good answer says %s", request.Method, request.URL, r.body)
		}
		return
	}
	_, object := r.env["data"].(map[string]any)
	code, isText := r.env["error"].(string)
	if r.env["status"] != "error" || !object || !isText || len(code) != 3 || r.env["message"] == "" {
		r.t.Errorf("%s %s: an error says %s", request.Method, request.URL, r.body)
	}
}

// want fails the test at once on another status.
func (r response) want(status int) response {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("status %d, want %d: %s", r.status, status, r.body)
	}
	return r
}

// says checks the envelope's message.
func (r response) says(message string) response {
	r.t.Helper()
	if r.env["message"] != message {
		r.t.Errorf("message %v, want %q: %s", r.env["message"], message, r.body)
	}
	return r
}

// data follows keys and indices into the envelope's data; nil where they lead
// nowhere.
func (r response) data(path ...any) any {
	v := r.env["data"]
	for _, step := range path {
		switch at := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[at]
		case int:
			list, _ := v.([]any)
			if at >= len(list) {
				return nil
			}
			v = list[at]
		}
	}
	return v
}

// items is the envelope's data as a list.
func (r response) items() []any {
	r.t.Helper()
	list, ok := r.env["data"].([]any)
	if !ok {
		r.t.Fatalf("data is no list: %s", r.body)
	}
	return list
}

// ids are the ids of a list's items.
func (r response) ids() []string {
	r.t.Helper()
	out := []string{}
	for _, item := range r.items() {
		m, _ := item.(map[string]any)
		id, _ := m["id"].(string)
		out = append(out, id)
	}
	return out
}

// newCallflow creates a callflow of the account and returns its id.
func (w *world) newCallflow(accountID, data string) string {
	w.t.Helper()
	id, _ := w.send(put, "/v2/accounts/"+accountID+"/callflows", `{"data":`+data+`}`).want(http.StatusCreated).data("id").(string)
	return id
}

// signingKeys are the documents of the first world's keys. Later worlds get
// them too: making an RSA key takes longer than most tests.
var signingKeys struct {
	sync.Mutex
	docs []document.Doc
}

// newAuth starts the service that logins go to.
func newAuth(t testing.TB, client *couch.Client, accounts *account.Service) *auth.Service {
	t.Helper()
	signingKeys.Lock()
	defer signingKeys.Unlock()
	db := client.DB("system_auth")
	for _, doc := range signingKeys.docs {
		if err := db.Put(t.Context(), doc.Clone()); err != nil && !problem.Is(err, problem.Conflict) {
			t.Fatal(err)
		}
	}
	service := &auth.Service{Couch: client, Accounts: accounts, Now: noon, FailedLoginRound: time.Nanosecond}
	if err := service.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if signingKeys.docs == nil {
		for row, err := range db.AllDocs(t.Context(), couch.Query{IncludeDocs: true}) {
			if err != nil {
				t.Fatal(err)
			}
			doc, err := row.Document()
			if err != nil {
				t.Fatal(err)
			}
			delete(doc, "_rev")
			const file = "private_key.pem"
			key, err := db.Attachment(t.Context(), doc.ID(), file)
			if err != nil {
				t.Fatal(err)
			}
			doc["_attachments"] = map[string]any{file: map[string]any{"content_type": "application/x-pem-file", "data": key}} // in base64
			signingKeys.docs = append(signingKeys.docs, doc)
		}
	}
	return service
}
