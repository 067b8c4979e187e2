package auth_test

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// wayward is a connection to a server that misbehaves when told so.
type wayward struct {
	asked   atomic.Int64
	hangs   atomic.Bool
	blind   atomic.Bool // listings of system_auth show nothing, as a cluster's may for a moment
	full    atomic.Bool // the disk is full: nothing can be written, views cannot be brought up to date
	release chan struct{}
}

func (c *wayward) RoundTrip(r *http.Request) (*http.Response, error) {
	c.asked.Add(1)
	view := strings.Contains(r.URL.Path, "/_view/")
	switch {
	case c.hangs.Load():
		select {
		case <-c.release:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	case c.blind.Load() && r.URL.Path == "/system_auth/_all_docs":
		return says(r, http.StatusOK, `{"total_rows":0,"offset":0,"rows":[]}`), nil
	case c.full.Load() && (view || r.Method == http.MethodPut || r.Method == http.MethodDelete):
		return says(r, http.StatusInternalServerError, `{"error":"internal_server_error","reason":"No space left on device."}`), nil
	}
	return http.DefaultTransport.RoundTrip(r)
}

func says(r *http.Request, status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)),
		ContentLength: int64(len(body)), Request: r, ProtoMajor: 1, ProtoMinor: 1,
	}
}

// waywardProcess is a callflowd whose server may misbehave, and its clock.
func waywardProcess(t *testing.T, address string) (*world, *wayward, *atomic.Int64) {
	t.Helper()
	connection, clock := &wayward{release: make(chan struct{})}, new(atomic.Int64)
	clock.Store(time.Now().UnixNano())
	now := func() time.Time { return time.Unix(0, clock.Load()) }
	client, err := couch.Open(couch.Config{URL: address, Transport: connection})
	check(t, err)
	accounts := &account.Service{Couch: client, Now: now}
	master, err := accounts.EnsureMaster(t.Context(), "")
	check(t, err)
	s := &auth.Service{Couch: client, Accounts: accounts, FailedLoginRound: time.Millisecond, Now: now}
	check(t, s.Start(t.Context()))
	return &world{Service: s, accounts: accounts, master: master.ID}, connection, clock
}

// While the storage hangs one question waits for it, in the background, and
// everybody known is let in without waiting.
func TestHangingStorage(t *testing.T) {
	w, connection, clock := waywardProcess(t, couchtest.URL(t))
	known, fresh, other := w.login(t, w.master), w.login(t, w.master), w.login(t, w.master)
	_, err := w.authenticate(known)
	check(t, err)
	connection.hangs.Store(true)
	clock.Add(int64(time.Minute))
	_, err = w.authenticate(known) // asks again, and gives up waiting
	check(t, err)
	_, err = w.authenticate(fresh) // its signature is good
	check(t, err)
	asked := connection.asked.Load()
	for range 100 {
		clock.Add(int64(time.Second))
		for _, token := range []string{known, fresh, other} {
			_, err = w.authenticate(token)
			check(t, err)
		}
	}
	if got := connection.asked.Load(); got != asked {
		t.Errorf("%d more questions while the storage hangs", got-asked)
	}
	connection.hangs.Store(false)
	close(connection.release)
	couchtest.Eventually(t, "it asks again", func() bool {
		clock.Add(int64(time.Second))
		_, err := w.authenticate(known)
		check(t, err)
		return connection.asked.Load() > asked
	})
}

// A renewed token ends with its session also while the storage hangs.
func TestSessionRevokedWhileStorageHangs(t *testing.T) {
	w, connection, clock := waywardProcess(t, couchtest.URL(t))
	first := w.login(t, w.master)
	renewed, err := w.Renew(t.Context(), first)
	check(t, err)
	id, err := w.authenticate(first)
	check(t, err)
	_, err = w.authenticate(renewed.Token)
	check(t, err)
	check(t, w.Revoke(t.Context(), id))
	connection.hangs.Store(true)
	defer close(connection.release)
	clock.Add(int64(time.Minute))
	_, err = w.authenticate(renewed.Token)
	wantCode(t, err, problem.TokenRejected)
}

// A credential in use is looked up again before it has to be, while its request
// goes on.
func TestCheckedAhead(t *testing.T) {
	w, connection, clock := waywardProcess(t, couchtest.URL(t))
	token := w.login(t, w.master)
	_, err := w.authenticate(token)
	check(t, err)
	connection.hangs.Store(true)
	defer close(connection.release)
	asked := connection.asked.Load()
	clock.Add(int64(1500 * time.Millisecond)) // it is good for two seconds
	for range 3 {
		_, err = w.authenticate(token)
		check(t, err)
	}
	couchtest.Eventually(t, "it is asked for", func() bool { return connection.asked.Load() == asked+1 })
	for range 3 {
		_, err = w.authenticate(token)
		check(t, err)
	}
	if got := connection.asked.Load(); got != asked+1 {
		t.Errorf("asked for %d times", got-asked)
	}
}

// What was just written is not looked for in a listing, and what is known is
// not given up because a listing lacks it.
func TestKeysThatNoListingShows(t *testing.T) {
	address := couchtest.URL(t)
	a, connection, clock := waywardProcess(t, address)
	connection.blind.Store(true)
	token := a.login(t, a.master)
	check(t, a.Start(t.Context()))
	check(t, a.Rotate(t.Context()))
	rotated := a.login(t, a.master)
	for _, token := range []string{token, rotated} {
		_, err := a.authenticate(token)
		check(t, err)
	}
	if _, kid := claimsOf(t, token); strings.Contains(rotated, kid) {
		t.Error("the key is the same after the rotation")
	}
	first := couch.Config{URL: couchtest.URL(t), Transport: connection} // a server without any key
	client, err := couch.Open(first)
	check(t, err)
	for range 2 {
		accounts := &account.Service{Couch: client}
		_, err := accounts.EnsureMaster(t.Context(), "")
		check(t, err)
		check(t, (&auth.Service{Couch: client, Accounts: accounts}).Start(t.Context()))
	}
	connection.blind.Store(false)
	clock.Add(int64(time.Minute))
	check(t, a.Start(t.Context()))
	_, err = a.authenticate(token)
	check(t, err)
}

// A key that was removed is known no more, by the feed and by a start.
func TestRemovedKey(t *testing.T) {
	w, _, clock := waywardProcess(t, couchtest.URL(t))
	old := w.login(t, w.master)
	check(t, w.Rotate(t.Context()))
	doc, err := w.Couch.DB("system_auth").Get(t.Context(), "callflowd-key-1")
	check(t, err)
	_, err = w.Couch.DB("system_auth").Delete(t.Context(), doc.ID(), doc.Rev())
	check(t, err)
	check(t, w.Start(t.Context()))
	clock.Add(int64(2 * time.Second))
	_, err = w.authenticate(old)
	wantCode(t, err, problem.TokenRejected)
}

// Logging in needs nothing to be written.
func TestLoginOnAFullDisk(t *testing.T) {
	w, connection, _ := waywardProcess(t, couchtest.URL(t))
	id := w.create(t, w.master, "Full")
	doc, err := w.Couch.DB("accounts").Get(t.Context(), id)
	check(t, err)
	user := document.Doc{"_id": "ann", "pvt_type": "user", "username": "ann", "priv_level": "admin", "pvt_md5_auth": strings.Repeat("a", 32)}
	check(t, w.Couch.Account(id).Put(t.Context(), user))
	connection.full.Store(true)
	for name, data := range map[string]document.Doc{
		"by name":  {"credentials": strings.Repeat("A", 32), "account_name": "Full"},
		"by realm": {"credentials": strings.Repeat("a", 32), "account_realm": "Full.example"},
	} {
		session, err := w.UserAuth(t.Context(), data)
		if err != nil || session.Identity.UserID != "ann" {
			t.Errorf("%s: %v, %v", name, session.Identity, err)
		}
	}
	_, err = w.UserAuth(t.Context(), document.Doc{"credentials": strings.Repeat("b", 32), "account_name": "Full"})
	wantCode(t, err, problem.InvalidCredentials)
	_, err = w.UserAuth(t.Context(), document.Doc{"credentials": strings.Repeat("a", 32), "account_name": "Empty"})
	wantCode(t, err, problem.InvalidCredentials)
	session, err := w.APIAuth(t.Context(), document.Doc{"api_key": doc.String("pvt_api_key")})
	if err != nil || session.Identity.AccountID != id {
		t.Errorf("by API key: %v, %v", session.Identity, err)
	}
	_, err = w.APIAuth(t.Context(), document.Doc{"api_key": strings.Repeat("0", 64)})
	wantCode(t, err, problem.MalformedIdentifier)
}

// A token issued in the future was made by a wrong clock and is refused; a
// minute is forgiven.
func TestTokensOfTheFuture(t *testing.T) {
	w, _, clock := waywardProcess(t, couchtest.URL(t))
	now := clock.Load()
	for ahead, want := range map[time.Duration]bool{0: true, 59 * time.Second: true, 62 * time.Second: false, 24 * time.Hour: false} {
		clock.Store(now + int64(ahead))
		token := w.login(t, w.master)
		clock.Store(now)
		_, err := w.authenticate(token)
		if (err == nil) != want || err != nil && !problem.Is(err, problem.TokenRejected) {
			t.Errorf("issued in %v: %v", ahead, err)
		}
	}
}

// TestLostDatabase: an account that is known and whose database is gone is a
// fault of the server's, not a wrong password nor a user that was deleted. Of
// an account that nobody knows it is the caller's.
func TestLostDatabase(t *testing.T) {
	w := newWorld(t)
	user := w.addUser(t, w.customer, "ann", "secret")
	credentials := document.Doc{"credentials": user.String("pvt_md5_auth"), "account_name": "Customer"}
	session, err := w.UserAuth(t.Context(), credentials)
	check(t, err)
	basic := auth.Credentials{Scheme: "basic", Value: encode(w.customer + ":" + user.String("pvt_md5_auth"))}
	check(t, w.Couch.DropDB(t.Context(), couch.AccountDB(w.customer)))
	fresh := process(t, w.Couch)
	_, err = fresh.UserAuth(t.Context(), credentials)
	wantCode(t, err, problem.MissingDatabase)
	_, err = fresh.Authenticate(t.Context(), basic)
	wantCode(t, err, problem.MissingDatabase)
	_, err = fresh.authenticate(session.Token)
	wantCode(t, err, problem.MissingDatabase)

	basic.Value = encode(strings.Repeat("0", 32) + ":" + user.String("pvt_md5_auth"))
	_, err = fresh.Authenticate(t.Context(), basic)
	wantCode(t, err, problem.InvalidCredentials)
}
