package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
)

// assignNumber writes a number's document as Kazoo's number manager does.
func (w *world) assignNumber(number, accountID string) {
	w.t.Helper()
	db := "numbers/" + number[:5]
	if err := w.couch.CreateDB(w.t.Context(), db); err != nil {
		w.t.Fatal(err)
	}
	doc := document.Doc{"_id": number, "pvt_type": "number", "pvt_assigned_to": accountID, "pvt_state": "in_service"}
	if err := w.couch.DB(db).Put(w.t.Context(), doc); err != nil {
		w.t.Fatal(err)
	}
}

// TestKazooSequence is Kazoo's own API test of callflows (contract 7.5).
func TestKazooSequence(t *testing.T) {
	w := newWorld(t, nil)
	acct, mine := w.newAccount("proper")
	base := "/v2/accounts/" + acct + "/callflows"
	if got := mine.send(get, base, "").want(http.StatusOK).items(); len(got) != 0 {
		t.Fatalf("fresh account lists %v", got)
	}
	made := mine.send(put, base, `{"data":{"numbers":["2600"],"patterns":[]}}`).want(http.StatusCreated)
	id, _ := made.data("id").(string)
	if id == "" || made.header.Get("Content-Type") != "application/json" {
		t.Fatalf("created %v as %s", made.data(), made.header.Get("Content-Type"))
	}
	patched := mine.send(patch, base+"/"+id, `{"data":{"custom":"value"}}`).want(http.StatusOK)
	if patched.data("custom") != "value" || patched.data("numbers", 0) != "2600" {
		t.Errorf("patched to %v", patched.data())
	}
	if got := mine.send(get, base, "").want(http.StatusOK).ids(); len(got) != 1 || got[0] != id {
		t.Errorf("lists %v", got)
	}
	mine.send(remove, base+"/"+id, "").want(http.StatusOK)
	if got := mine.send(get, base, "").want(http.StatusOK).items(); len(got) != 0 {
		t.Errorf("lists %v after the deletion", got)
	}
	mine.send(put, base, `{"data":{"numbers":["345"],"flow":{"module":"pivot","data":{"voice_url":"http://localhost/123"}}}}`).
		want(http.StatusBadRequest)
}

// expectedLookup is a row of testdata/accounts/harbourside/lookups.json.
type expectedLookup struct {
	Dialled  string
	Callflow string
	Kind     string
	Key      string
	Capture  string `json:"capture_group"`
	Status   int
}

// TestBusinessAccount loads a believable account over the API and asks where
// numbers go.
func TestBusinessAccount(t *testing.T) {
	const dir = "../../testdata/accounts/harbourside/"
	w := newWorld(t, nil)
	made := w.send(put, "/v2/accounts", `{"data":`+readFile(t, dir+"account.json")+`}`).want(http.StatusCreated)
	base := "/v2/accounts/" + made.data("id").(string)
	count := 0
	for _, name := range []string{"departments", "escalation", "extensions", "feature-codes", "main-number", "other-numbers"} {
		var flows []json.RawMessage
		if err := json.Unmarshal([]byte(readFile(t, dir+name+".json")), &flows); err != nil {
			t.Fatal(err)
		}
		for _, flow := range flows {
			w.send(put, base+"/callflows", `{"data":`+string(flow)+`}`).want(http.StatusCreated)
			count++
		}
	}
	if got := len(w.send(get, base+"/callflows?paginate=false", "").want(http.StatusOK).items()); got != count {
		t.Errorf("%d of %d callflows listed", got, count)
	}
	var lookups []expectedLookup
	if err := json.Unmarshal([]byte(readFile(t, dir+"lookups.json")), &lookups); err != nil {
		t.Fatal(err)
	}
	for _, l := range lookups {
		r := w.send(get, base+"/routes/"+url.PathEscape(l.Dialled), "")
		if l.Status != 0 {
			r.want(l.Status)
			continue
		}
		capture, _ := r.data("match", "capture_group").(string)
		if r.data("callflow", "name") != l.Callflow || r.data("match", "kind") != l.Kind || r.data("match", "key") != l.Key ||
			l.Capture != "" && capture != l.Capture {
			t.Errorf("%s: %v by %v, want %+v", l.Dialled, r.data("callflow", "name"), r.data("match"), l)
		}
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
