package callflow

import "testing"

func TestMetadata(t *testing.T) {
	s := newService(t)
	put(t, s, `{"_id":"user1","pvt_type":"user","first_name":"Ada","last_name":"L","name":"x"}`)
	put(t, s, `{"_id":"box1","pvt_type":"vmbox","name":"Box"}`)
	put(t, s, `{"_id":"rule1","pvt_type":"temporal_rule","name":"Holidays"}`)
	put(t, s, `{"_id":"untyped","name":5}`)
	create(t, s, `{"id":"target","name":"Group","numbers":["1"]}`)
	tests := []struct{ name, flow, want string }{
		{"none", `null`, `{}`},
		{"no ids", `{"module":"hangup","data":{}}`, `{}`},
		{
			"user and voicemail", `{"module":"user","data":{"id":"user1"},"children":{"_":{"module":"voicemail","data":{"id":"box1"}}}}`,
			`{"user1":{"name":"Ada L","pvt_type":"user"},"box1":{"name":"Box","pvt_type":"vmbox"}}`,
		},
		{
			"other keys and branches", `{"module":"ring_group_toggle","data":{"callflow_id":"target","deep":{"id":"box1"}},"children":{"rule1":{},"_":{},"1":{}}}`,
			`{"target":{"name":"Group","numbers":["1"],"pvt_type":"callflow"},"rule1":{"name":"Holidays","pvt_type":"temporal_rule"}}`,
		},
		{"wrong types", `{"data":{"id":5,"x_id":["box1"],"y_id":{"a":1},"z_id":""},"children":[1]}`, `{}`},
		{"unknown and strange ids", `{"data":{"id":"nope","a_id":"_design/callflows","b_id":"../x","c_id":"untyped"}}`, `{"_design/callflows":{},"untyped":{}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sameJSON(t, s.Metadata(t.Context(), testAccount, doc(t, `{"flow":`+tt.flow+`}`)), tt.want)
		})
	}
}
