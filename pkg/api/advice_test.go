package api

import (
	"net/http"
	"testing"
)

// Saving and validating tell what a callflow's routes do to others.
func TestRoutesAreAdvisedOn(t *testing.T) {
	w := newWorld(t, nil)
	base := "/v2/accounts/" + w.master
	w.send(put, base+"/callflows", `{"data":{"id":"desk","numbers":["2600"],"flow":{"module":"user","data":{}}}}`).want(http.StatusCreated)
	body := `{"data":{"id":"wide","patterns":["^26(\\d\\d)$"],"flow":{"module":"user","data":{}}}}`
	check := func(warnings any) {
		t.Helper()
		list, _ := warnings.([]any)
		for _, one := range list {
			m, _ := one.(map[string]any)
			if m["code"] == "takes_number" && m["path"] == "patterns.0" && m["witness"] == "2600" && m["winner"] == "desk" {
				return
			}
		}
		t.Errorf("no word of the taken number: %v", warnings)
	}
	check(w.send(post, base+"/callflows/validate", body).want(http.StatusOK).data("warnings"))
	check(w.send(put, base+"/callflows", body).want(http.StatusCreated).env["warnings"])
}

// An explained lookup has its lists even where they are empty.
func TestExplainListsAreLists(t *testing.T) {
	w := newWorld(t, nil)
	base := "/v2/accounts/" + w.master
	w.send(put, base+"/callflows", `{"data":{"id":"desk","numbers":["2600"],"flow":{"module":"user","data":{}}}}`).want(http.StatusCreated)
	for path, status := range map[string]int{"2600": http.StatusOK, "abc": http.StatusNotFound} {
		r := w.send(get, base+"/routes/"+path+"?explain=true", "").want(status)
		for _, key := range []string{"steps", "candidates", "skipped"} {
			if _, ok := r.data(key).([]any); !ok {
				t.Errorf("%s: %s is %v", path, key, r.data(key))
			}
		}
	}
}

// A draft's pattern that cannot compile is not passed over in silence.
func TestDraftsPatternsThatDoNotCompile(t *testing.T) {
	w := newWorld(t, nil)
	path := "/v2/accounts/" + w.master + "/routes"
	r := w.send(post, path, `{"data":{"numbers":["1"],"draft":[{"id":"new","patterns":["(((","^1$"]}]}}`).want(http.StatusOK)
	skipped, _ := r.data("skipped").([]any)
	if len(skipped) != 1 || skipped[0].(map[string]any)["pattern"] != "(((" || skipped[0].(map[string]any)["callflow_id"] != "new" {
		t.Errorf("skipped %v", r.data("skipped"))
	}
	wrong := w.send(post, path, `{"data":{"numbers":"1"}}`).want(http.StatusBadRequest)
	if numbers, _ := wrong.data("numbers").(map[string]any); numbers["type"] == nil {
		t.Errorf("%v", wrong.body)
	}
}

// Metaflows are advised on as callflows are.
func TestMetaflowsAreAdvisedOn(t *testing.T) {
	w := newWorld(t, nil)
	path := "/v2/accounts/" + w.master + "/metaflows"
	r := w.send(post, path, `{"data":{"numbers":{"1":{"module":"callflow","data":{"id":"nowhere"}}}}}`).want(http.StatusOK)
	list, _ := r.env["warnings"].([]any)
	if len(list) != 1 || list[0].(map[string]any)["code"] != "dangling_reference" || list[0].(map[string]any)["path"] != "numbers.1.data.id" {
		t.Errorf("warnings %v", list)
	}
}
