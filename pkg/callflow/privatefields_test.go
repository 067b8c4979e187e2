package callflow

import "testing"

func TestPublicOfKeepsWhatAClientMaySet(t *testing.T) {
	stored := doc(t, `{"_id":"c","_rev":"1-a","pvt_type":"callflow","id":"x","metadata":{"a":1},"_read_only":{},
		"rev":"kept","name":null,"flow":{"_id":"kept","pvt_x":1,"metadata":2}}`)
	out := publicOf(stored)
	sameJSON(t, out, `{"rev":"kept","name":null,"flow":{"_id":"kept","pvt_x":1,"metadata":2}}`)
	out.Object("flow")["_id"] = "changed"
	if stored.Object("flow")["_id"] != "kept" {
		t.Error("the copy is not deep")
	}
}

// TestForeignWritesHaveNoTrace: Kazoo keeps private fields it does not know,
// so a trace counts only for the request that left it.
func TestForeignWritesHaveNoTrace(t *testing.T) {
	tests := []struct{ name, doc, action, client string }{
		{"ours", `{"_rev":"2-a","pvt_request_id":"r","pvt_callflowd":{"action":"merged","request_id":"r","client_ip":"192.0.2.1"}}`, "merged", "192.0.2.1"},
		{"an old trace", `{"_rev":"2-a","pvt_request_id":"k","pvt_callflowd":{"action":"merged","request_id":"r","client_ip":"192.0.2.1"}}`, "updated", ""},
		{"deleted by Kazoo", `{"_rev":"2-a","pvt_request_id":"k","pvt_deleted":true}`, "deleted", ""},
		{"created by Kazoo", `{"_rev":"1-a","pvt_request_id":"k"}`, "created", ""},
		{"a trace that is none", `{"_rev":"2-a","pvt_callflowd":"x"}`, "updated", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := describeVersion(doc(t, tt.doc))
			if got.Action != tt.action || got.ClientIP != tt.client {
				t.Errorf("got %+v", got)
			}
		})
	}
}
