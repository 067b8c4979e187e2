package couchlite

import (
	"fmt"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/callflowd/callflowd/pkg/disktest"
)

// TestFullDisk reads documents and views while nothing can be written, also
// after a restart and with changes that the index has not seen.
func TestFullDisk(t *testing.T) {
	dir := disktest.Small(t, "3m")
	open := func() *Server {
		s, err := Open(Options{Dir: dir, Log: zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel))})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	must(t, s, "PUT", "/db", "")
	must(t, s, "PUT", "/db/_design/d", `{"views":{"v":{"map":"function(d){ emit(d.n, null) }","reduce":"_count"}}}`)
	for i := range 20 {
		must(t, s, "PUT", fmt.Sprintf("/db/d%d", i), `{"n":1}`)
	}
	must(t, s, "GET", "/db/_design/d/_view/v", "")
	must(t, s, "PUT", "/db/new", `{"n":2}`)
	check := func(when string) {
		t.Helper()
		for _, want := range [][2]string{
			{"/db/d1", `"n":1`},
			{"/db/_all_docs?limit=1", `"total_rows":22`},
			{"/db/_changes?limit=1", `"seq":"1-`},
			{"/db/_design/d/_view/v", `"value":21`},
			{"/db/_design/d/_view/v?reduce=false&key=2", `"id":"new"`},
		} {
			if status, got := call(t, s, "GET", want[0], ""); status != 200 || !strings.Contains(got, want[1]) {
				t.Errorf("%s: GET %s: %d %.200s", when, want[0], status, got)
			}
		}
	}
	refused := func(when string) {
		t.Helper()
		big := `{"x":"` + strings.Repeat("x", 1<<20) + `"}`
		if status, got := call(t, s, "PUT", "/db/big", big); status != 503 {
			t.Errorf("%s: a write was taken: %d %s", when, status, got)
		}
	}
	free := disktest.Fill(t, dir)
	refused("full")
	check("full")
	if err := s.Close(); err != nil {
		t.Log("close:", err)
	}
	free()
	free = disktest.Fill(t, dir) // with what the stop has freed
	s = open()
	check("restarted")
	refused("restarted")
	check("restarted and refused")
	free()
	must(t, s, "PUT", "/db/after", `{"n":3}`)
	if status, got := call(t, s, "GET", "/db/_design/d/_view/v", ""); status != 200 || !strings.Contains(got, `"value":22`) {
		t.Errorf("free again: %d %s", status, got)
	}
	closeServer(t, s)
}
