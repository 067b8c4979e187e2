package document

import "testing"

func TestOurs(t *testing.T) {
	tests := []struct {
		name, text string
		want       bool
	}{
		{"no trace", `{"_rev":"2-a","pvt_request_id":"r"}`, false},
		{"ours", `{"_rev":"2-a","pvt_request_id":"r","pvt_callflowd":{"request_id":"r"}}`, true},
		{"Kazoo after us", `{"_rev":"3-a","pvt_request_id":"k","pvt_callflowd":{"request_id":"r","generation":2}}`, false},
		{"ours, by generation", `{"_rev":"2-a","pvt_request_id":"r","pvt_callflowd":{"request_id":"r","generation":2}}`, true},
		{"an edit that left it", `{"_rev":"3-a","pvt_request_id":"r","pvt_callflowd":{"request_id":"r","generation":2}}`, false},
		{"a trace of another type", `{"_rev":"3-a","pvt_callflowd":7}`, false},
	}
	for _, tt := range tests {
		var d Doc
		if err := d.UnmarshalJSON([]byte(tt.text)); err != nil {
			t.Fatal(err)
		}
		if d.Ours() != tt.want {
			t.Errorf("%s: %v", tt.name, d.Ours())
		}
	}
	if (Doc{}).Generation() != 0 || (Doc{"_rev": "12-ab"}).Generation() != 12 {
		t.Error("generations")
	}
}
