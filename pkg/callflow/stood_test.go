package callflow

import (
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/save"
)

// faulty are callflows as Kazoo or another site may have stored them, each
// with something that no save of ours would bring (contract 9.28).
func faultyCallflows() map[string]string {
	return map[string]string{
		"a pattern that does not compile": `"numbers":["1"],"patterns":["^1$","(("]`,
		"an unknown module":               `"numbers":["1"],"flow":{"module":"nosuch","data":{}}`,
		"no module":                       `"numbers":["1"],"flow":{"data":{}}`,
		"a wrong type deep below":         `"numbers":["1"],"flow":{"module":"user","data":{"id":"u","timeout":"long"},"children":{"_":{"module":"play","data":{"answer":"often"}}}}`,
		"empty endpoints":                 `"numbers":["1"],"flow":{"module":"ring_group","data":{"name":"g","endpoints":[]}}`,
		"an address inside the network":   `"numbers":["1"],"flow":{"module":"pivot","data":{"voice_url":"http://localhost/123"}}`,
		"numbers of no text":              `"numbers":["1",5,""]`,
		"nothing to dial":                 `"flow":{"module":"hangup","data":{}}`,
		"a name of another type":          `"numbers":["1"],"name":7`,
	}
}

func TestWhatStoodBeforeIsAWarning(t *testing.T) {
	for name, members := range faultyCallflows() {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			stored := put(t, s, `{"_id":"c","pvt_type":"callflow","pvt_created":5,"pvt_modified":5,`+members+`}`)
			if _, err := s.Create(t.Context(), write(t, "", `{`+members+`}`)); !problem.Is(err, problem.Invalid) {
				t.Fatalf("a new callflow brings it in: %v", err)
			}
			saved, err := s.Patch(t.Context(), write(t, "c", `{"ui":{"a":1}}`))
			if err != nil {
				t.Fatalf("patch: %v %v", err, problem.AsError(err).Data)
			}
			if len(saved.Warnings) == 0 || saved.Doc.Object("ui")["a"] == nil {
				t.Errorf("patched to %v with %v", saved.Doc, saved.Warnings)
			}
			if got, err := s.Validate(t.Context(), write(t, "", `{"id":"c",`+members+`}`)); err != nil || !got.Valid {
				t.Errorf("validate: %+v, %v", got, err)
			}
			w := write(t, "c", `{`+members+`,"flags":["f"]}`)
			w.Base = stored.Rev()
			saved, err = s.Replace(t.Context(), w)
			if err != nil || saved.Doc.Object("ui")["a"] == nil || len(saved.Doc.Strings("flags")) != 1 {
				t.Errorf("merge: %v, %v %v", saved.Doc, err, problem.AsError(err).Data)
			}
			remove(t, s, "c")
			if _, err := s.Restore(t.Context(), write(t, "c", `{}`), stored.Rev()); err != nil {
				t.Errorf("restore: %v %v", err, problem.AsError(err).Data)
			}
			if _, err := s.Delete(t.Context(), write(t, "c", `{}`), true); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Restore(t.Context(), write(t, "c", `{}`), stored.Rev()); err != nil {
				t.Errorf("bring back: %v %v", err, problem.AsError(err).Data)
			}
		})
	}
}

// TestAnEditBringsItsOwnProblems has one old fault, and edits that bring
// another.
func TestAnEditBringsItsOwnProblems(t *testing.T) {
	s := newService(t)
	put(t, s, `{"_id":"c","pvt_type":"callflow","numbers":["1"],"patterns":["(("],"flow":{"module":"user","data":{"id":"u","timeout":"long"}}}`)
	for name, edit := range map[string]string{
		"another pattern":           `{"patterns":["((","[["]}`,
		"another value there":       `{"flow":{"data":{"timeout":"longer"}}}`,
		"the same at another place": `{"flow":{"children":{"_":{"module":"user","data":{"id":"v","timeout":"long"}}}}}`,
	} {
		_, err := s.Patch(t.Context(), write(t, "c", edit))
		if !problem.Is(err, problem.Invalid) || len(problem.AsError(err).Data) != 1 {
			t.Errorf("%s: %v %v", name, err, problem.AsError(err).Data)
		}
	}
	if _, err := s.Patch(t.Context(), write(t, "c", `{"patterns":["^5$","(("]}`)); err != nil {
		t.Errorf("an item moved: %v %v", err, problem.AsError(err).Data)
	}
}

// TestAFaultyConflictIsSettled merges two leaves that both have an old fault.
func TestAFaultyConflictIsSettled(t *testing.T) {
	for _, how := range []Resolution{{Merge: true}, {Keep: "2-b"}} {
		s := newService(t)
		fork(t, s, "c", `{"pvt_type":"callflow","numbers":["1"],"patterns":["(("]}`,
			`{"pvt_type":"callflow","numbers":["1"],"patterns":["(("],"name":"one"}`,
			`{"pvt_type":"callflow","numbers":["1"],"patterns":["(("],"other":"two"}`)
		leaves, err := save.Living(t.Context(), s.Couch.Account(testAccount), "c")
		if err != nil || len(leaves) != 2 {
			t.Fatalf("%d leaves, %v", len(leaves), err)
		}
		if how.Keep != "" {
			how.Keep = leaves[1].Rev()
		}
		saved, err := s.Resolve(t.Context(), write(t, "c", `{}`), how)
		if err != nil || saved.Doc.Strings("patterns")[0] != "((" {
			t.Errorf("%+v: %v, %v %v", how, saved.Doc, err, problem.AsError(err).Data)
		}
	}
}

// TestForeignNumbersThatStoodBefore do not freeze a callflow either.
func TestForeignNumbersThatStoodBefore(t *testing.T) {
	s := newService(t)
	for _, name := range []string{"accounts", "numbers/+1415"} {
		if err := s.Couch.CreateDB(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []string{"+14155550002", "+14155550003"} {
		foreign := document.Doc{"_id": n, "pvt_assigned_to": strings.Repeat("1", 32), "pvt_state": "in_service"}
		if err := s.Couch.DB("numbers/+1415").Put(t.Context(), foreign); err != nil {
			t.Fatal(err)
		}
	}
	put(t, s, `{"_id":"c","pvt_type":"callflow","numbers":["+14155550002"]}`)
	patch(t, s, "c", `{"name":"n"}`)
	_, err := s.Create(t.Context(), write(t, "", `{"numbers":["4155550003"]}`))
	wantError(t, err, problem.Forbidden, "")
}
