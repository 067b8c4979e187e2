package account_test

import (
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// TestStoredFaultsDoNotFreeze: an account with something that a new one may not
// bring is edited elsewhere, and the fault comes back as a warning (contract 9.28).
func TestStoredFaultsDoNotFreeze(t *testing.T) {
	for _, members := range []string{
		`{"name":""}`, `{"name":7}`, `{"realm":"abc"}`, `{"realm":["a"]}`, `{"realm":"` + strings.Repeat("r", 254) + `"}`,
	} {
		t.Run(members, func(t *testing.T) {
			s, master := newService(t)
			ctx, id := t.Context(), create(t, s, master, "Acme")
			_, err := s.Create(ctx, master, mixed(t, document.Doc{"name": "New"}, members), account.Actor{AccountID: master})
			if !problem.Is(err, problem.Invalid) {
				t.Fatalf("a new account brings it in: %v", err)
			}
			db := s.Couch.DB(couch.AccountDB(id))
			doc, err := db.Get(ctx, id)
			check(t, err)
			check(t, db.Put(ctx, mixed(t, doc, members)))
			saved, err := s.Patch(ctx, account.Write{ID: id, Data: document.Doc{"x": "y"}})
			if err != nil {
				t.Fatalf("patch: %v %v", err, problem.AsError(err).Data)
			}
			if len(saved.Warnings) == 0 || saved.Doc.String("x") != "y" {
				t.Errorf("patched to %v with %v", saved.Doc, saved.Warnings)
			}
			saved, err = s.Replace(ctx, account.Write{ID: id, Data: mixed(t, document.Doc{"name": "Acme", "x": "z"}, members)})
			if err != nil || saved.Doc.String("x") != "z" {
				t.Errorf("replace: %v, %v %v", saved.Doc, err, problem.AsError(err).Data)
			}
			_, err = s.Patch(ctx, account.Write{ID: id, Data: document.Doc{"realm": 7}})
			wantCode(t, err, problem.Invalid)
		})
	}
}

// mixed returns a document with further members.
func mixed(t *testing.T, doc document.Doc, members string) document.Doc {
	t.Helper()
	out := doc.Clone()
	for k, v := range couchtest.JSON[document.Doc](t, members) {
		out[k] = v
	}
	return out
}
