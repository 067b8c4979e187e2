package couch_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/problem"
)

// torn answers as a cluster of two nodes on which a database was created twice
// at the same time, until the nodes were asked so many times.
type torn struct {
	mu       sync.Mutex
	asked    int
	agreeing int // questions until they agree
	created  time.Time
	status   int // of the creation
}

func (c *torn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	revs := map[string]string{"_local": "1-a", "n1": "1-a", "n2": "1-b"}
	switch node, inside, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/_node/"), "/"); {
	case r.Method == http.MethodPut:
		w.WriteHeader(c.status)
		if c.status == http.StatusCreated {
			fmt.Fprint(w, `{"ok":true}`)
			return
		}
		fmt.Fprint(w, `{"error":"conflict","reason":"other"}`)
	case r.Method == http.MethodHead:
	case r.URL.Path == "/_membership":
		fmt.Fprint(w, `{"all_nodes":["n1","n2"]}`)
	case revs[node] != "" && inside == "_dbs/some%2Fwhere":
		rev, conflicts := revs[node], ""
		if c.asked++; c.asked >= c.agreeing {
			rev, conflicts = "1-b", `,"_conflicts":["1-a"]`
		}
		suffix := strings.Join(strings.Split(fmt.Sprint([]byte(fmt.Sprint(".", c.created.Unix()))), " "), ",")
		fmt.Fprintf(w, `{"_id":"some/where","_rev":%q,"shard_suffix":%s%s}`, rev, suffix, conflicts)
	default:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"error":"not_found","reason":"missing"}`)
	}
}

// A database that others create at the same time is there when all nodes say
// the same about it.
func TestTheNodesAgreeOnANewDatabase(t *testing.T) {
	tests := []struct {
		name    string
		age     time.Duration
		status  int
		enough  bool // the nodes agree within the time
		atLeast int  // questions about it
	}{
		{"just created, 412", 0, http.StatusPreconditionFailed, true, 7},
		{"just created, 500", 0, http.StatusInternalServerError, true, 7},
		{"taken by our node, 201", 0, http.StatusCreated, true, 7},
		{"never agreed", 0, http.StatusPreconditionFailed, false, 7},
		{"long there", time.Hour, http.StatusPreconditionFailed, true, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cluster := &torn{created: time.Now().Add(-tt.age), status: tt.status, agreeing: 6}
			cfg := couch.Config{}
			if !tt.enough {
				cluster.agreeing, cfg.Timeout = 1_000_000, 2*time.Second
			}
			server := httptest.NewServer(cluster)
			defer server.Close()
			cfg.URL = server.URL
			err := open(t, cfg).CreateDB(t.Context(), "some/where")
			if tt.enough {
				check(t, err)
			} else {
				wantCode(t, err, problem.Unavailable)
			}
			if cluster.asked < tt.atLeast || tt.age > 0 && cluster.asked > 1 {
				t.Errorf("asked %d times", cluster.asked)
			}
		})
	}
}
