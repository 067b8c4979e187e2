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
	changed, err := s.Patch(ctx, account.Write{ID: id, Data: document.Doc{"dial_plan": map[string]any{"(.)": nil}}})
	check(t, err)
	if len(changed.Object("dial_plan")) != 2 {
		t.Errorf("rules %v", changed.Object("dial_plan"))
	}
}
