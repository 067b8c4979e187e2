package resource

import (
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// TestStoredFaultsDoNotFreeze: a document that another site or an older Kazoo
// stored, with something that a new one may not bring, is edited elsewhere, and
// the fault comes back as a warning (contract 9.28).
func TestStoredFaultsDoNotFreeze(t *testing.T) {
	for _, tt := range []struct{ kind, noun, members string }{
		{"devices", "device", `"name":"d","device_type":7`},
		{"devices", "device", `"name":"d","call_forward":{"enabled":true,"number":[1]}`},
		{"devices", "device", `"device_type":"sip_device"`}, // without a name
		{"users", "user", `"username":"bob","first_name":"B"`},
		{"users", "user", `"username":"bob","first_name":"B","last_name":"C","timezone":5,"priv_level":"lord"`},
		{"users", "user", `"username":"bob","first_name":"B","last_name":"C","priv_level":"lord"`},
		{"vmboxes", "vmbox", `"name":"v","mailbox":17,"pin":[]`},
		{"menus", "menu", `"name":"m","retries":"many","media":"none"`},
		{"temporal_rules", "temporal_rule", `"name":7,"cycle":"weekly"`},
	} {
		t.Run(tt.kind+" "+tt.members, func(t *testing.T) {
			s := newService(t)
			stored := document.Doc{}
			if err := stored.UnmarshalJSON([]byte(`{"_id":"x","pvt_type":"` + tt.noun + `",` + tt.members + `}`)); err != nil {
				t.Fatal(err)
			}
			if err := s.Couch.Account(account).Put(t.Context(), stored); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Create(t.Context(), write(t, tt.kind, "", `{`+tt.members+`,"password":"a long one"}`)); !problem.Is(err, problem.Invalid) {
				t.Fatalf("a new one brings it in: %v", err)
			}
			saved, err := s.Patch(t.Context(), write(t, tt.kind, "x", `{"ui":{"a":1}}`))
			if err != nil {
				t.Fatalf("patch: %v %v", err, problem.AsError(err).Data)
			}
			if len(saved.Warnings) == 0 || saved.Doc.Object("ui")["a"] == nil {
				t.Errorf("patched to %v with %v", saved.Doc, saved.Warnings)
			}
			saved, err = s.Replace(t.Context(), write(t, tt.kind, "x", `{`+tt.members+`,"flags":["f"]}`))
			if err != nil || len(saved.Doc.Strings("flags")) != 1 {
				t.Errorf("replace: %v, %v %v", saved.Doc, err, problem.AsError(err).Data)
			}
			if _, err := s.Patch(t.Context(), write(t, tt.kind, "x", `{"name":{"no":"text"}}`)); tt.kind != "users" && !problem.Is(err, problem.Invalid) {
				t.Errorf("an edit brings a fault of its own: %v", err)
			}
		})
	}
}
