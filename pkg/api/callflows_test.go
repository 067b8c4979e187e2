package api

import (
	"net/http"
	"testing"
)

func TestCallflowLifeCycle(t *testing.T) {
	w := newWorld(t, nil)
	acct, mine := w.newAccount("first")
	base := "/v2/accounts/" + acct
	if got := mine.send(get, base+"/callflows", "").want(http.StatusOK).items(); len(got) != 0 {
		t.Fatalf("a new account has callflows: %v", got)
	}
	made := mine.send(put, base+"/callflows", `{"data":{"name":"main","numbers":["4158867900"],"patterns":["^\\*97$"],
		"flow":{"module":"user","data":{"id":"u1"},"children":{}}}}`).want(http.StatusCreated)
	id, _ := made.data("id").(string)
	if made.header.Get("Location") != base+"/callflows/"+id || made.data("numbers", 0) != "+14158867900" {
		t.Errorf("location %q, data %v", made.header.Get("Location"), made.data())
	}
	one := mine.send(get, base+"/callflows/"+id, "").want(http.StatusOK)
	if one.header.Get("ETag") != `"`+made.env["revision"].(string)+`"` || one.env["revision"] != made.env["revision"] {
		t.Errorf("etag %q, revision %v", one.header.Get("ETag"), made.env["revision"])
	}
	for number, kind := range map[string]string{"4158867900": "number", "%2B14158867900": "number", "*97": "pattern"} {
		found := mine.send(get, base+"/routes/"+number, "").want(http.StatusOK)
		if found.data("callflow_id") != id || found.data("match", "kind") != kind {
			t.Errorf("%s goes to %v by %v", number, found.data("callflow_id"), found.data("match"))
		}
	}
	mine.send(get, base+"/routes/100", "").want(http.StatusNotFound).says("not_found")
	patched := mine.send(patch, base+"/callflows/"+id, `{"data":{"custom":"value"}}`).want(http.StatusOK)
	if patched.data("custom") != "value" || patched.data("name") != "main" {
		t.Errorf("patched to %v", patched.data())
	}
	gone := mine.send(remove, base+"/callflows/"+id, "").want(http.StatusOK)
	if gone.data("_read_only", "deleted") != true || gone.env["revision"] == patched.env["revision"] {
		t.Errorf("deletion says %v, revision %v", gone.data(), gone.env["revision"])
	}
	mine.send(get, base+"/callflows/"+id, "").want(http.StatusNotFound).says("bad_identifier")
	mine.send(get, base+"/routes/4158867900", "").want(http.StatusNotFound)
}

// TestMalformedRevision names a base that is none: to pass over it would let
// the last writer win.
func TestMalformedRevision(t *testing.T) {
	w := newWorld(t, nil)
	one := "/v2/accounts/" + w.master + "/callflows/a"
	made := w.newCallflow(w.master, `{"id":"a","numbers":["1"]}`)
	for _, method := range []string{post, patch, remove} {
		refused := w.send(method, one, `{"data":{"numbers":["2"]},"revision":5}`).want(http.StatusBadRequest)
		if refused.data("revision", "type", "target") != "string" {
			t.Errorf("%s says %s", method, refused.body)
		}
	}
	if got := w.send(get, one, "").want(http.StatusOK); got.data("numbers", 0) != "1" {
		t.Errorf("%s was written: %s", made, got.body)
	}
}
