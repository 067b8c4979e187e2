package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/notice/noticetest"
)

// kill -9 between a write and its notice: the next start announces it.
func TestE2ENoticeAfterKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts RabbitMQ")
	}
	rabbit := noticetest.Start(t)
	gate := rabbit.NewGate(t)
	gate.Shut()
	dir := "--data-dir=" + t.TempDir()
	p := startChild(t, dir, "--master-api-key="+someKey, "--amqp-url="+gate.URL)
	c, _ := login(t, p, someKey)
	account := c.createAccount(map[string]any{"name": "Told"})
	var made struct {
		ID string `json:"id"`
	}
	c.must(http.StatusCreated, "PUT", account+"/callflows", callflowOf(sent{"told", "2000"})).decode(t, &made)
	couchtest.Eventually(t, "readyz says that the broker is away", func() bool {
		got := page(t, p.api+"/readyz")
		if strings.Contains(got, "guest") {
			t.Fatalf("readyz: %s", got)
		}
		return strings.Contains(got, "connected false") && strings.Contains(got, `"status":"ready"`)
	})
	if got := page(t, p.api+"/metrics"); !strings.Contains(got, "callflowd_notices_backlog_databases{") {
		t.Errorf("no backlog in the metrics")
	}
	p.kill()

	notices := rabbit.Listen(t)
	gate.Open(t)
	p = startChild(t, dir, "--amqp-url="+gate.URL)
	await(t, notices, "Event-Name", "doc_created", "ID", made.ID, "Type", "callflow")

	c.base = p.api
	c.must(http.StatusOK, "DELETE", account+"/callflows/"+made.ID, nil)
	await(t, notices, "Event-Name", "doc_deleted", "ID", made.ID, "Type", "callflow")
	c.must(http.StatusCreated, "PUT", account+"/menus", map[string]any{"name": "menu"})
	await(t, notices, "Event-Name", "doc_created", "Type", "menu")
	p.stop()
}

// await takes notices until one has these fields.
func await(t *testing.T, notices <-chan noticetest.Notice, fields ...string) {
	t.Helper()
	timeout := time.After(startLimit)
next:
	for {
		select {
		case n := <-notices:
			var body map[string]any
			if err := json.Unmarshal(n.Body, &body); err != nil {
				t.Fatal(err)
			}
			for i := 0; i < len(fields); i += 2 {
				if body[fields[i]] != fields[i+1] {
					continue next
				}
			}
			return
		case <-timeout:
			t.Fatalf("no notice has %q", fields)
		}
	}
}

// page is what a GET answers.
func page(t *testing.T, address string) string {
	t.Helper()
	_, body := fetch(t, address)
	return body
}
