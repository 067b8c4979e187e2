package document

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

func parse(t *testing.T, text string) Doc {
	t.Helper()
	var d Doc
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestUnmarshalKeepsNumbers(t *testing.T) {
	d := parse(t, `{"big":12345678901234567890,"f":1.0}`)
	if d["big"] != json.Number("12345678901234567890") || d["f"] != json.Number("1.0") {
		t.Errorf("numbers changed: %v", d)
	}
	for _, bad := range []string{`[1]`, `{} {}`, `{`, `"x"`} {
		if err := new(Doc).UnmarshalJSON([]byte(bad)); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

func TestPublic(t *testing.T) {
	d := parse(t, `{"_id":"x","_rev":"1-a","pvt_type":"callflow","_read_only":{"deleted":true},"name":"n","flow":{"pvt_inner":1}}`)
	want := parse(t, `{"id":"x","_read_only":{"deleted":true},"name":"n","flow":{"pvt_inner":1}}`)
	if got := d.Public(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestContent(t *testing.T) {
	d := parse(t, `{"_id":"x","id":"x","_rev":"1-a","pvt_type":"callflow","_read_only":{"deleted":true},"metadata":{},"name":"n","flow":{"id":"y"}}`)
	want := parse(t, `{"name":"n","flow":{"id":"y"}}`)
	if got := d.Content(); !reflect.DeepEqual(got, want) || d["id"] != "x" {
		t.Errorf("got %v, want %v; it was %v", got, want, d)
	}
}

func TestLive(t *testing.T) {
	tests := []struct {
		doc  string
		want bool
	}{
		{`{}`, true},
		{`{"pvt_deleted":false}`, true},
		{`{"pvt_deleted":null}`, true},
		{`{"pvt_deleted":""}`, true},
		{`{"pvt_deleted":0.0}`, true},
		{`{"pvt_deleted":true}`, false},
		{`{"pvt_deleted":"false"}`, false},
		{`{"pvt_deleted":{}}`, false},
		{`{"pvt_deleted":[]}`, false},
		{`{"pvt_deleted":1e-400}`, true},
		{`{"_deleted":true}`, false},
	}
	for _, tt := range tests {
		if got := parse(t, tt.doc).Live(); got != tt.want {
			t.Errorf("%s: live %v, want %v", tt.doc, got, tt.want)
		}
	}
}

func TestAccessorsTolerateWrongTypes(t *testing.T) {
	d := parse(t, `{"_id":7,"numbers":["a",1,null,"b"],"flow":[1],"name":{}}`)
	if d.ID() != "" || d.Rev() != "" || d.Type() != "" || d.String("name") != "" || d.Object("flow") != nil {
		t.Error("a wrong type was not passed over")
	}
	if got := d.Strings("numbers"); !reflect.DeepEqual(got, []string{"a", "b"}) {
		t.Errorf("strings %v", got)
	}
}

func TestCloneIsDeep(t *testing.T) {
	d := parse(t, `{"a":{"b":[{"c":1}]}}`)
	c := d.Clone()
	c.Object("a")["b"].([]any)[0].(map[string]any)["c"] = "changed"
	if !reflect.DeepEqual(d, parse(t, `{"a":{"b":[{"c":1}]}}`)) {
		t.Errorf("the original changed: %v", d)
	}
}

func TestGregorian(t *testing.T) {
	at := time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)
	if got := Gregorian(at); got != 63876513600 {
		t.Errorf("got %d", got)
	}
	if got := FromGregorian(Gregorian(at)); !got.Equal(at) {
		t.Errorf("round trip gave %v", got)
	}
	if got := GregorianNumber(at); got != "63876513600" {
		t.Errorf("got %s", got)
	}
}
