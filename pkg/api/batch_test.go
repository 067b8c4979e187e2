package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestBatch(t *testing.T) {
	w := newWorld(t, nil)
	path := "/v2/accounts/" + w.master + "/callflows/batch"
	r := w.send(post, path, `{"data":[
		{"op":"create","id":"a","data":{"numbers":["1"]}},
		{"op":"create","data":{"id":"b","numbers":["2"]}},
		{"op":"create","id":"c","data":{"numbers":["1"]}},
		{"op":"patch","id":"b","data":{"name":"B"}},
		{"op":"delete","id":"nobody"}
	]}`).want(http.StatusMultiStatus)
	var got []string
	for i := range 5 {
		got = append(got, fmt.Sprint(r.data(i, "id"), " ", r.data(i, "status")))
	}
	if want := []string{"a 201", "b 201", " 400", "b 200", "nobody 404"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q: %s", got, want, r.body)
	}
	if r.data(2, "problems", "numbers", "unique") == nil {
		t.Errorf("no problem of the third: %s", r.body)
	}
	w.send(post, path+"?atomic=true", `{"data":[{"op":"patch","id":"a","data":{"numbers":["2"]}},{"op":"patch","id":"b","data":{"numbers":["1"]}}]}`).want(http.StatusOK)
	for number, id := range map[string]string{"1": "b", "2": "a"} {
		if got := w.send(get, "/v2/accounts/"+w.master+"/routes/"+number, "").want(http.StatusOK).data("callflow_id"); got != id {
			t.Errorf("%s goes to %v", number, got)
		}
	}
	r = w.send(post, path+"?atomic=true", `{"data":[{"op":"patch","id":"a","data":{"numbers":[]}},{"op":"patch","id":"no","data":{}}]}`).want(http.StatusBadRequest)
	if r.data("0.numbers") == nil || r.data("1", "bad_identifier") == nil {
		t.Errorf("not all problems: %s", r.body)
	}
	many := strings.TrimSuffix(strings.Repeat(`{"op":"delete","id":"x"},`, 1001), ",")
	w.undescribed = true
	for _, data := range []string{`{}`, `[1]`, `[{"op":1,"id":2,"data":[1]}]`, `[{"op":"patch","data":{}}]`, "[" + many + "]"} {
		w.send(post, path, `{"data":`+data+`}`).want(http.StatusBadRequest)
	}
}

// TestAtomicBatchIsSeenAtOnce swaps two numbers again and again, while others
// look at the routes: they see both before or both after.
func TestAtomicBatchIsSeenAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	w.undescribed = true
	w.newCallflow(w.master, `{"id":"a","numbers":["1"]}`)
	w.newCallflow(w.master, `{"id":"b","numbers":["2"]}`)
	x, err := w.server.cfg.Routes.Index(t.Context(), w.master)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	looks := 0
	watching.Go(func() {
		for ctx.Err() == nil {
			var seen []string
			for _, e := range x.Entries() {
				seen = append(seen, e.CallflowID+e.Numbers[0])
			}
			slices.Sort(seen)
			if looks++; !slices.Equal(seen, []string{"a1", "b2"}) && !slices.Equal(seen, []string{"a2", "b1"}) {
				t.Errorf("seen %v", seen)
				return
			}
		}
	})
	for i := range 30 {
		one, two := fmt.Sprint(1+i%2), fmt.Sprint(2-i%2)
		w.send(post, "/v2/accounts/"+w.master+"/callflows/batch?atomic=true", `{"data":[{"op":"patch","id":"a","data":{"numbers":["`+two+`"]}},{"op":"patch","id":"b","data":{"numbers":["`+one+`"]}}]}`).want(http.StatusOK)
	}
	stop()
	watching.Wait()
	if looks == 0 {
		t.Error("nobody looked")
	}
}
