package callflow

import (
	"context"
	"fmt"
	"testing"

	"github.com/callflowd/callflowd/pkg/problem"
)

func TestThreeWayMerge(t *testing.T) {
	s := newService(t)
	base := create(t, s, `{"id":"c","name":"n","numbers":["1","2"],"flags":["a"],"flow":{"module":"menu","data":{},"children":{}}}`)
	theirs := patch(t, s, "c", `{"name":"theirs","numbers":["2","3"],"flow":{"children":{"1":{"module":"hangup"}}}}`)
	w := write(t, "c", `{"name":"n","numbers":["1","2","4158867900"],"flags":["a"],"flow":{"module":"menu","data":{"timeout":"5"},"children":{"2":{"module":"hangup"}}}}`)
	w.Base = base.Rev()
	saved, err := s.Replace(t.Context(), w)
	if err != nil {
		t.Fatalf("%v %v", err, problem.AsError(err).Data)
	}
	sameJSON(t, publicOf(saved.Doc), `{"name":"theirs","numbers":["2","+14158867900","3"],"patterns":[],"flags":["a"],
		"flow":{"module":"menu","data":{"timeout":"5"},"children":{"1":{"module":"hangup","data":{}},"2":{"module":"hangup","data":{}}}}}`)
	if got := history(t, s, "c")[0].Action; got != "merged" {
		t.Errorf("history says %s", got)
	}

	w = write(t, "c", `{"_rev":"`+theirs.Rev()+`","name":"mine"}`)
	saved, err = s.Patch(t.Context(), w)
	if err != nil || saved.Doc.String("name") != "mine" || len(saved.Doc.Strings("numbers")) != 3 {
		t.Errorf("a patch of an older version: %v, %v", saved.Doc, err)
	}
}

func TestOverlappingEditsAreRefused(t *testing.T) {
	s := newService(t)
	base := create(t, s, `{"id":"c","name":"n","numbers":["1"],"x":1}`)
	now := patch(t, s, "c", `{"name":"theirs","x":null}`)
	w := write(t, "c", `{"name":"yours","x":2}`)
	w.Base = base.Rev()
	_, err := s.Patch(t.Context(), w)
	wantError(t, err, problem.Conflict, `{"revision":"`+now.Rev()+`","conflicts":[
		{"path":"name","base":"n","yours":"yours","theirs":"theirs"},{"path":"x","base":1,"yours":2}]}`)
	w.Base = "9-gone"
	_, err = s.Patch(t.Context(), w)
	wantError(t, err, problem.Conflict, `{"base":"unavailable","revision":"`+now.Rev()+`"}`)
	w.Base = base.Rev()
	_, err = s.Delete(t.Context(), w, false)
	wantError(t, err, problem.Conflict, `{"revision":"`+now.Rev()+`","conflicts":[{"path":"name","base":"n","theirs":"theirs"},{"path":"x","base":1}]}`)
	if got, err := s.Get(t.Context(), testAccount, "c"); err != nil || got.Rev() != now.Rev() {
		t.Errorf("something was written: %v, %v", got, err)
	}
	w.Base = now.Rev()
	if _, err = s.Delete(t.Context(), w, false); err != nil {
		t.Error(err)
	}
}

// TestBaseFromHistory merges where the database has forgotten the base.
func TestBaseFromHistory(t *testing.T) {
	s := newService(t)
	base := create(t, s, `{"id":"c","name":"n","numbers":["1"]}`)
	patch(t, s, "c", `{"numbers":["1","2"]}`)
	other := newService(t)
	other.Now = s.Now
	copyDatabases(t, s, other)
	w := write(t, "c", `{"name":"new"}`)
	w.Base = base.Rev()
	saved, err := other.Patch(t.Context(), w)
	if err != nil {
		t.Fatalf("%v %v", err, problem.AsError(err).Data)
	}
	sameJSON(t, publicOf(saved.Doc), `{"name":"new","numbers":["1","2"],"patterns":[]}`)
}

func TestMalformedBaseIsRefused(t *testing.T) {
	s := newService(t)
	created := create(t, s, `{"id":"c","name":"n","numbers":["1"]}`)
	w := write(t, "c", `{"name":"yours","_rev":5}`)
	_, patched := s.Patch(t.Context(), w)
	_, deleted := s.Delete(t.Context(), w, false)
	for _, err := range []error{patched, deleted} {
		wantError(t, err, problem.Invalid, `{"_rev":{"type":{"target":"string","value":5}}}`)
	}
	if got, err := s.Get(t.Context(), testAccount, "c"); err != nil || got.Rev() != created.Rev() {
		t.Errorf("something was written: %v, %v", got, err)
	}
}

// TestDefaultsAreNoEdits merges onto a version that Kazoo stored without the
// defaults that both sides have.
func TestDefaultsAreNoEdits(t *testing.T) {
	s := newService(t)
	base := put(t, s, `{"_id":"c","pvt_type":"callflow","name":"n","numbers":["4158867900"],"flow":{"module":"user","data":{"id":"u"},"children":{}}}`)
	patch(t, s, "c", `{"flow":{"data":{"timeout":30}}}`)
	w := write(t, "c", `{"name":"yours","numbers":["4158867900"],"flow":{"module":"user","data":{"id":"u"},"children":{}}}`)
	w.Base = base.Rev()
	saved, err := s.Replace(t.Context(), w)
	if err != nil {
		t.Fatalf("%v %v", err, problem.AsError(err).Data)
	}
	sameJSON(t, publicOf(saved.Doc), `{"name":"yours","numbers":["+14158867900"],"patterns":[],
		"flow":{"module":"user","data":{"id":"u","timeout":30,"delay":0,"strategy":"simultaneous"},"children":{}}}`)
}

// TestEditAgainstDeletion: one edited what the other has deleted meanwhile.
func TestEditAgainstDeletion(t *testing.T) {
	const data = `{"id":"c","name":"n","numbers":["4158867900"],"flow":{"module":"user","data":{"id":"u"},"children":{}}}`
	for _, hard := range []bool{false, true} {
		s := newService(t)
		base := create(t, s, data)
		patch(t, s, "c", `{"name":"newer"}`)
		gone, err := s.Delete(t.Context(), write(t, "c", `{}`), hard)
		if err != nil {
			t.Fatal(err)
		}
		tests := []struct {
			name, base, data string
			save             func(context.Context, Write) (Saved, error)
			code             problem.Code
			conflicts        string
		}{
			{"patched", base.Rev(), `{"name":"x","flow":null,"k":1}`, s.Patch, problem.Conflict, `[{"path":"flow","base":` + mustJSON(t, base["flow"]) + `},
				{"path":"k","yours":1},{"path":"name","base":"n","yours":"x"}]`},
			{"replaced", base.Rev(), `{"name":"n","numbers":["1"]}`, s.Replace, problem.Conflict, `[{"path":"flow","base":` + mustJSON(t, base["flow"]) + `},
				{"path":"numbers","base":["+14158867900"],"yours":["1"]}]`},
			{"no edit", base.Rev(), data, s.Replace, problem.BadIdentifier, ""},
			{"of the deletion", gone.Doc.Rev(), `{"name":"x"}`, s.Patch, problem.BadIdentifier, ""},
			{"of no version", "1-gone", `{"name":"x"}`, s.Patch, problem.BadIdentifier, ""},
			{"no base", "", `{"name":"x"}`, s.Patch, problem.BadIdentifier, ""},
			{"a base that is none", "", `{"name":"x","_rev":5}`, s.Patch, problem.BadIdentifier, ""},
		}
		for _, tt := range tests {
			t.Run(fmt.Sprintf("%s, hard %v", tt.name, hard), func(t *testing.T) {
				w := write(t, "c", tt.data)
				w.Base = tt.base
				_, err := tt.save(t.Context(), w)
				wantError(t, err, tt.code, "")
				if tt.conflicts != "" {
					sameJSON(t, problem.AsError(err).Data["conflicts"], tt.conflicts)
				}
			})
		}
		w := write(t, "c", `{}`)
		w.Base = base.Rev()
		_, err = s.Delete(t.Context(), w, false)
		wantError(t, err, problem.BadIdentifier, "") // both deleted it
	}
}
