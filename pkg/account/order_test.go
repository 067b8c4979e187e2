package account_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
)

// TestDialPlanKeepsItsOrder changes other things in an account whose rules
// Kazoo wrote in an order that is not the alphabet's, and looks at both copies
// and at what numbers become.
func TestDialPlanKeepsItsOrder(t *testing.T) {
	const plan = `{"^(\\d{7})$":{"prefix":"+1415"},"^(\\d+)$":{"prefix":"+44"},"(.)":{"suffix":"x"}}`
	s, master := newService(t)
	ctx, id := t.Context(), create(t, s, master, "Acme")
	doc, err := s.Get(ctx, id)
	check(t, err)
	doc["dial_plan"] = json.RawMessage(plan)
	check(t, s.Couch.Account(id).Put(ctx, doc))
	_, err = s.Get(ctx, id) // repairs the copy
	check(t, err)
	_, err = s.Patch(ctx, account.Write{ID: id, Data: document.Doc{"name": "Acme 2"}})
	check(t, err)
	for _, db := range []*couch.DB{s.Couch.Account(id), s.Couch.DB("accounts")} {
		raw, err := db.GetRaw(ctx, id)
		check(t, err)
		if !strings.Contains(string(raw), plan) || !strings.Contains(string(raw), "Acme 2") {
			t.Errorf("%s has %s", db.Name(), raw)
		}
	}
	state, err := s.State(ctx, id)
	check(t, err)
	if got := number.Normalize("8867900", state.DialPlan); got != "+14158867900" {
		t.Errorf("normalised to %s", got)
	}
	text, err := json.Marshal(s.Snapshot())
	check(t, err)
	var snapshot []account.Remembered
	check(t, json.Unmarshal(text, &snapshot))
	restarted := &account.Service{Couch: s.Couch}
	restarted.Restore(snapshot)
	for _, held := range restarted.Snapshot() {
		if held.State.ID == id && number.Normalize("8867900", held.State.DialPlan) != "+14158867900" {
			t.Errorf("restored %+v", held.State)
		}
	}
}

// TestDialPlanOfClients sends plans undecoded and looks at what is stored.
func TestDialPlanOfClients(t *testing.T) {
	s, master := newService(t)
	ctx := t.Context()
	doc, err := s.Create(ctx, master, document.Doc{"name": "Acme", "dial_plan": json.RawMessage(`{"z":{},"m":{},"a":{}}`)}, account.Actor{})
	check(t, err)
	id := doc.ID()
	stored := func(want string) {
		t.Helper()
		for _, db := range []*couch.DB{s.Couch.Account(id), s.Couch.DB("accounts")} {
			raw, err := db.GetRaw(ctx, id)
			check(t, err)
			if !strings.Contains(string(raw), `"dial_plan":`+want) {
				t.Errorf("%s has %s, want %s", db.Name(), raw, want)
			}
		}
	}
	stored(`{"z":{},"m":{},"a":{}}`)
	if doc.Object("dial_plan")["z"] == nil {
		t.Errorf("created %v", doc)
	}
	patch := func(plan any) {
		t.Helper()
		_, err := s.Patch(ctx, account.Write{ID: id, Data: document.Doc{"dial_plan": plan}})
		check(t, err)
	}
	patch(json.RawMessage(`{"y":{"prefix":"1"},"b":{"prefix":"2"},"m":null,"a":{"suffix":"3"}}`))
	stored(`{"z":{},"a":{"suffix":"3"},"y":{"prefix":"1"},"b":{"prefix":"2"}}`)
	patch(map[string]any{"z": nil, "c": map[string]any{}}) // decoded: what is new comes last
	stored(`{"a":{"suffix":"3"},"y":{"prefix":"1"},"b":{"prefix":"2"},"c":{}}`)
	replace := document.Doc{"name": "Acme", "dial_plan": json.RawMessage(`{"y":{},"c":{},"a":{}}`)}
	_, err = s.Replace(ctx, account.Write{ID: id, Data: replace})
	check(t, err)
	stored(`{"y":{},"c":{},"a":{}}`)
	patch(json.RawMessage(`"none"`))
	stored(`"none"`)
	own, err := s.Couch.Account(id).Get(ctx, id) // lost, and put back from the copy
	check(t, err)
	_, err = s.Couch.Account(id).Delete(ctx, id, own.Rev())
	check(t, err)
	patch(json.RawMessage(`{"q":{},"a":{}}`))
	stored(`{"q":{},"a":{}}`)
}
