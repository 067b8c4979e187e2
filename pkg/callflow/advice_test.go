package callflow

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/schema"
)

// warningsOf saves a callflow and returns its warnings with a code.
func warningsOf(t *testing.T, s *Service, data, code string) []problem.Warning {
	t.Helper()
	saved, err := s.Create(t.Context(), write(t, "", data))
	if err != nil {
		t.Fatalf("%v %v", err, problem.AsError(err).Data)
	}
	var out []problem.Warning
	for _, w := range saved.Warnings {
		if w.Code == code {
			out = append(out, w)
		}
	}
	return out
}

func TestDanglingReferences(t *testing.T) {
	s := newService(t)
	put(t, s, `{"_id":"0123456789abcdef0123456789abcde0","pvt_type":"menu"}`)
	put(t, s, `{"_id":"gone","pvt_type":"device","pvt_deleted":true}`)
	got := warningsOf(t, s, `{"numbers":["1"],"flow":{"module":"menu","data":{"id":"0123456789abcdef0123456789abcde0"},"children":{
		"1":{"module":"device","data":{"id":"gone"}},"2":{"module":"user","data":{"id":"never"}}}}}`, "dangling_reference")
	if len(got) != 2 {
		t.Fatalf("warnings %v", got)
	}
	for i, want := range []problem.Warning{
		{Path: "flow.children.1.data.id", Members: map[string]any{"value": "gone", "type": "device", "deleted": true}},
		{Path: "flow.children.2.data.id", Members: map[string]any{"value": "never", "type": "user", "deleted": false}},
	} {
		if got[i].Path != want.Path || !reflect.DeepEqual(got[i].Members, want.Members) {
			t.Errorf("warning %+v, want %+v", got[i], want)
		}
	}
}

func TestWrongReferences(t *testing.T) {
	s := newService(t)
	put(t, s, `{"_id":"someone","pvt_type":"user"}`)
	put(t, s, `{"_id":"typeless"}`)
	got := warningsOf(t, s, `{"id":"me","numbers":["1"],"flow":{"module":"menu","data":{"id":"someone"},"children":{
		"1":{"module":"user","data":{"id":"someone"}},"2":{"module":"device","data":{"id":"typeless"}},"3":{"module":"callflow","data":{"id":"me"}}}}}`, "wrong_reference")
	want := map[string]any{"value": "someone", "type": "menu", "actual": "user"}
	if len(got) != 1 || got[0].Path != "flow.data.id" || !reflect.DeepEqual(got[0].Members, want) {
		t.Errorf("warnings %v", got)
	}
}

func TestAdviseReferences(t *testing.T) {
	s := newService(t)
	put(t, s, `{"_id":"main","pvt_type":"callflow"}`)
	metaflows := doc(t, `{"numbers":{"1":{"module":"callflow","data":{"id":"main"}},"2":{"module":"callflow","data":{"id":"none"}}}}`)
	got := s.AdviseReferences(t.Context(), testAccount, schema.WalkMetaflows("", metaflows))
	if len(got) != 1 || got[0].Path != "numbers.2.data.id" || got[0].Code != "dangling_reference" {
		t.Errorf("warnings %v", got)
	}
	if got := s.AdviseReferences(t.Context(), testAccount, schema.WalkMetaflows("", nil)); got != nil {
		t.Errorf("out of nothing: %v", got)
	}
}

// A metaflow waits for a key each time, so it may lead to its own callflow.
func TestMetaflowIsNoCycle(t *testing.T) {
	s := newService(t)
	got := warningsOf(t, s, `{"id":"again","numbers":["1"],"metaflow":{"numbers":{"1":{"module":"callflow","data":{"id":"again"}}}}}`, "cycle")
	if len(got) != 0 {
		t.Errorf("warnings %v", got)
	}
}

func TestCycles(t *testing.T) {
	s := newService(t)
	calls := func(target string) string { return `"flow":{"module":"callflow","data":{"id":"` + target + `"}}` }
	if got := warningsOf(t, s, `{"id":"self","numbers":["0"],`+calls("self")+`}`, "cycle"); len(got) != 1 ||
		!reflect.DeepEqual(got[0].Members["cycle"], []string{"self", "self"}) || got[0].Path != "flow.data.id" {
		t.Errorf("a flow that calls itself: %v", got)
	}
	if got := warningsOf(t, s, `{"id":"a","numbers":["1"],`+calls("b")+`}`, "cycle"); len(got) != 0 {
		t.Errorf("no cycle yet: %v", got)
	}
	if got := warningsOf(t, s, `{"id":"b","numbers":["2"],`+calls("c")+`}`, "cycle"); len(got) != 0 {
		t.Errorf("no cycle yet: %v", got)
	}
	got := warningsOf(t, s, `{"id":"c","numbers":["3"],`+calls("a")+`}`, "cycle")
	if len(got) != 1 || !reflect.DeepEqual(got[0].Members["cycle"], []string{"c", "a", "b", "c"}) {
		t.Errorf("cycle %v", got)
	}
	if got := warningsOf(t, s, `{"id":"d","numbers":["4"],`+calls("a")+`}`, "cycle"); len(got) != 0 {
		t.Errorf("d leads into a cycle but is not in it: %v", got)
	}
}

// A module that only names a callflow does not go on there.
func TestNamingIsNoCycle(t *testing.T) {
	s := newService(t)
	got := warningsOf(t, s, `{"id":"ring","numbers":["1"],"flow":{"module":"ring_group_toggle","data":{"action":"login","callflow_id":"ring"}}}`, "cycle")
	if len(got) != 0 {
		t.Errorf("warnings %v", got)
	}
}

// Warnings of references under a long key stay in proportion.
func TestDanglingReferencesAreBounded(t *testing.T) {
	s := newService(t)
	nodes := make([]string, 300)
	for i := range nodes {
		nodes[i] = fmt.Sprintf(`"%d":{"module":"menu","data":{"id":"gone%d"}}`, i, i)
	}
	for _, key := range []string{"1", strings.Repeat("k", 100_000)} {
		flow := `{"numbers":["1"],"flow":{"module":"menu","children":{"` + key + `":{"module":"menu","children":{` + strings.Join(nodes, ",") + `}}}}}`
		size, warnings := 0, verdict(t, s, flow).Warnings
		for _, w := range warnings {
			size += len(w.Path)
		}
		if len(warnings) == 0 || len(warnings) > 2*maxDangling || size > 8*maxDanglingPaths {
			t.Errorf("%d warnings, %d bytes of paths", len(warnings), size)
		}
	}
}
