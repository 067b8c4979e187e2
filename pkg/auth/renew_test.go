package auth_test

import (
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// clocked is a world whose clock can be moved.
func clocked(t *testing.T) (w *world, move func(time.Duration)) {
	t.Helper()
	w = newWorld(t)
	at := time.Now()
	s := &auth.Service{
		Couch: w.Couch, Accounts: w.accounts, FailedLoginRound: time.Nanosecond, Now: func() time.Time { return at },
	}
	check(t, s.Start(t.Context()))
	w.Service = s
	return w, func(by time.Duration) { at = at.Add(by) }
}

// TestRenew: a session goes on as long as it is renewed, for 12 hours, with
// the same caller; sign-out ends all of its tokens.
func TestRenew(t *testing.T) {
	w, move := clocked(t)
	w.addUser(t, w.customer, "ann", "secret")
	_, hash := auth.UserCredentials("ann", "secret")
	begun, err := w.UserAuth(t.Context(), document.Doc{"credentials": hash, "method": "sha", "account_name": "Customer"})
	check(t, err)
	first, err := w.authenticate(begun.Token)
	check(t, err)
	if w.Due(first) {
		t.Error("a fresh token is due")
	}
	tokens := []string{begun.Token}
	for range 23 {
		move(31 * time.Minute)
		last := tokens[len(tokens)-1]
		id, err := w.authenticate(last)
		check(t, err)
		if !w.Due(id) || id.UserID != first.UserID || id.AccountID != w.customer || id.Plain != first.Plain {
			t.Fatalf("%+v", id)
		}
		next, err := w.Renew(t.Context(), last)
		check(t, err)
		tokens = append(tokens, next.Token)
	}
	move(10 * time.Minute)
	if _, err := w.authenticate(tokens[len(tokens)-1]); problem.AsError(err).Code != problem.TokenRejected {
		t.Errorf("after 12 hours: %v", err)
	}
	_, err = w.Renew(t.Context(), tokens[len(tokens)-1])
	wantCode(t, err, problem.TokenRejected)
}

// TestRenewedIsRevoked: revoking any token of a session ends the others, here
// and in another process.
func TestRenewedIsRevoked(t *testing.T) {
	for _, by := range []int{0, 1} {
		w, move := clocked(t)
		tokens := []string{w.login(t, w.customer)}
		second, err := w.Renew(t.Context(), tokens[0])
		check(t, err)
		third, err := w.Renew(t.Context(), tokens[0])
		check(t, err)
		tokens = append(tokens, second.Token, third.Token)
		for _, token := range tokens {
			_, err := w.authenticate(token)
			check(t, err)
		}
		id, err := w.authenticate(tokens[by])
		check(t, err)
		check(t, w.Revoke(t.Context(), id))
		move(6 * time.Second) // a token in memory is looked up again by then
		other := &auth.Service{Couch: w.Couch, Accounts: w.accounts}
		check(t, other.Start(t.Context()))
		for i, token := range tokens {
			_, err := w.authenticate(token)
			wantCode(t, err, problem.TokenRejected)
			_, err = other.Authenticate(t.Context(), auth.Credentials{Scheme: "token", Value: token})
			wantCode(t, err, problem.TokenRejected)
			if _, err := w.Renew(t.Context(), token); problem.AsError(err).Code != problem.TokenRejected {
				t.Errorf("token %d is renewed after it was revoked: %v", i, err)
			}
		}
	}
}

// TestNotRenewed: a token that is no longer good, or whose caller could not log
// in with it any more, gives no other.
func TestNotRenewed(t *testing.T) {
	w, move := clocked(t)
	user := w.addUser(t, w.customer, "ann", "secret")
	_, hash := auth.UserCredentials("ann", "secret")
	login := func() string {
		t.Helper()
		session, err := w.UserAuth(t.Context(), document.Doc{"credentials": hash, "method": "sha", "account_name": "Customer"})
		check(t, err)
		return session.Token
	}
	refused := func(token string) {
		t.Helper()
		_, err := w.Renew(t.Context(), token)
		wantCode(t, err, problem.TokenRejected)
	}
	refused("")
	refused("garbage")
	old := login()
	move(61 * time.Minute)
	refused(old)

	token := login()
	user["enabled"] = false
	check(t, w.Couch.Account(w.customer).Put(t.Context(), user))
	refused(token)
	user["enabled"] = true
	_, user["pvt_sha1_auth"] = auth.UserCredentials("ann", "another")
	check(t, w.Couch.Account(w.customer).Put(t.Context(), user))
	refused(token)

	key, err := w.accounts.APIKey(t.Context(), w.master)
	check(t, err)
	acting, err := w.APIAuth(t.Context(), document.Doc{"api_key": key, "as": map[string]any{"account_id": w.customer, "owner_id": user.ID()}})
	check(t, err)
	refused(acting.Token)
}
