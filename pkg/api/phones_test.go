package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
)

// at is the path of a number of the account.
func at(w *world, number string) string {
	return "/v2/accounts/" + w.master + "/phone_numbers/" + strings.Replace(number, "+", "%2B", 1)
}

// TestSpareNumbers goes the way of a console: numbers are added, picked for a
// callflow and released again.
func TestSpareNumbers(t *testing.T) {
	w := newWorld(t, nil)
	base := "/v2/accounts/" + w.master
	made := w.send(put, base+"/phone_numbers/collection", `{"data":{"numbers":["4158867900","+14158867901"],"own":{"a":1}}}`).want(http.StatusCreated)
	if made.data("success", "+14158867900", "state") != "reserved" || made.data("success", "+14158867901", "own", "a") == nil {
		t.Errorf("made %v", made.data())
	}
	use := func() (any, any) {
		t.Helper()
		list := w.send(get, base+"/phone_numbers", "").want(http.StatusOK)
		return list.data("numbers", "+14158867900", "used_by"), list.data("numbers", "+14158867901", "used_by")
	}
	if one, two := use(); one != nil || two != nil {
		t.Errorf("spare numbers are used by %v, %v", one, two)
	}
	w.newCallflow(w.master, `{"id":"x","numbers":["4158867900"]}`)
	if one, two := use(); one != "callflow" || two != nil {
		t.Errorf("used by %v, %v", one, two)
	}
	if got := w.send(get, at(w, "+14158867900"), "").want(http.StatusOK).data("used_by"); got != "callflow" {
		t.Errorf("the number alone is used by %v", got)
	}
	list := w.send(get, base+"/phone_numbers?filter_used_by=callflow", "").want(http.StatusOK)
	if list.data("numbers", "+14158867900") == nil || list.data("numbers", "+14158867901") != nil {
		t.Errorf("filtered %v", list.data())
	}
	w.send(remove, base+"/callflows/x", "").want(http.StatusOK)
	if one, _ := use(); one != nil {
		t.Errorf("after the callflow is gone it is used by %v", one)
	}
	w.send(remove, base+"/phone_numbers/collection", `{"data":{"numbers":["+14158867900","+14158867901"]}}`).want(http.StatusOK)
	if got, _ := w.send(get, base+"/phone_numbers", "").want(http.StatusOK).data("numbers").(map[string]any); len(got) != 0 {
		t.Errorf("left over %v", got)
	}
}

// TestNumberOwnership: a number has one owner, whom others neither see nor
// take it from, and whose callflows alone may have it.
func TestNumberOwnership(t *testing.T) {
	w := newWorld(t, nil)
	firstID, first := w.newAccount("first")
	secondID, second := w.newAccount("second")
	first.master, second.master = firstID, secondID
	first.send(put, at(first, "+14158867900"), "").want(http.StatusForbidden)
	w.send(put, at(first, "+14158867900"), "").want(http.StatusCreated)
	w.send(put, at(second, "+14158867900"), "").want(http.StatusConflict).says("number_exists")
	for _, r := range []response{
		second.send(get, at(second, "+14158867900"), ""), second.send(post, at(second, "+14158867900"), `{"data":{}}`),
		second.send(remove, at(second, "+14158867900"), ""), second.send(put, at(second, "+14158867900")+"/activate", ""),
		second.send(put, at(second, "+14158867900")+"/reserve", ""), second.send(get, at(second, "+14158867900")+"/identify", ""),
	} {
		r.want(http.StatusNotFound).says("bad_identifier")
	}
	second.send(put, "/v2/accounts/"+secondID+"/callflows", `{"data":{"numbers":["4158867900"]}}`).want(http.StatusForbidden)
	first.send(put, "/v2/accounts/"+firstID+"/callflows", `{"data":{"numbers":["4158867900"]}}`).want(http.StatusCreated)
	first.send(put, at(first, "+14158867900")+"/activate", "").want(http.StatusCreated)
	if got := first.send(get, at(first, "+14158867900")+"/identify", "").want(http.StatusOK).data("account_id"); got != firstID {
		t.Errorf("identified as %v's", got)
	}
	doc, err := w.couch.Account(firstID).Get(t.Context(), "+14158867900")
	if err != nil || doc.String("pvt_state") != "in_service" || doc.String("pvt_db_name") != "numbers%2F%2B1415" {
		t.Errorf("the account's copy is %v, %v", doc, err)
	}
}

// TestNumbersThatNeedACarrier says why, with 501.
func TestNumbersThatNeedACarrier(t *testing.T) {
	w := newWorld(t, nil)
	r := w.send(put, at(w, "+14158867900")+"/activate", "").want(http.StatusNotImplemented)
	if message, _ := r.data("message").(string); !strings.Contains(message, "carrier") {
		t.Errorf("reason %q", message)
	}
	w.assignNumber("+14158867901", "")
	db := w.couch.DB("numbers/+1415")
	doc, err := db.Get(t.Context(), "+14158867901")
	if err != nil {
		t.Fatal(err)
	}
	doc["pvt_state"] = "discovery"
	if err := db.Put(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	w.send(put, at(w, "+14158867901")+"/reserve", "").want(http.StatusNotImplemented)
}

// TestNumberSearch finds what is available, with an account in the path and
// without.
func TestNumberSearch(t *testing.T) {
	w := newWorld(t, nil)
	id, child := w.newAccount("child")
	for _, n := range []string{"+14158867900", "+14158867901"} {
		w.send(put, at(w, n), `{"data":{"create_with_state":"available"}}`).want(http.StatusCreated)
	}
	for _, base := range []string{"/v2/phone_numbers", "/v2/accounts/" + id + "/phone_numbers"} {
		listing := *child
		listing.undescribed = base != "/v2/phone_numbers" // there it is one of two forms
		for query, want := range map[string]int{"?prefix=415": 1, "?prefix=415&quantity=10": 2, "?prefix=%2B1415&quantity=10&offset=1": 1, "?prefix=416&quantity=2": 0, "?prefix=415&quantity=9999999": 2} {
			if got := listing.send(get, base+query, "").want(http.StatusOK).items(); len(got) != want {
				t.Errorf("%s%s: %v, want %d", base, query, got, want)
			}
		}
		for query, problem := range map[string][2]string{
			"?prefix=4x": {"prefix", "pattern"}, "?prefix=415&quantity=0": {"quantity", "type"}, "?prefix=20&country=GB": {"country", "enum"},
			"?prefix=415&offset=-1": {"offset", "type"},
		} {
			if r := listing.send(get, base+query, "").want(http.StatusBadRequest); r.data(problem[0], problem[1]) == nil {
				t.Errorf("%s%s: %v", base, query, r.data())
			}
		}
		listing.send(get, base+"?prefix=415&blocks=1", "").want(http.StatusNotImplemented)
		r := child.send(post, base+"/check", `{"data":{"numbers":["4158867900","+14158867999"]}}`).want(http.StatusOK)
		if r.data("4158867900") != "success" || r.data("+14158867999") != "error" {
			t.Errorf("%s/check: %v", base, r.data())
		}
	}
	child.send(get, "/v2/phone_numbers", "").want(http.StatusBadRequest)
	child.send(put, at(child, "+14158867900")+"/port", `{"data":{}}`).want(http.StatusForbidden)
}

// TestNumbersOfADeletedAccount are available again, and say whose they were.
func TestNumbersOfADeletedAccount(t *testing.T) {
	w := newWorld(t, nil)
	id, _ := w.newAccount("child")
	path := "/v2/accounts/" + id + "/phone_numbers/%2B14158867900"
	w.send(put, path, `{"data":{"create_with_state":"in_service"}}`).want(http.StatusCreated)
	w.send(http.MethodDelete, "/v2/accounts/"+id, "").want(http.StatusOK)
	if got := w.send(get, "/v2/phone_numbers?prefix=415", "").want(http.StatusOK).items(); len(got) != 1 {
		t.Errorf("available %v", got)
	}
	w.send(put, at(w, "+14158867900")+"/activate", "").want(http.StatusCreated)
}

func TestNumberSchema(t *testing.T) {
	w := newWorld(t, nil)
	r := w.send(put, at(w, "+14158867900"), `{"data":{"cnam":{"display_name":"longer than fifteen"},"create_with_state":"lost"}}`).want(http.StatusBadRequest)
	if r.data("cnam.display_name", "maxLength") == nil || r.data("create_with_state", "enum") == nil {
		t.Errorf("problems %v", r.data())
	}
	for _, body := range []string{`{"data":{}}`, `{"data":{"numbers":"1"}}`, `{"data":{"numbers":[1]}}`} {
		w.send(put, "/v2/accounts/"+w.master+"/phone_numbers/collection", body).want(http.StatusBadRequest)
	}
}

// TestGoldenNumbers are the answers about numbers.
func TestGoldenNumbers(t *testing.T) {
	w := newWorld(t, nil)
	base := "/v2/accounts/" + w.master + "/phone_numbers"
	tests := []struct{ name, method, path, body string }{
		{"created", put, at(w, "+14158867900"), `{"data":{"own":1}}`},
		{"exists", put, at(w, "+14158867900"), ``},
		{"not_reconcilable", put, at(w, "100"), ``},
		{"read", get, at(w, "4158867900"), ``},
		{"patched", patch, at(w, "+14158867900"), `{"data":{"prepend":{"enabled":true}}}`},
		{"replaced", post, at(w, "+14158867900"), `{"data":{"name":"n"}}`},
		{"not_in_service", get, at(w, "+14158867900") + "/identify", ``},
		{"reserved_already", put, at(w, "+14158867900") + "/reserve", ``},
		{"activated", put, at(w, "+14158867900") + "/activate", ``},
		{"identified", get, at(w, "+14158867900") + "/identify", ``},
		{"listed", get, base, ``},
		{"collection_created", put, base + "/collection", `{"data":{"numbers":["+14158867901","+14158867902"]}}`},
		{"collection_refused", put, base + "/collection", `{"data":{"numbers":["+14158867901","100","+14158867903"]}}`},
		{"collection_activated", put, base + "/collection/activate", `{"data":{"numbers":["+14158867901"]}}`},
		{"collection_reserved", put, base + "/collection/reserve", `{"data":{"numbers":["+14158867901"]}}`},
		{"collection_patched", patch, base + "/collection", `{"data":{"numbers":["+14158867901"],"own":1}}`},
		{"collection_replaced", post, base + "/collection", `{"data":{"numbers":["+14158867901"],"own":2}}`},
		{"collection_released", remove, base + "/collection", `{"data":{"numbers":["+14158867901"]}}`},
		{"released", remove, at(w, "+14158867900"), ``},
		{"unknown", get, at(w, "+14158867900"), ``},
		{"fixed", post, base + "/fix", ``},
		{"carriers_info", get, base + "/carriers_info", ``},
		{"classifiers", get, base + "/classifiers", ``},
		{"classified", get, base + "/classifiers/4158867900", ``},
		{"needs_carrier", put, at(w, "+14158867909") + "/activate", ``},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			golden(t, "number_"+tt.name, w.master, w.in(t).send(tt.method, tt.path, tt.body, "X-Request-Id", "golden"))
		})
	}
	if doc, err := w.couch.Account(w.master).Get(t.Context(), "+14158867902"); err != nil || doc.Type() != "number" {
		t.Errorf("the copy of a number: %v, %v", document.Doc(doc).ID(), err)
	}
}
