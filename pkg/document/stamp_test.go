package document

import (
	"reflect"
	"testing"
	"time"
)

func TestStamp(t *testing.T) {
	now := time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)
	stamp := Stamp{Type: "callflow", AccountID: "a1", AccountDB: "account%2Fa1", RequestID: "r1", AuthAccountID: "a0", AuthUserID: "u0", Now: now}
	tests := []struct {
		name      string
		stamp     Stamp
		doc, want string
	}{
		{
			"new", stamp, `{"name":"Main Öffice 1"}`,
			`{"name":"Main Öffice 1","pvt_type":"callflow","pvt_vsn":"1","pvt_account_id":"a1","pvt_account_db":"account%2Fa1","pvt_created":63876513600,
			"pvt_modified":63876513600,"pvt_request_id":"r1","pvt_callflowd":{"request_id":"r1"},"pvt_is_authenticated":true,"pvt_auth_account_id":"a0","pvt_auth_user_id":"u0","pvt_alphanum_name":"mainffice1"}`,
		},
		{
			"stored, by nobody",
			Stamp{RequestID: "r2", Now: now},
			`{"_rev":"1-a","pvt_type":"callflow","pvt_created":5,"pvt_auth_account_id":"a0","pvt_auth_user_id":"u0","pvt_alphanum_name":"old"}`,
			`{"_rev":"1-a","pvt_type":"callflow","pvt_created":5,"pvt_modified":63876513600,"pvt_request_id":"r2","pvt_callflowd":{"request_id":"r2"},"pvt_is_authenticated":false}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			doc := parse(t, tt.doc)
			tt.stamp.Apply(doc)
			if want := parse(t, tt.want); !reflect.DeepEqual(doc, want) {
				t.Errorf("got %v\nwant %v", doc, want)
			}
		})
	}
}

func TestSeconds(t *testing.T) {
	d := parse(t, `{"a":63876513600,"b":1.5,"c":"63876513600","d":1e3}`)
	for key, want := range map[string]int64{"a": 63876513600, "b": 2} {
		if got, ok := d.Seconds(key); got != want || !ok {
			t.Errorf("%s: %d, %v", key, got, ok)
		}
	}
	for _, key := range []string{"c", "d", "e"} {
		if _, ok := d.Seconds(key); ok {
			t.Errorf("%s: no seconds there", key)
		}
	}
}
