package resource

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/save"
)

// person is what every user needs, to be followed by more members.
const person = `"first_name":"A","last_name":"B"`

func newUser(t *testing.T, s *Service, id, members string) document.Doc {
	t.Helper()
	return mustCreate(t, s, "users", `{"id":"`+id+`",`+person+members+`}`)
}

func TestUsernames(t *testing.T) {
	s := newService(t)
	ann := newUser(t, s, "u1", `,"username":"Ann","password":"pw"`)
	if ann["pvt_md5_auth"] != "md5:annpw" || ann["password"] != nil || ann["username"] != "ann" || ann["priv_level"] != "user" {
		t.Errorf("stored %v", ann)
	}
	kept, err := only(s.Patch(t.Context(), write(t, "users", "u1", `{"first_name":"Anna"}`)))
	if err != nil || kept["pvt_md5_auth"] != "md5:annpw" {
		t.Errorf("after a patch %v, %v", kept, err)
	}
	without, err := only(s.Patch(t.Context(), write(t, "users", "u1", `{"username":null}`)))
	if err != nil || without["pvt_md5_auth"] != nil || without["pvt_sha1_auth"] != nil {
		t.Errorf("without a name %v, %v", without, err)
	}
	newUser(t, s, "u2", `,"username":"ann","password":"pw"`) // the name is free again at once
}

// TestCredentials changes a user named ann with the password pw, and looks at
// what it can log in with then.
func TestCredentials(t *testing.T) {
	const old = "md5:annpw"
	tests := []struct {
		name, patch string
		md5, sha1   any
		keeps       bool // the tokens bought before
	}{
		{"nothing of these", `{"timezone":"UTC"}`, old, "sha1", true},
		{"same username", `{"username":"ANN"}`, old, "sha1", true},
		{"same password", `{"password":"pw"}`, old, "sha1", true},
		{"another password", `{"password":"new"}`, "md5:annnew", "sha1", false},
		{"both", `{"username":"bob","password":"new"}`, "md5:bobnew", "sha1", false},
		{"empty password", `{"password":""}`, old, "sha1", true},
		{"a hash", `{"credentials":"ABC"}`, "abc", nil, false},
		{"a forged hash", `{"pvt_md5_auth":"x","pvt_sha1_auth":"y","pvt_signature_secret":"z"}`, old, "sha1", true},
		{"none", `{"username":null}`, nil, nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newService(t)
			before := newUser(t, s, "u1", `,"username":"ann","password":"pw"`)
			doc, err := only(s.Patch(t.Context(), write(t, "users", "u1", tt.patch)))
			if err != nil {
				t.Fatal(err)
			}
			if doc["pvt_md5_auth"] != tt.md5 || doc["pvt_sha1_auth"] != tt.sha1 {
				t.Errorf("hashes %v, %v", doc["pvt_md5_auth"], doc["pvt_sha1_auth"])
			}
			secret := doc.String("pvt_signature_secret")
			if kept := secret == before.String("pvt_signature_secret"); kept != tt.keeps || len(secret) != 32 {
				t.Errorf("secret %q, kept %v", secret, kept)
			}
			for _, key := range []string{"password", "credentials"} {
				if doc[key] != nil {
					t.Errorf("%s is stored", key)
				}
			}
		})
	}
}

// TestPasswordAlone makes a username up, as Kazoo does.
func TestPasswordAlone(t *testing.T) {
	s := newService(t)
	one, two := newUser(t, s, "u1", `,"password":"pw"`), newUser(t, s, "u2", `,"password":"pw"`)
	name := one.String("username")
	if !strings.HasPrefix(name, "user_") || len(name) != 21 || name == two.String("username") || one["pvt_md5_auth"] != "md5:"+name+"pw" {
		t.Errorf("%q and %q, %v", name, two.String("username"), one["pvt_md5_auth"])
	}
}

func TestUserRefusals(t *testing.T) {
	s := newService(t)
	newUser(t, s, "u1", `,"username":"ann","password":"pw"`)
	newUser(t, s, "u2", "")
	kazoos := document.Doc{"_id": "k1", "pvt_type": userType, "username": "Kate", "pvt_md5_auth": "x"}
	if err := s.Couch.Account(account).Put(t.Context(), kazoos); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, patch, path, code string }{
		{"name in use", `{"username":"ann","password":"x"}`, "username", "unique"},
		{"in other letters", `{"username":"ANN","password":"x"}`, "username", "unique"},
		{"Kazoo's name", `{"username":"kate","password":"x"}`, "username", "unique"},
		{"no password", `{"username":"bob"}`, "password", "required"},
		{"a hash for a new name", `{"username":"bob","credentials":"abc"}`, "password", "required"},
		{"level", `{"priv_level":"root"}`, "priv_level", "enum"},
		{"level of another type", `{"priv_level":7}`, "priv_level", "enum"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := s.Patch(t.Context(), write(t, "users", "u2", tt.patch))
			at, _ := problem.AsError(err).Data[tt.path].(map[string]any)
			if err == nil || at[tt.code] == nil {
				t.Errorf("%v %v", err, problem.AsError(err).Data)
			}
		})
	}
	// What is refused leaves no reservation behind, and Kazoo's user can be
	// changed though nothing reserves its name.
	for id, patch := range map[string]string{"u2": `{"username":"bob","password":"x"}`, "k1": `{` + person + `}`} {
		if _, err := s.Patch(t.Context(), write(t, "users", id, patch)); err != nil {
			t.Errorf("%s: %v %v", id, err, problem.AsError(err).Data)
		}
	}
}

// TestPlainUsers tries to become an administrator without being one.
func TestPlainUsers(t *testing.T) {
	tests := []struct {
		name, id, data string
		want           problem.Code // "" for success
	}{
		{"raises itself", "self", `{"priv_level":"admin"}`, problem.Forbidden},
		{"raises another", "other", `{"priv_level":"admin"}`, problem.Forbidden},
		{"makes one", "", `{` + person + `,"priv_level":"admin"}`, problem.Forbidden},
		{"takes an administrator's password", "boss", `{"password":"mine"}`, problem.Forbidden},
		{"takes it by a hash", "boss", `{"credentials":"mine"}`, problem.Forbidden},
		{"renames an administrator", "boss", `{"username":"x","password":"mine"}`, problem.Forbidden},
		{"raises what it takes", "boss", `{"priv_level":"admin","password":"mine"}`, problem.Forbidden},
		{"changes its password", "self", `{"password":"mine"}`, ""},
		{"makes another", "", `{` + person + `}`, ""},
		{"corrects an administrator's name", "boss", `{"last_name":"C"}`, ""},
		{"says what is so", "boss", `{"priv_level":"admin"}`, ""},
	}
	s := newService(t)
	newUser(t, s, "self", `,"username":"self","password":"pw"`)
	newUser(t, s, "other", "")
	newUser(t, s, "boss", `,"username":"boss","password":"pw","priv_level":"admin"`)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := write(t, "users", tt.id, tt.data)
			w.Actor.Plain = true
			do := map[bool]func(context.Context, Write) (save.Saved, error){true: s.Create, false: s.Patch}[tt.id == ""]
			_, err := do(t.Context(), w)
			if got := codeOf(err); got != tt.want {
				t.Errorf("%v, want %q", err, tt.want)
			}
			if boss, err := s.Get(t.Context(), w.Kind, account, "boss"); err != nil || boss["pvt_md5_auth"] != "md5:bosspw" {
				t.Errorf("the administrator is %v, %v", boss, err)
			}
		})
	}
}

func codeOf(err error) problem.Code {
	if err == nil {
		return ""
	}
	return problem.AsError(err).Code
}

// TestUsernameRace lets many users, in two processes, take one name at once,
// new ones and renamed ones: exactly one has it, and nobody who was refused is
// left behind.
func TestUsernameRace(t *testing.T) {
	address := couchtest.URL(t)
	services := []*Service{serviceOn(t, couchtest.Open(t, address)), serviceOn(t, couchtest.Open(t, address))}
	for _, id := range []string{"r0", "r1", "r2", "r3"} {
		newUser(t, services[0], id, `,"username":"`+id+`","password":"pw"`)
	}
	var wg sync.WaitGroup
	errs := make(chan error, 20)
	for i := range cap(errs) {
		s, do, id := services[i%2], (*Service).Create, ""
		if i < 4 {
			do, id = (*Service).Patch, "r"+string(rune('0'+i))
		}
		w := write(t, "users", id, `{`+person+`,"username":"ann","password":"pw"}`)
		wg.Go(func() {
			_, err := do(s, t.Context(), w)
			errs <- err
		})
	}
	wg.Wait()
	won := 0
	for range cap(errs) {
		err := <-errs
		if err == nil {
			won++
		} else if problem.AsError(err).Data["username"] == nil {
			t.Errorf("refused with %v", err)
		}
	}
	named := 0
	for row, err := range services[0].Couch.Account(account).View(t.Context(), "users", "list_by_username", couch.Query{Key: "ann"}) {
		if err != nil {
			t.Fatal(err)
		}
		named++
		t.Logf("has the name: %s", row.ID)
	}
	page, err := services[0].List(t.Context(), account, kind(t, "users").Listing(), ListOptions{PageSize: 50})
	if err != nil || won != 1 || named != 1 || len(page.Items) < 4 || len(page.Items) > 5 {
		t.Errorf("%d won, %d have the name, %d users, %v", won, named, len(page.Items), err)
	}
}

// thief takes a reservation over right before its user is written.
type thief struct {
	steal func()
	path  string
	done  bool
}

func (th *thief) RoundTrip(r *http.Request) (*http.Response, error) {
	if !th.done && r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, th.path) {
		th.done = true
		th.steal()
	}
	return http.DefaultTransport.RoundTrip(r)
}

// TestLostUsername has another process take the reservation over between ours
// and the write: the user is as it was before, or not there.
func TestLostUsername(t *testing.T) {
	address := couchtest.URL(t)
	plain := serviceOn(t, couchtest.Open(t, address))
	newUser(t, plain, "u1", `,"username":"before","password":"pw"`)
	db := plain.Couch.Account(account)
	steal := func() {
		doc, err := db.Get(t.Context(), username("after").ReservationID())
		if err == nil {
			doc["holder"] = "thief"
			err = db.Put(t.Context(), doc)
		}
		if err != nil {
			t.Error(err)
		}
	}
	for id, do := range map[string]func(*Service) error{
		"u1": func(s *Service) error {
			_, err := s.Patch(t.Context(), write(t, "users", "u1", `{"username":"after","password":"new"}`))
			return err
		},
		"u2": func(s *Service) error {
			_, err := s.Create(t.Context(), write(t, "users", "", `{"id":"u2",`+person+`,"username":"after","password":"new"}`))
			return err
		},
	} {
		client, err := couch.Open(couch.Config{URL: address, Transport: &thief{steal: steal, path: "/" + id}})
		if err != nil {
			t.Fatal(err)
		}
		err = do(serviceOn(t, client))
		if problem.AsError(err).Data["username"] == nil {
			t.Errorf("%s: %v", id, err)
		}
		doc, err := db.Get(t.Context(), username("after").ReservationID())
		if err == nil {
			_, err = db.Delete(t.Context(), doc.ID(), doc.Rev())
		}
		if err != nil {
			t.Error(err)
		}
	}
	got, err := plain.Get(t.Context(), kind(t, "users"), account, "u1")
	if err != nil || got["username"] != "before" || got["pvt_md5_auth"] != "md5:beforepw" {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := plain.Get(t.Context(), kind(t, "users"), account, "u2"); !problem.Is(err, problem.BadIdentifier) {
		t.Errorf("left behind: %v, %v", got, err)
	}
}
