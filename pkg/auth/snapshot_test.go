package auth_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// away is the connection to a database that cannot be reached.
type away struct{}

func (away) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("connection refused")
}

// TestRestart has a process start without a database, from what another wrote
// to disk: good tokens are good, revoked ones are not, nothing is issued.
func TestRestart(t *testing.T) {
	w := newWorld(t)
	good, revoked := w.login(t, w.customer), w.login(t, w.customer)
	for _, token := range []string{good, revoked} {
		identity, err := w.authenticate(token)
		check(t, err)
		check(t, w.Authorize(t.Context(), identity, w.customer))
		if token == revoked {
			check(t, w.Revoke(t.Context(), identity))
		}
	}
	keys, err := json.Marshal(w.Snapshot())
	check(t, err)
	states, err := json.Marshal(w.accounts.Snapshot())
	check(t, err)
	if strings.Contains(string(keys), "PRIVATE") || strings.Contains(string(keys), good) {
		t.Error("secrets in the snapshot")
	}

	client, err := couch.Open(couch.Config{Transport: away{}})
	check(t, err)
	s := &auth.Service{Couch: client, Accounts: &account.Service{Couch: client}, FailedLoginRound: time.Millisecond}
	wantCode(t, s.Start(t.Context()), problem.Unavailable)
	_, err = s.Authenticate(t.Context(), auth.Credentials{Scheme: "token", Value: good})
	wantCode(t, err, problem.Unavailable)
	var snapshot auth.Snapshot
	check(t, json.Unmarshal(keys, &snapshot))
	check(t, s.Restore(snapshot))
	var remembered []account.Remembered
	check(t, json.Unmarshal(states, &remembered))
	s.Accounts.Restore(remembered)

	identity, err := s.Authenticate(t.Context(), auth.Credentials{Scheme: "bearer", Value: good})
	check(t, err)
	check(t, s.Authorize(t.Context(), identity, w.customer))
	wantCode(t, s.Authorize(t.Context(), identity, w.master), problem.Forbidden)
	_, err = s.Authenticate(t.Context(), auth.Credentials{Scheme: "token", Value: revoked})
	wantCode(t, err, problem.TokenRejected)
	_, err = s.APIAuth(t.Context(), document.Doc{"api_key": account.NewAPIKey()})
	wantCode(t, err, problem.Unavailable)
	snapshot.Taken = snapshot.Taken.Add(-25 * time.Hour)
	wantCode(t, s.Restore(snapshot), problem.Unavailable)
}
