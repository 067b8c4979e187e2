package callflow

import (
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/problem"
)

// TestKazooSequence is the sequence of Kazoo's own API test (contract 7.5).
func TestKazooSequence(t *testing.T) {
	s := newService(t)
	wantIDs := func(want ...string) {
		t.Helper()
		page, err := s.List(t.Context(), testAccount, ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Items) != len(want) {
			t.Fatalf("%d items, want %d: %s", len(page.Items), len(want), page.Items)
		}
		for i, id := range want {
			if got := doc(t, string(page.Items[i])).String("id"); got != id {
				t.Errorf("item %d is %s, want %s", i, got, id)
			}
		}
	}
	wantIDs()
	saved := create(t, s, `{"numbers":["2600"],"patterns":[]}`)
	patched := patch(t, s, saved.ID(), `{"custom":"value"}`)
	if patched.String("custom") != "value" || len(patched.Strings("numbers")) != 1 {
		t.Errorf("patched to %v", patched)
	}
	wantIDs(saved.ID())
	remove(t, s, saved.ID())
	wantIDs()
	_, err := s.Create(t.Context(), write(t, "", `{"numbers":["345"],"flow":{"module":"pivot","data":{"voice_url":"http://localhost/123"}}}`))
	wantError(t, err, problem.Invalid, `{"flow.data.voice_url":{"error":{"value":"http://localhost/123"}}}`)
	wantIDs()
}

func TestCreateStoresPrivateFields(t *testing.T) {
	s := newService(t)
	saved := create(t, s, `{"name":"Main 1","numbers":["4158867900"],"metadata":{"x":1},"pvt_type":"user","_rev":"","id":"main","unknown":{"a":null}}`)
	stored, err := s.Get(t.Context(), testAccount, "main")
	if err != nil {
		t.Fatal(err)
	}
	if stored.Rev() != saved.Rev() || saved.Rev() == "" {
		t.Errorf("stored as %s, answered %s", stored.Rev(), saved.Rev())
	}
	for _, k := range []string{"pvt_created", "pvt_modified", "_rev"} {
		if _, ok := stored[k]; !ok {
			t.Errorf("%s is missing", k)
		}
		delete(stored, k)
	}
	sameJSON(t, stored, `{"_id":"main","name":"Main 1","numbers":["+14158867900"],"patterns":[],"unknown":{"a":null},
		"pvt_type":"callflow","pvt_vsn":"1","pvt_account_id":"`+testAccount+`","pvt_account_db":"account%2Fab%2Fcd%2Fef0123456789abcdef0123456789",
		"pvt_request_id":"r1","pvt_is_authenticated":true,"pvt_auth_account_id":"`+testAccount+`","pvt_auth_user_id":"u1","pvt_alphanum_name":"main1",
		"pvt_callflowd":{"action":"created","client_ip":"192.0.2.1","generation":1,"request_id":"r1"}}`)
}

func TestCreateIDs(t *testing.T) {
	s := newService(t)
	create(t, s, `{"_id":"taken","numbers":["1"]}`)
	create(t, s, `{"id":"gone","numbers":["2"]}`)
	remove(t, s, "gone")
	put(t, s, `{"_id":"device","pvt_type":"device"}`)
	for _, id := range []string{"taken", "gone", "device"} {
		_, err := s.Create(t.Context(), write(t, "", `{"id":"`+id+`","numbers":["3"]}`))
		wantError(t, err, problem.Conflict, "")
		data := problem.AsError(err).Data
		if text, _ := data["message"].(string); strings.Contains(text, "restore") != (id == "gone") || (data["deleted"] == true) != (id == "gone") {
			t.Errorf("%s: %v", id, data)
		}
	}
	for _, id := range []string{`"_design/x"`, `"-x"`, `"a/b"`, `5`, `"validate"`, `"a\n"`} {
		_, err := s.Create(t.Context(), write(t, "", `{"id":`+id+`,"numbers":["3"]}`))
		wantError(t, err, problem.Invalid, `{"id":{"error":{"value":`+id+`}}}`)
	}
	if got := create(t, s, `{"id":"","numbers":["3"]}`).ID(); len(got) != 32 {
		t.Errorf("made the id %q", got)
	}
}

func TestReplaceAndPatch(t *testing.T) {
	s := newService(t)
	put(t, s, `{"_id":"c","pvt_type":"callflow","pvt_created":5,"pvt_kazoo":"k","numbers":["1"],"name":"old","ui":{"a":1,"b":null}}`)
	patched := patch(t, s, "c", `{"ui":{"c":2},"_id":"x","id":"y","pvt_type":"device","numbers":["1","2"]}`)
	sameJSON(t, publicOf(patched), `{"name":"old","numbers":["1","2"],"patterns":[],"ui":{"a":1,"c":2}}`)
	if patched.ID() != "c" || patched.Type() != "callflow" || patched.String("pvt_kazoo") != "k" {
		t.Errorf("private fields changed: %v", patched)
	}
	saved, err := s.Replace(t.Context(), write(t, "c", `{"numbers":["2"],"id":"z"}`))
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, publicOf(saved.Doc), `{"numbers":["2"],"patterns":[]}`)
	if _, ok := saved.Doc["pvt_alphanum_name"]; ok || saved.Doc["pvt_created"] == nil {
		t.Errorf("private fields %v", saved.Doc)
	}
}

func TestUnknownCallflows(t *testing.T) {
	s := newService(t)
	create(t, s, `{"id":"gone","numbers":["1"]}`)
	remove(t, s, "gone")
	put(t, s, `{"_id":"device","pvt_type":"device"}`)
	for _, id := range []string{"gone", "device", "never", "_design/callflows"} {
		w := write(t, id, `{"numbers":[]}`)
		want := `{"cause":"` + id + `"}`
		_, err := s.Get(t.Context(), testAccount, id)
		wantError(t, err, problem.BadIdentifier, want)
		_, err = s.Patch(t.Context(), w)
		wantError(t, err, problem.BadIdentifier, want)
		_, err = s.Replace(t.Context(), w)
		wantError(t, err, problem.BadIdentifier, want)
		_, err = s.Delete(t.Context(), w, false)
		wantError(t, err, problem.BadIdentifier, want)
	}
}

func TestDelete(t *testing.T) {
	s := newService(t)
	created := create(t, s, `{"id":"c","numbers":["1"],"name":"n"}`)
	deleted := remove(t, s, "c")
	sameJSON(t, deleted.Public(), `{"id":"c","numbers":["1"],"name":"n","patterns":[],"_read_only":{"deleted":true}}`)
	stored, err := s.Couch.Account(testAccount).Get(t.Context(), "c")
	if err != nil || stored.Live() || stored.Rev() != deleted.Rev() || stored.Rev() == created.Rev() {
		t.Errorf("stored %v, %v", stored, err)
	}
	if _, ok := stored["_read_only"]; ok {
		t.Error("_read_only was stored")
	}
	create(t, s, `{"id":"d","numbers":["1"]}`)
	saved, err := s.Delete(t.Context(), write(t, "d", `{}`), true)
	if err != nil || saved.Doc.Rev() == "" {
		t.Fatalf("hard delete: %v, %v", saved.Doc, err)
	}
	_, err = s.Couch.Account(testAccount).Get(t.Context(), "d")
	wantError(t, err, problem.BadIdentifier, "")
	create(t, s, `{"id":"d","numbers":["1"]}`)
}

func TestPreconditionsAreAskedFirst(t *testing.T) {
	s := newService(t)
	rev := create(t, s, `{"id":"c","numbers":["1"]}`).Rev()
	w := write(t, "c", `{"name":"n"}`)
	var asked []string
	w.Check = func(stored string) error {
		asked = append(asked, stored)
		return &problem.Error{Code: problem.PreconditionFailed}
	}
	_, err := s.Patch(t.Context(), w)
	wantError(t, err, problem.PreconditionFailed, "")
	_, err = s.Delete(t.Context(), w, false)
	wantError(t, err, problem.PreconditionFailed, "")
	w.ID = ""
	_, err = s.Create(t.Context(), w)
	wantError(t, err, problem.PreconditionFailed, "")
	if len(asked) != 3 || asked[0] != rev || asked[1] != rev || asked[2] != "" {
		t.Errorf("asked with %q", asked)
	}
	if got, err := s.Get(t.Context(), testAccount, "c"); err != nil || got.Rev() != rev {
		t.Errorf("something was written: %v, %v", got, err)
	}
}
