package callflow

import (
	"context"
	"fmt"
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
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

// TestMergePrivate: what one side changed in private fields is taken, what both
// changed is a conflict, and what each write sets is neither.
func TestMergePrivate(t *testing.T) {
	const file = `"_attachments":{"f":{"digest":"md5-`
	tests := []struct {
		name                string
		base, winner, other string
		want                string // the private fields; "" for a conflict
		clash               string
	}{
		{"nothing changed", `{"pvt_x":1}`, `{"pvt_x":1}`, `{"pvt_x":1}`, `{"pvt_x":1}`, ""},
		{"the winner's", `{"pvt_x":1}`, `{"pvt_x":2}`, `{"pvt_x":1}`, `{"pvt_x":2}`, ""},
		{"the other's", `{"pvt_x":1}`, `{"pvt_x":1}`, `{"pvt_x":2}`, `{"pvt_x":2}`, ""},
		{"added", `{}`, `{}`, `{"pvt_x":2}`, `{"pvt_x":2}`, ""},
		{"removed", `{"pvt_x":1,"pvt_y":1}`, `{"pvt_x":1,"pvt_y":1}`, `{"pvt_y":1}`, `{"pvt_y":1}`, ""},
		{"one each", `{}`, `{"pvt_x":1}`, `{"pvt_y":2}`, `{"pvt_x":1,"pvt_y":2}`, ""},
		{"both alike", `{"pvt_x":1}`, `{"pvt_x":2}`, `{"pvt_x":2}`, `{"pvt_x":2}`, ""},
		{"both", `{"pvt_x":1}`, `{"pvt_x":2}`, `{"pvt_x":3}`, "", "pvt_x"},
		{"changed and removed", `{"pvt_x":1}`, `{"pvt_x":2}`, `{}`, "", "pvt_x"},
		{"what each write sets", `{}`, `{"pvt_modified":1}`, `{"pvt_modified":2}`, `{"pvt_modified":1}`, ""},
		{"public fields", `{}`, `{"name":"a"}`, `{"name":"b"}`, `{}`, ""},
		{"one file", `{}`, `{` + file + `1"}}}`, `{` + file + `1"}}}`, `{` + file + `1"}}}`, ""},
		{"another file", `{}`, `{` + file + `1"}}}`, `{` + file + `2"}}}`, "", "_attachments"},
		{"a file more", `{}`, `{}`, `{` + file + `2"}}}`, "", "_attachments"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := mergePrivate(doc(t, tt.base), doc(t, tt.winner), doc(t, tt.other))
			if tt.clash != "" {
				wantError(t, err, problem.Conflict, `{"conflicts":[{"path":"`+tt.clash+`"}],"revision":""}`)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			sameJSON(t, got, tt.want)
		})
	}
}

func TestSameContent(t *testing.T) {
	const one = `{"_id":"c","_rev":"1-a","name":"n","pvt_modified":1,"_attachments":{"f":{"digest":"md5-1"}}}`
	for name, tt := range map[string]struct {
		other string
		want  bool
	}{
		"written again":   {`{"_id":"c","_rev":"2-b","id":"c","name":"n","metadata":{},"pvt_modified":2,"_attachments":{"f":{"digest":"md5-1","length":1}}}`, true},
		"another name":    {`{"name":"m","_attachments":{"f":{"digest":"md5-1"}}}`, false},
		"another file":    {`{"name":"n","_attachments":{"f":{"digest":"md5-2"}}}`, false},
		"no file":         {`{"name":"n"}`, false},
		"deleted":         {`{"name":"n","pvt_deleted":true,"_attachments":{"f":{"digest":"md5-1"}}}`, false},
		"a private field": {`{"name":"n","pvt_x":1,"_attachments":{"f":{"digest":"md5-1"}}}`, false},
	} {
		if got := sameContent(doc(t, one), doc(t, tt.other)); got != tt.want {
			t.Errorf("%s: the same content: %v", name, got)
		}
	}
}

// TestResolutionIsSigned: a document of another kind tells who chose the
// revision that was kept.
func TestResolutionIsSigned(t *testing.T) {
	s := newService(t)
	fork(t, s, "d", `{"pvt_type":"device","name":"a"}`, `{"pvt_type":"device","name":"b"}`, `{"pvt_type":"device","name":"c"}`)
	w := write(t, "d", `{}`)
	w.Actor.RequestID = "settled"
	if _, err := s.Resolve(t.Context(), w, Resolution{Keep: "2-b"}); err != nil {
		t.Fatal(err)
	}
	got, err := s.Couch.Account(testAccount).Get(t.Context(), "d")
	if err != nil {
		t.Fatal(err)
	}
	if trace := document.Doc(got.Object(document.TraceKey)); got.String("name") != "b" || trace.String("action") != "merged" || trace.String("request_id") != "settled" {
		t.Errorf("stored %v", got)
	}
	w.ID = "none"
	fork(t, s, "none", `{"pvt_type":"device"}`, `{"pvt_type":"device","name":"b"}`, `{"pvt_type":"device","name":"c"}`)
	_, err = s.Resolve(t.Context(), w, Resolution{Keep: "9-z"})
	wantError(t, err, problem.Invalid, `{"keep":{"enum":{"target":["2-c","2-b"],"value":"9-z"}}}`)
}
