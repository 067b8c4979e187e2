package auth_test

import (
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// TestLevels asks whether callers are administrators, by all ways of logging
// in.
func TestLevels(t *testing.T) {
	w := newWorld(t)
	byUser := func(user document.Doc) string {
		session, err := w.UserAuth(t.Context(), document.Doc{"credentials": user.String("pvt_md5_auth"), "account_name": "customer"})
		check(t, err)
		if session.Identity.Plain != (user["priv_level"] != "admin") {
			t.Errorf("%s logged in as %+v", user.ID(), session.Identity)
		}
		return session.Token
	}
	plain, boss, odd := w.addUser(t, w.customer, "plain", "pw"), w.addUser(t, w.customer, "boss", "pw"), w.addUser(t, w.customer, "odd", "pw")
	boss["priv_level"], odd["priv_level"] = "admin", true
	for _, user := range []document.Doc{boss, odd} {
		check(t, w.Couch.Account(w.customer).Put(t.Context(), user))
	}
	basic := func(user document.Doc) auth.Credentials {
		return auth.Credentials{Scheme: "basic", Value: encode(w.customer + ":" + user.String("pvt_md5_auth"))}
	}
	for name, tt := range map[string]struct {
		credentials auth.Credentials
		plain       bool
	}{
		"API key":       {auth.Credentials{Scheme: "token", Value: w.login(t, w.customer)}, false},
		"user":          {auth.Credentials{Scheme: "token", Value: byUser(plain)}, true},
		"administrator": {auth.Credentials{Scheme: "token", Value: byUser(boss)}, false},
		"odd level":     {auth.Credentials{Scheme: "bearer", Value: byUser(odd)}, true},
		"Basic":         {basic(plain), true},
		"Basic, admin":  {basic(boss), false},
	} {
		for range 2 { // anew, and from memory
			identity, err := w.Authenticate(t.Context(), tt.credentials)
			check(t, err)
			if identity.Plain != tt.plain || (identity.Administer() == nil) == tt.plain {
				t.Errorf("%s: plain %v, %v", name, identity.Plain, identity.Administer())
			}
		}
	}
	wantCode(t, auth.Identity{Plain: true}.Administer(), problem.Forbidden)
}

// TestLevelWithoutDatabase: a signed token says nothing of the level, so that
// one not seen before is a plain user's while the database is away.
func TestLevelWithoutDatabase(t *testing.T) {
	w := newWorld(t)
	boss := w.addUser(t, w.customer, "boss", "pw")
	boss["priv_level"] = "admin"
	check(t, w.Couch.Account(w.customer).Put(t.Context(), boss))
	session, err := w.UserAuth(t.Context(), document.Doc{"credentials": boss.String("pvt_md5_auth"), "account_name": "customer"})
	check(t, err)
	client, err := couch.Open(couch.Config{Transport: away{}})
	check(t, err)
	alone := &auth.Service{Couch: client, Accounts: &account.Service{Couch: client}}
	check(t, alone.Restore(w.Snapshot()))
	alone.Accounts.Restore(w.accounts.Snapshot())
	identity, err := alone.Authenticate(t.Context(), auth.Credentials{Scheme: "token", Value: session.Token})
	check(t, err)
	if !identity.Plain || identity.UserID != boss.ID() {
		t.Errorf("%+v", identity)
	}
}

// TestSignatureSecret: Kazoo gives a document another pvt_signature_secret to
// log somebody out, which counts here too.
func TestSignatureSecret(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	w.Now = func() time.Time { return now }
	user := w.addUser(t, w.customer, "ann", "pw")
	login := func() string {
		session, err := w.UserAuth(t.Context(), document.Doc{"credentials": user.String("pvt_md5_auth"), "account_name": "customer"})
		check(t, err)
		return session.Token
	}
	change := func(key string, value any) {
		var err error
		user, err = w.Couch.Account(w.customer).Get(t.Context(), user.ID())
		check(t, err)
		user[key] = value
		check(t, w.Couch.Account(w.customer).Put(t.Context(), user))
		now = now.Add(6 * time.Second)
	}
	want := func(token string, want problem.Code) {
		t.Helper()
		if _, err := w.authenticate(token); codeOf(err) != want {
			t.Errorf("%v, want %q", err, want)
		}
	}
	first := login()
	want(first, "")
	change("pvt_signature_secret", "one")
	want(first, problem.TokenRejected)
	second := login()
	want(second, "")
	change("pvt_signature_secret", "two")
	want(second, problem.TokenRejected)
	third := login()
	change("pvt_sha1_auth", "changed")
	for _, token := range []string{first, second, third} {
		want(token, problem.TokenRejected)
	}
	fourth := login()
	change("timezone", "UTC") // nothing of a credential
	want(fourth, "")
	change("enabled", false)
	want(fourth, problem.TokenRejected)
	change("enabled", true)
	want(fourth, "")
	change("pvt_deleted", true)
	want(fourth, problem.TokenRejected)
}

// TestDeletedAtAnother deletes users and accounts at one process: their tokens
// are void at another as soon as it looks again.
func TestDeletedAtAnother(t *testing.T) {
	address := couchtest.URL(t)
	a, b := process(t, couchtest.Open(t, address)), process(t, couchtest.Open(t, address))
	now := time.Now()
	b.Now = func() time.Time { return now }
	b.accounts.Now = b.Now
	id := a.create(t, a.master, "Customer")
	user := a.addUser(t, id, "ann", "pw")
	session, err := a.UserAuth(t.Context(), document.Doc{"credentials": user.String("pvt_md5_auth"), "account_name": "customer"})
	check(t, err)
	byKey := a.login(t, id)
	for _, token := range []string{session.Token, byKey} {
		_, err := b.authenticate(token)
		check(t, err)
	}
	user["pvt_deleted"] = true
	check(t, a.Couch.Account(id).Put(t.Context(), user))
	now = now.Add(6 * time.Second)
	_, err = b.authenticate(session.Token)
	wantCode(t, err, problem.TokenRejected)
	_, err = b.authenticate(byKey)
	check(t, err)
	_, err = a.accounts.Delete(t.Context(), account.Write{ID: id}, true)
	check(t, err)
	now = now.Add(6 * time.Second)
	_, err = b.authenticate(byKey)
	wantCode(t, err, problem.TokenRejected)
	wantCode(t, b.Authorize(t.Context(), auth.Identity{AccountID: b.master, Superduper: true}, id), problem.BadIdentifier)
}

// TestMovedAccount: who may touch an account follows the tree, at another
// process too.
func TestMovedAccount(t *testing.T) {
	address := couchtest.URL(t)
	a, b := process(t, couchtest.Open(t, address)), process(t, couchtest.Open(t, address))
	now := time.Now()
	b.accounts.Now = func() time.Time { return now }
	from, to := a.create(t, a.master, "From"), a.create(t, a.master, "To")
	id := a.create(t, from, "Moving")
	ask := func() (problem.Code, problem.Code) {
		return codeOf(b.Authorize(t.Context(), auth.Identity{AccountID: from}, id)), codeOf(b.Authorize(t.Context(), auth.Identity{AccountID: to}, id))
	}
	if old, next := ask(); old != "" || next != problem.Forbidden {
		t.Errorf("before: %q, %q", old, next)
	}
	_, err := a.accounts.Move(t.Context(), id, to, account.Actor{})
	check(t, err)
	now = now.Add(3 * time.Second)
	if old, next := ask(); old != problem.Forbidden || next != "" {
		t.Errorf("after: %q, %q", old, next)
	}
}

// TestCrosswise has two accounts stand below each other, as two sites may
// leave them that moved them crosswise: neither may touch the other.
func TestCrosswise(t *testing.T) {
	w := newTree(t)
	for id, above := range map[string]string{w.reseller: w.other, w.other: w.reseller} {
		doc, err := w.Couch.DB("accounts").Get(t.Context(), id)
		check(t, err)
		doc["pvt_tree"] = []any{w.master, above}
		check(t, w.Couch.DB("accounts").Put(t.Context(), doc))
		w.accounts.Forget(id)
	}
	for caller, target := range map[string]string{w.reseller: w.other, w.other: w.reseller} {
		wantCode(t, w.Authorize(t.Context(), auth.Identity{AccountID: caller}, target), problem.Forbidden)
		check(t, w.Authorize(t.Context(), auth.Identity{AccountID: caller}, caller))
	}
	check(t, w.Authorize(t.Context(), auth.Identity{AccountID: w.reseller}, w.customer))
	check(t, w.Authorize(t.Context(), auth.Identity{AccountID: w.master, Superduper: true}, w.other))
}

// TestLockedCombinations disables or ends accounts at every level and asks who
// is locked out, at a process that had them in memory.
func TestLockedCombinations(t *testing.T) {
	address := couchtest.URL(t)
	one, two := process(t, couchtest.Open(t, address)), process(t, couchtest.Open(t, address))
	now := time.Now()
	two.Now = func() time.Time { return now }
	two.accounts.Now = two.Now
	reseller := one.create(t, one.master, "Reseller")
	customer := one.create(t, reseller, "Customer")
	levels := []string{one.master, reseller, customer}
	tokens := map[string]string{}
	for _, id := range levels {
		tokens[id] = one.login(t, id)
	}
	states := map[string]document.Doc{
		"disabled":       {"pvt_enabled": false},
		"disabled text":  {"pvt_enabled": "false"},
		"expired":        {"pvt_trial_expires": document.GregorianNumber(now.Add(-time.Hour))},
		"both":           {"pvt_enabled": false, "pvt_trial_expires": document.GregorianNumber(now.Add(-time.Hour))},
		"about to end":   {"pvt_trial_expires": document.GregorianNumber(now.Add(24 * time.Hour))},
		"no real expiry": {"pvt_trial_expires": "soon"},
	}
	for name, state := range states {
		locks := name != "about to end" && name != "no real expiry"
		for at, changed := range levels {
			before, err := one.Couch.DB("accounts").Get(t.Context(), changed)
			check(t, err)
			doc := before.Clone()
			for key, value := range state {
				doc[key] = value
			}
			check(t, one.Couch.DB("accounts").Put(t.Context(), doc))
			now = now.Add(6 * time.Second)
			for level, id := range levels {
				want := problem.Code("")
				if locks && level >= at {
					want = problem.Locked
				}
				if _, err := two.authenticate(tokens[id]); codeOf(err) != want {
					t.Errorf("%s at level %d, asked by level %d: %v, want %q", name, at, level, err, want)
				}
			}
			before.SetRev(doc.Rev())
			check(t, one.Couch.DB("accounts").Put(t.Context(), before))
		}
	}
}
