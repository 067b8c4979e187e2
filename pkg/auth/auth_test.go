package auth_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// world is a server with a master account and others; see newWorld and
// newTree.
type world struct {
	*auth.Service
	accounts                          *account.Service
	master, reseller, customer, other string
}

// newWorld has a customer right below the master account.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := process(t, couchtest.New(t))
	w.customer = w.create(t, w.master, "Customer")
	return w
}

// newTree has a reseller below the master account, a customer below that and
// another one beside the reseller.
func newTree(t *testing.T) *world {
	t.Helper()
	w := process(t, couchtest.New(t))
	w.reseller = w.create(t, w.master, "Reseller")
	w.customer = w.create(t, w.reseller, "Customer")
	w.other = w.create(t, w.master, "Other")
	return w
}

// process is one more callflowd on the server of client.
func process(t *testing.T, client *couch.Client) *world {
	t.Helper()
	accounts := &account.Service{Couch: client}
	master, err := accounts.EnsureMaster(t.Context(), "")
	check(t, err)
	s := &auth.Service{Couch: client, Accounts: accounts, FailedLoginRound: time.Millisecond, AcceptOpaque: true}
	check(t, s.Start(t.Context()))
	return &world{Service: s, accounts: accounts, master: master.ID}
}

func (w *world) create(t *testing.T, parent, name string) string {
	t.Helper()
	data := document.Doc{"name": name, "realm": name + ".example"}
	doc, err := w.accounts.Create(t.Context(), parent, data, account.Actor{})
	check(t, err)
	return doc.ID()
}

// login returns a token bought with an account's API key.
func (w *world) login(t *testing.T, id string) string {
	t.Helper()
	key, err := w.accounts.APIKey(t.Context(), id)
	check(t, err)
	session, err := w.APIAuth(t.Context(), document.Doc{"api_key": key})
	check(t, err)
	return session.Token
}

func (w *world) addUser(t *testing.T, accountID, name, password string) document.Doc {
	t.Helper()
	md5Hash, sha1Hash := auth.UserCredentials(name, password)
	user := document.Doc{
		"_id": "user-" + name, "pvt_type": "user", "username": name, "pvt_account_id": accountID,
		"pvt_md5_auth": md5Hash, "pvt_sha1_auth": sha1Hash,
		"pvt_signature_secret": strings.Repeat("5", 32),
	}
	check(t, w.Couch.Account(accountID).Put(t.Context(), user))
	return user
}

func (w *world) authenticate(token string) (auth.Identity, error) {
	return w.Authenticate(context.Background(), auth.Credentials{Scheme: "token", Value: token})
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, err error, want problem.Code) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s", want)
	}
	if got := problem.AsError(err).Code; got != want {
		t.Fatalf("code %q, want %q (%v)", got, want, err)
	}
}

func TestAPIAuth(t *testing.T) {
	w := newWorld(t)
	key, err := w.accounts.APIKey(t.Context(), w.customer)
	check(t, err)
	session, err := w.APIAuth(t.Context(), document.Doc{"api_key": key})
	check(t, err)
	for name, want := range map[string]any{
		"account_id": w.customer, "account_name": "Customer", "is_reseller": false, "reseller_id": w.master,
		"language": "en-us", "is_master_account": false,
	} {
		if session.Data[name] != want {
			t.Errorf("%s is %v, want %v", name, session.Data[name], want)
		}
	}
	identity, err := w.authenticate(session.Token)
	check(t, err)
	if identity.AccountID != w.customer || identity.UserID != "" || identity.Method != "cb_api_auth" || identity.Superduper {
		t.Errorf("identity %+v", identity)
	}
	info, err := w.Info(t.Context(), session.Token)
	check(t, err)
	if info["account_id"] != w.customer || info["method"] != "cb_api_auth" || info["owner_id"] != nil {
		t.Errorf("info %v", info)
	}
	tests := []struct {
		name string
		data string
		want problem.Code
	}{
		{"unknown", `{"api_key":"` + key[:63] + `x"}`, problem.MalformedIdentifier},
		{"short", `{"api_key":"abc"}`, problem.Invalid},
		{"none", `{}`, problem.Invalid},
		{"of another type", `{"api_key":7}`, problem.Invalid},
		{"more fields", `{"api_key":"` + key + `","x":1}`, problem.Invalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := w.APIAuth(t.Context(), couchtest.JSON[document.Doc](t, tt.data))
			wantCode(t, err, tt.want)
		})
	}
}

func TestUserAuth(t *testing.T) {
	w := newTree(t)
	user := w.addUser(t, w.customer, "Ann", "s3cret")
	md5Hash, sha1Hash := user.String("pvt_md5_auth"), user.String("pvt_sha1_auth")
	check(t, w.Couch.CreateDB(t.Context(), "numbers/+1415"))
	check(t, w.Couch.DB("numbers/+1415").Put(t.Context(), document.Doc{"_id": "+14158867900", "pvt_assigned_to": w.customer}))
	tests := []struct {
		name string
		data document.Doc
		want problem.Code // "" for success
	}{
		{"by name", document.Doc{"credentials": md5Hash, "account_name": "CUSTOMER!"}, ""},
		{"by realm", document.Doc{"credentials": md5Hash, "account_realm": "Customer.Example"}, ""},
		{"by realm, in short", document.Doc{"credentials": md5Hash, "realm": "customer.example", "method": "md5"}, ""},
		{"by number", document.Doc{"credentials": md5Hash, "phone_number": "4158867900"}, ""},
		{"by sha", document.Doc{"credentials": sha1Hash, "method": "sha", "account_name": "customer"}, ""},
		{"upper-case hash", document.Doc{"credentials": "X" + md5Hash[1:], "account_name": "customer"}, problem.InvalidCredentials},
		{"sha as md5", document.Doc{"credentials": sha1Hash, "account_name": "customer"}, problem.InvalidCredentials},
		{"another account", document.Doc{"credentials": md5Hash, "account_name": "reseller"}, problem.InvalidCredentials},
		{"no such account", document.Doc{"credentials": md5Hash, "account_name": "nobody"}, problem.InvalidCredentials},
		{"no such number", document.Doc{"credentials": md5Hash, "phone_number": "+14158867901"}, problem.InvalidCredentials},
		{"no account", document.Doc{"credentials": md5Hash}, problem.Invalid},
		{"no credentials", document.Doc{"account_name": "customer"}, problem.Invalid},
		{"long credentials", document.Doc{"credentials": md5Hash + md5Hash + "x", "account_name": "customer"}, problem.Invalid},
		{"method", document.Doc{"credentials": md5Hash, "account_name": "customer", "method": "plain"}, problem.Invalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			session, err := w.UserAuth(t.Context(), tt.data)
			if tt.want != "" {
				wantCode(t, err, tt.want)
				return
			}
			check(t, err)
			identity, err := w.authenticate(session.Token)
			check(t, err)
			if identity.AccountID != w.customer || identity.UserID != "user-Ann" || session.Data["owner_id"] != "user-Ann" {
				t.Errorf("identity %+v, data %v", identity, session.Data)
			}
		})
	}
}

func TestDisabledUser(t *testing.T) {
	w := newWorld(t)
	user := w.addUser(t, w.customer, "ann", "pw")
	data := document.Doc{"credentials": user.String("pvt_md5_auth"), "account_name": "customer"}
	_, err := w.UserAuth(t.Context(), data)
	check(t, err)
	user["enabled"] = false
	check(t, w.Couch.Account(w.customer).Put(t.Context(), user))
	_, err = w.UserAuth(t.Context(), data)
	wantCode(t, err, problem.InvalidCredentials)
}

func TestBasic(t *testing.T) {
	w := newTree(t)
	user := w.addUser(t, w.customer, "ann", "pw")
	tests := []struct {
		name, text string
		want       problem.Code
	}{
		{"md5", w.customer + ":" + user.String("pvt_md5_auth"), ""},
		{"sha", w.customer + ":" + user.String("pvt_sha1_auth"), ""},
		{"plain", w.customer + ":ann:pw", problem.InvalidCredentials},
		{"another account", w.reseller + ":" + user.String("pvt_md5_auth"), problem.InvalidCredentials},
		{"no such account", account.NewID() + ":" + user.String("pvt_md5_auth"), problem.InvalidCredentials},
		{"no password", w.customer + ":", problem.InvalidCredentials},
		{"nothing", "", problem.InvalidCredentials},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			identity, err := w.Authenticate(t.Context(), auth.Credentials{Scheme: "basic", Value: encode(tt.text)})
			if tt.want != "" {
				wantCode(t, err, tt.want)
				return
			}
			check(t, err)
			if identity.AccountID != w.customer || identity.UserID != "user-ann" {
				t.Errorf("identity %+v", identity)
			}
		})
	}
	_, err := w.Authenticate(t.Context(), auth.Credentials{Scheme: "basic", Value: "%%%"})
	wantCode(t, err, problem.InvalidCredentials)
	_, err = w.Authenticate(t.Context(), auth.Credentials{Scheme: "digest", Value: "x"})
	wantCode(t, err, problem.InvalidCredentials)
	_, err = w.Authenticate(t.Context(), auth.Credentials{Scheme: "token"})
	wantCode(t, err, problem.InvalidCredentials)
}

// TestKnown: credentials are known once they were right, and Basic ones stay
// good beyond a token's life.
func TestKnown(t *testing.T) {
	w := newTree(t)
	now := time.Now()
	w.Now = func() time.Time { return now }
	user := w.addUser(t, w.customer, "ann", "pw")
	right := auth.Credentials{Scheme: "basic", Value: encode(w.customer + ":" + user.String("pvt_md5_auth"))}
	wrong := auth.Credentials{Scheme: "basic", Value: encode(w.customer + ":nope")}
	token := auth.Credentials{Scheme: "token", Value: w.login(t, w.customer)}
	if w.Known(right) || w.Known(token) || w.Known(auth.Credentials{Scheme: "token", Value: right.Value}) {
		t.Error("known before the first time")
	}
	_, err := w.Authenticate(t.Context(), token)
	check(t, err)
	if !w.Known(token) || !w.Known(auth.Credentials{Scheme: "bearer", Value: token.Value}) {
		t.Error("a good token is not known")
	}
	for range 2 {
		_, err := w.Authenticate(t.Context(), right)
		check(t, err)
		_, err = w.Authenticate(t.Context(), wrong)
		wantCode(t, err, problem.InvalidCredentials)
		if !w.Known(right) || w.Known(wrong) {
			t.Error("what is known after it")
		}
		now = now.Add(2 * time.Hour)
	}
	if w.Known(auth.Credentials{Scheme: "token", Value: right.Value}) {
		t.Error("Basic credentials are known as a token")
	}
}

func TestAuthorize(t *testing.T) {
	w := newTree(t)
	nobody := account.NewID()
	const ok, no, none = "", problem.Forbidden, problem.BadIdentifier
	tests := []struct {
		name, caller string
		want         map[string]problem.Code
	}{
		{"master", w.master, map[string]problem.Code{w.master: ok, w.reseller: ok, w.customer: ok, w.other: ok, nobody: none}},
		{"reseller", w.reseller, map[string]problem.Code{w.master: no, w.reseller: ok, w.customer: ok, w.other: no, nobody: none}},
		{"customer", w.customer, map[string]problem.Code{w.master: no, w.reseller: no, w.customer: ok, w.other: no, nobody: none}},
		{"other", w.other, map[string]problem.Code{w.master: no, w.reseller: no, w.customer: no, w.other: ok, nobody: none}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			identity, err := w.authenticate(w.login(t, tt.caller))
			check(t, err)
			for target, want := range tt.want {
				err := w.Authorize(t.Context(), identity, target)
				if got := codeOf(err); got != want {
					t.Errorf("%s: %q, want %q", target, got, want)
				}
			}
		})
	}
	wantCode(t, w.Authorize(t.Context(), auth.Identity{}, w.customer), problem.Forbidden)
	wantCode(t, w.Authorize(t.Context(), auth.Identity{AccountID: w.customer}, "malformed"), problem.BadIdentifier)
}

func codeOf(err error) problem.Code {
	if err == nil {
		return ""
	}
	return problem.AsError(err).Code
}

// TestLocked disables an account in the middle of the tree: it and those
// below it are locked out, those above are not.
func TestLocked(t *testing.T) {
	w := newTree(t)
	tokens := map[string]string{}
	for _, id := range []string{w.master, w.reseller, w.customer} {
		tokens[id] = w.login(t, id)
	}
	set := func(on bool) {
		write := account.Write{ID: w.reseller, Data: document.Doc{"enabled": on}, Actor: account.Actor{AccountID: w.master}}
		_, err := w.accounts.Patch(t.Context(), write)
		check(t, err)
	}
	set(false)
	for id, want := range map[string]problem.Code{w.master: "", w.reseller: problem.Locked, w.customer: problem.Locked} {
		if _, err := w.authenticate(tokens[id]); codeOf(err) != want {
			t.Errorf("%s: %v, want %q", id, err, want)
		}
	}
	key, err := w.accounts.APIKey(t.Context(), w.reseller)
	check(t, err)
	_, err = w.APIAuth(t.Context(), document.Doc{"api_key": key})
	wantCode(t, err, problem.Locked)
	set(true)
	if _, err := w.authenticate(tokens[w.customer]); err != nil {
		t.Errorf("enabled again: %v", err)
	}
}
