package api

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/resource"
)

func collections(t *testing.T, w *world) {
	for _, kind := range resource.Kinds() {
		t.Run(kind.Name, func(t *testing.T) {
			w := w.in(t)
			base := "/v2/accounts/" + w.master + "/" + kind.Name
			body := `"name":"N","first_name":"A","last_name":"B","description":"d","start_time":1,"cycle":"daily","mailbox":"100","extra":{"a":1}`
			made := w.send(put, base, `{"data":{"id":"`+kind.Type+`-1",`+body+`}}`).want(http.StatusCreated)
			id, _ := made.data("id").(string)
			if id != kind.Type+"-1" || made.header.Get("Location") != base+"/"+id {
				t.Errorf("created %v at %q", made.data(), made.header.Get("Location"))
			}
			read := w.send(get, base+"/"+id, "").want(http.StatusOK)
			if read.data("name") != "N" || read.header.Get("ETag") == "" || read.data("pvt_type") != nil {
				t.Errorf("read %v", read.data())
			}
			if got := w.send(patch, base+"/"+id, `{"data":{"extra":{"a":null,"b":2}}}`).want(http.StatusOK); got.data("extra", "a") != nil ||
				got.data("extra", "b") == nil || got.data("name") != "N" {
				t.Errorf("patched to %v", got.data())
			}
			w.send(post, base+"/"+id, `{"data":{`+body+`,"name2":"M"}}`, "If-Match", `"1-0"`).want(http.StatusPreconditionFailed)
			w.send(post, base+"/"+id, `{"data":{`+body+`,"name2":"M"}}`).want(http.StatusOK)
			if got := w.send(get, base, "").want(http.StatusOK).ids(); len(got) != 1 || got[0] != id {
				t.Errorf("listed %v", got)
			}
			w.send(get, "/v2/accounts/"+w.master+"/callflows/"+id, "").want(http.StatusNotFound)
			if got := w.send(remove, base+"/"+id, "").want(http.StatusOK); got.data("_read_only", "deleted") != true {
				t.Errorf("deleted %v", got.data())
			}
			w.send(get, base+"/"+id, "").want(http.StatusNotFound)
			w.send(remove, base+"/"+id, "").want(http.StatusNotFound)
			if got := w.send(get, base+"?paginate=false", "").want(http.StatusOK).ids(); len(got) != 0 {
				t.Errorf("still listed: %v", got)
			}
		})
	}
}

func collectionPages(t *testing.T, w *world) {
	base := "/v2/accounts/" + w.master + "/menus"
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		w.send(put, base, `{"data":{"id":"`+id+`","name":"`+id+`"}}`).want(http.StatusCreated)
	}
	var pages []string
	start := ""
	for range 10 {
		r := w.send(get, base+"?page_size=2&filter_not_name=c"+start, "").want(http.StatusOK)
		pages = append(pages, strings.Join(r.ids(), ""))
		next, more := r.env["next_start_key"].(string)
		if !more {
			break
		}
		start = "&start_key=" + url.QueryEscape(next)
	}
	if got := strings.Join(pages, " "); got != "ed ba" {
		t.Errorf("pages %q", got)
	}
}

func users(t *testing.T, w *world) {
	base := "/v2/accounts/" + w.master + "/users"
	name := `"first_name":"A","last_name":"B"`
	missing := w.send(put, base, `{"data":{`+name+`,"username":"ann"}}`).want(http.StatusBadRequest)
	if missing.data("password", "required") == nil {
		t.Errorf("a username without a password: %v", missing.data())
	}
	w.send(put, base, `{"data":{`+name+`,"priv_level":"god"}}`).want(http.StatusBadRequest)
	made := w.send(put, base, `{"data":{"id":"u1",`+name+`,"username":"Ann","password":"pw"}}`).want(http.StatusCreated)
	if made.data("username") != "ann" || made.data("password") != nil || made.data("priv_level") != "user" {
		t.Errorf("created %v", made.data())
	}
	taken := w.send(put, base, `{"data":{`+name+`,"username":"ANN","password":"x"}}`).want(http.StatusBadRequest)
	if taken.data("username", "unique", "cause") != "ann" {
		t.Errorf("data %v", taken.data())
	}
	w.send(patch, base+"/u1", `{"data":{"enabled":false}}`).want(http.StatusOK)
	w.send(patch, base+"/u1", `{"data":{"username":"bob"}}`).want(http.StatusBadRequest)
	w.send(patch, base+"/u1", `{"data":{"username":"bob","password":"pw"}}`).want(http.StatusOK)
	w.send(put, base, `{"data":{`+name+`,"username":"ann","password":"x"}}`).want(http.StatusCreated)
}

func metaflowsOfOwners(t *testing.T, w *world) {
	w.send(put, "/v2/accounts/"+w.master+"/devices", `{"data":{"id":"d1","name":"phone"}}`).want(http.StatusCreated)
	for _, under := range []string{"/v2/accounts/" + w.master, "/v2/accounts/" + w.master + "/devices/d1"} {
		path := under + "/metaflows"
		if got := w.send(get, path, "").want(http.StatusOK).data().(map[string]any); len(got) != 0 {
			t.Errorf("%s begins with %v", path, got)
		}
		made := w.send(post, path, `{"data":{"numbers":{"1":{"module":"hold"}}}}`).want(http.StatusOK)
		if made.data("binding_digit") != "*" || made.data("numbers", "1", "module") != "hold" {
			t.Errorf("%s is %v", path, made.data())
		}
		if warnings := w.send(patch, path, `{"data":{"digit_timeot":1}}`).want(http.StatusOK).env["warnings"]; warnings == nil {
			t.Errorf("%s: no warning of an unknown property", path)
		}
		w.send(post, path, `{"data":{"binding_digit":"x"}}`).want(http.StatusBadRequest)
		patched := w.send(patch, path, `{"data":{"digit_timeout":800}}`).want(http.StatusOK)
		if patched.data("numbers", "1", "module") != "hold" || patched.data("digit_timeout") == nil {
			t.Errorf("%s patched to %v", path, patched.data())
		}
		w.send(remove, path, "", "If-Match", `"1-0"`).want(http.StatusPreconditionFailed)
		w.send(remove, path, "").want(http.StatusOK)
		if got := w.send(get, path, "").data("numbers"); got != nil {
			t.Errorf("%s still has %v", path, got)
		}
	}
	if got := w.send(get, "/v2/accounts/"+w.master+"/devices/d1", "").data("name"); got != "phone" {
		t.Errorf("the device's name became %v", got)
	}
}

func schemas(t *testing.T, w *world) {
	names := w.as("").send(get, "/v2/schemas", "").want(http.StatusOK).items()
	if len(names) < 100 || names[0].(string) > names[1].(string) {
		t.Errorf("%d names", len(names))
	}
	one := w.as("").send(get, "/v2/schemas/callflows", "").want(http.StatusOK)
	if one.data("id") != "callflows" || one.data("properties", "numbers") == nil {
		t.Errorf("schema %v", one.data())
	}
	w.as("").send(get, "/v2/schemas/nosuch", "").want(http.StatusNotFound).says("bad_identifier")
	path := "/v2/schemas/callflows.user/validation"
	w.as("").send(put, path, `{"data":{}}`).want(http.StatusUnauthorized)
	if got := w.send(put, path, `{"data":{}}`).want(http.StatusCreated); got.data("timeout") == nil {
		t.Errorf("without defaults: %v", got.data())
	}
	if got := w.send(put, path, `{"data":{"timeout":"x"}}`).want(http.StatusBadRequest); got.data("timeout", "type") == nil {
		t.Errorf("data %v", got.data())
	}
	if got := w.send(put, path, `{"data":{"_rev":"1-a","pvt_x":1,"delay":5}}`).want(http.StatusCreated); got.data("_rev") != nil || got.data("pvt_x") != nil {
		t.Errorf("with private keys: %v", got.data())
	}
}

// TestNeighbours runs the tests above, each for an account of its own.
func TestNeighbours(t *testing.T) {
	newWorld(t, nil).each(t, []tenantTest{
		{"Collections", collections},
		{"CollectionPages", collectionPages},
		{"Users", users},
		{"Metaflows", metaflowsOfOwners},
		{"Schemas", schemas},
	})
}
