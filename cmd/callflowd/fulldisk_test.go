package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/disktest"
)

// TestFullDisk: with a disk that is full the program still starts, logs people
// in, looks numbers up and reads; it refuses writes and says that they fail.
func TestFullDisk(t *testing.T) {
	dir := disktest.Small(t, "40m")
	p := start(t, "--data-dir="+dir)
	_, key := masterOf(t, p.greeting())
	c, master := login(t, p, key)
	base := "/v2/accounts/" + master
	c.must(http.StatusCreated, "PUT", base+"/callflows", map[string]any{"id": "cf", "name": "main", "numbers": []string{"7001"}})
	c.must(http.StatusCreated, "PUT", base+"/users", map[string]any{"username": "ann", "password": "a long password", "first_name": "A", "last_name": "N"})
	reads := func(when string) {
		t.Helper()
		c, _ = login(t, p, key)
		for _, path := range []string{"/callflows/cf", "/callflows", "/users", "/callflows/cf/history", ""} {
			if env, err := c.try("GET", base+path, nil); err != nil || env.Status != http.StatusOK {
				t.Errorf("%s: GET %s: %d %s %v", when, path, env.Status, env.Data, err)
			}
		}
		if r, status := c.lookup(base, "7001"); status != http.StatusOK || r.CallflowID != "cf" || r.Callflow.Name != "main" {
			t.Errorf("%s: the lookup answers %d %+v", when, status, r)
		}
	}
	refuses := func(when string) {
		t.Helper()
		big := map[string]any{"numbers": []string{"7002"}, "name": "big", "ui": strings.Repeat("x", 1<<20)}
		if env, err := c.try("PUT", base+"/callflows", big); err != nil || env.Status != http.StatusServiceUnavailable {
			t.Errorf("%s: a write is answered %d %s, %v", when, env.Status, env.Data, err)
		}
		couchtest.Eventually(t, when+": readyz says that writes fail", func() bool {
			return statusOf(t, p.api+"/readyz?for=writes") == http.StatusServiceUnavailable
		})
		if got := statusOf(t, p.api+"/readyz?for=reads"); got != http.StatusOK {
			t.Errorf("%s: not ready for reads: %d", when, got)
		}
	}
	free := disktest.Fill(t, dir)
	reads("full")
	refuses("full")
	p.stop()
	free()
	free = disktest.Fill(t, dir) // with what the stop has freed
	p = start(t, "--data-dir="+dir)
	c.base = p.api
	reads("restarted")
	refuses("restarted")
	free()
	last := ""
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("the last answer to a write was:", last)
		}
	})
	couchtest.Eventually(t, "writes are taken again", func() bool {
		env, err := c.try("PATCH", base+"/callflows/cf", map[string]any{"name": "after"})
		last = fmt.Sprintf("%d %s %v", env.Status, env.Data, err)
		return err == nil && env.Status == http.StatusOK
	})
	couchtest.Eventually(t, "readyz says so", func() bool { return statusOf(t, p.api+"/readyz") == http.StatusOK })
	p.stop()
}
