package api

import (
	"encoding/json"
	"net/http"
	"os"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
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

// TestBusinessAccount loads a believable account over the API and asks where
// numbers go.
func TestBusinessAccount(t *testing.T) {
	if testing.Short() {
		t.Skip("loads a whole account")
	}
	const dir = "../../testdata/accounts/business/"
	raw, err := os.ReadFile(dir + "callflows.json")
	if err != nil {
		t.Skip(err)
	}
	var flows []json.RawMessage
	if err := json.Unmarshal(raw, &flows); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, nil)
	acct, mine := w.newAccount("business")
	for _, flow := range flows {
		mine.send(put, "/v2/accounts/"+acct+"/callflows", `{"data":`+string(flow)+`}`).want(http.StatusCreated)
	}
	if got := len(mine.send(get, "/v2/accounts/"+acct+"/callflows?paginate=false", "").want(http.StatusOK).items()); got != len(flows) {
		t.Errorf("%d of %d callflows listed", got, len(flows))
	}
}

// storeRaw puts a document into an account's database past the API, as Kazoo
// or another site would.
func (w *world) storeRaw(accountID, text string) {
	w.t.Helper()
	var doc document.Doc
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		w.t.Fatal(err)
	}
	if err := w.couch.DB(couch.AccountDB(accountID)).Put(w.t.Context(), doc); err != nil {
		w.t.Fatal(err)
	}
}
