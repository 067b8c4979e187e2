package transfer

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestRenamed follows references, in values and in the names of members, and
// leaves alone what is the same text by chance.
func TestRenamed(t *testing.T) {
	long := strings.Repeat("0f", 16)
	ids := map[string]string{"100": "A", "b": "B", "rule1": "R", long: "L"}
	for _, tt := range []struct{ before, after string }{
		{`{"numbers":["100"],"name":"b"}`, `{"name":"b","numbers":["100"]}`},
		{`{"flow":{"data":{"id":"b","timeout":"100"}}}`, `{"flow":{"data":{"id":"B","timeout":"100"}}}`},
		{`{"data":{"rules":["rule1"],"terminators":["100"]},"children":{"rule1":{},"b":{},"_":{}}}`, `{"children":{"R":{},"_":{},"b":{}},"data":{"rules":["R"],"terminators":["100"]}}`},
		{`{"owner_id":"b","presence_id":"100","preflow":{"always":"b"}}`, `{"owner_id":"B","preflow":{"always":"B"},"presence_id":"100"}`},
		{`{"anything":"` + long + `","` + long + `":[["` + long + `"]]}`, `{"L":[["L"]],"anything":"L"}`},
		{`{"endpoints":{"rule1":{"type":"device"}},"n":1,"no":null,"yes":true}`, `{"endpoints":{"R":{"type":"device"}},"n":1,"no":null,"yes":true}`},
	} {
		var v any
		if err := json.Unmarshal([]byte(tt.before), &v); err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(renamed(v, ids))
		if err != nil || string(raw) != tt.after {
			t.Errorf("%s gives %s, not %s (%v)", tt.before, raw, tt.after, err)
		}
	}
}

// TestNewID gives the same id again, and another one in another account.
func TestNewID(t *testing.T) {
	one, again, other := newID("x", "a"), newID("x", "a"), newID("y", "a")
	if one != again || one == other || !hexID(one) {
		t.Errorf("%s, again %s, elsewhere %s", one, again, other)
	}
}
