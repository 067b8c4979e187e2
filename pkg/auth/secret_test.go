package auth_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// TestErrorsKeepSecrets tries every credential where it fails, with a
// database and without, and looks for it in what the log would get and in
// what the client would.
func TestErrorsKeepSecrets(t *testing.T) {
	w := newWorld(t)
	client, err := couch.Open(couch.Config{Transport: away{}})
	check(t, err)
	alone := &auth.Service{Couch: client, Accounts: &account.Service{Couch: client}, FailedLoginRound: time.Millisecond}
	check(t, alone.Restore(w.Snapshot()))
	const word = "hunter2hunter2hunter2hunter2hunter2hunter2hunter2hunter2hunter2x"
	for _, s := range []*auth.Service{w.Service, alone} {
		var errs []error
		try := func(err error) { errs = append(errs, err) }
		_, err := s.APIAuth(t.Context(), document.Doc{"api_key": word})
		try(err)
		_, err = s.APIAuth(t.Context(), document.Doc{"api_key": word + "x"})
		try(err)
		_, err = s.UserAuth(t.Context(), document.Doc{"credentials": word, "account_name": "customer"})
		try(err)
		_, err = s.UserAuth(t.Context(), document.Doc{"credentials": word + "x", "account_name": "customer"})
		try(err)
		for _, scheme := range []string{"token", "bearer", "basic", "nope"} {
			for _, value := range []string{word, "a." + word + ".c", encode(w.customer + ":" + word)} {
				_, err = s.Authenticate(t.Context(), auth.Credentials{Scheme: scheme, Value: value})
				try(err)
			}
		}
		for _, err := range errs {
			if err == nil {
				t.Error("a wrong credential was accepted")
				continue
			}
			text := fmt.Sprintf("%v %v", err, problem.AsError(err).Data)
			if strings.Contains(text, "hunter2") || strings.Contains(text, encode(word)[:20]) {
				t.Errorf("a secret is in %q", text)
			}
		}
	}
}

func TestIdentityPrintsNoToken(t *testing.T) {
	w := newWorld(t)
	doc := document.Doc{"_id": "opaque-secret", "account_id": w.customer, "pvt_modified": document.GregorianNumber(time.Now())}
	check(t, w.Couch.DB("token_auth").Put(t.Context(), doc))
	identity, err := w.authenticate("opaque-secret")
	check(t, err)
	for _, format := range []string{"%v", "%+v", "%s"} {
		if text := fmt.Sprintf(format, identity); strings.Contains(text, "secret") {
			t.Errorf("%s prints %s", format, text)
		}
	}
}

// FuzzCredentials offers anything as a credential to a service that knows its
// keys but has no database: nothing is ever accepted, nothing panics.
func FuzzCredentials(f *testing.F) {
	for _, seed := range []string{"", "a.b.c", "..", "eyJhbGciOiJub25lIn0.eyJhY2NvdW50X2lkIjoieCJ9.", "_design/x", "YTpi", "\x00", "%"} {
		f.Add("token", seed)
		f.Add("basic", seed)
	}
	client, err := couch.Open(couch.Config{Transport: away{}})
	if err != nil {
		f.Fatal(err)
	}
	s := &auth.Service{Couch: client, Accounts: &account.Service{Couch: client}, FailedLoginRound: time.Nanosecond}
	if err := s.Restore(auth.Snapshot{Taken: time.Now()}); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, scheme, value string) {
		if _, err := s.Authenticate(t.Context(), auth.Credentials{Scheme: scheme, Value: value}); err == nil {
			t.Errorf("%s %q is accepted", scheme, value)
		}
	})
}
