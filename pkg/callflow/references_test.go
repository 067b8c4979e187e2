package callflow

import (
	"testing"

	"github.com/callflowd/callflowd/pkg/problem"
)

func TestReferences(t *testing.T) {
	s := newService(t)
	const target = "0123456789abcdef0123456789abcdef"
	create(t, s, `{"id":"`+target+`","numbers":["1"],"owner_id":"`+target+`"}`)
	create(t, s, `{"id":"flow","name":"Main","numbers":["2"],"flow":{"module":"menu","data":{},"children":{
		"1":{"module":"callflow","data":{"id":"`+target+`"}},"`+target+`":{"module":"hangup"},"a.b":{"module":"set_variable","data":{"value":"`+target+`"}}}}}`)
	put(t, s, `{"_id":"device","pvt_type":"device","name":"Phone","list":[{"callflow_id":"`+target+`"}],"pvt_note_id":"`+target+`"}`)
	put(t, s, `{"_id":"gone","pvt_type":"device","pvt_deleted":true,"callflow_id":"`+target+`"}`)
	put(t, s, `{"_id":"acc","pvt_type":"account","preflow":{"always":"short"}}`)
	got, err := s.References(t.Context(), testAccount, target)
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, got, `[
		{"id":"device","type":"device","name":"Phone","path":"list.0.callflow_id"},
		{"id":"flow","type":"callflow","name":"Main","path":"flow.children.`+target+`"},
		{"id":"flow","type":"callflow","name":"Main","path":"flow.children.1.data.id"},
		{"id":"flow","type":"callflow","name":"Main","path":"flow.children.a%2Eb.data.value"}]`)
	_, err = s.References(t.Context(), testAccount, "short")
	wantError(t, err, problem.BadIdentifier, "")
	create(t, s, `{"id":"short","numbers":["3"]}`)
	short, err := s.References(t.Context(), testAccount, "short")
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, short, `[{"id":"acc","type":"account","path":"preflow.always"}]`)
	none, err := s.References(t.Context(), testAccount, "flow")
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, none, `[]`)
}

func TestDeleteOfWhatIsReferenced(t *testing.T) {
	s := newService(t)
	create(t, s, `{"id":"target","numbers":["1"]}`)
	create(t, s, `{"id":"flow","numbers":["2"],"flow":{"module":"callflow","data":{"id":"target"}}}`)
	w := write(t, "target", `{}`)
	w.RefuseIfReferenced = true
	_, err := s.Delete(t.Context(), w, false)
	wantError(t, err, problem.Conflict, "")
	w.RefuseIfReferenced = false
	saved, err := s.Delete(t.Context(), w, false)
	if err != nil {
		t.Fatal(err)
	}
	if len(saved.Warnings) != 1 || saved.Warnings[0].Code != "referenced" || saved.Warnings[0].Members["path"] != "flow.data.id" {
		t.Errorf("warnings %v", saved.Warnings)
	}
}
