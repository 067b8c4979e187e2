package couch_test

import (
	"testing"

	"github.com/callflowd/callflowd/pkg/problem"
)

// TestIdentify: what is no CouchDB is not taken for one that is away.
func TestIdentify(t *testing.T) {
	tests := []struct {
		status int
		body   string
		want   problem.Code
	}{
		{200, `{"couchdb":"Welcome","version":"3.5.0"}`, ""},
		{200, `{"express-pouchdb":"Welcome!"}`, ""},
		{200, `{"hello":"world"}`, problem.DatastoreFault},
		{200, `<html>It works!</html>`, problem.DatastoreFault},
		{404, `not found`, problem.DatastoreFault},
		{302, ``, problem.DatastoreFault},
		{401, `{"error":"unauthorized","reason":"Name or password is incorrect."}`, problem.DatastoreFault},
		{503, `<html>Service Unavailable</html>`, problem.Unavailable},
	}
	for _, tt := range tests {
		err := canned(t, tt.status, tt.body).Identify(t.Context())
		if tt.want == "" && err != nil || tt.want != "" && !problem.Is(err, tt.want) {
			t.Errorf("%d %s: %v, want %q", tt.status, tt.body, err, tt.want)
		}
	}
}
