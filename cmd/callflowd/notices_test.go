package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
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

// Numbers' documents and databases are announced as Kazoo announces its own: a
// node's cache of numbers and of databases follows.
func TestE2ENoticesOfNumbersAndDatabases(t *testing.T) {
	if testing.Short() {
		t.Skip("starts RabbitMQ")
	}
	couchtest.SkipPouchDB(t, "the header of its answer to a deletion has another revision")
	rabbit := noticetest.Start(t)
	address := couchtest.URL(t)
	client := fillAsKazoo(t, address)
	p := start(t, "--data-dir="+t.TempDir(), "--couchdb-url="+address, "--amqp-url="+rabbit.URL)
	c, _ := login(t, p, someKey)
	all, node := &heard{rabbit.Listen(t), map[string][][]byte{}}, rabbit.NewConsumer(t, client)

	account := c.createAccount(map[string]any{"name": "Numbered"})
	id := strings.TrimPrefix(account, "/v2/accounts/")
	db := couch.EncodedDB(couch.AccountDB(id))
	announced := func(key string, fields ...string) { t.Helper(); all.await(t, key, fields...) }
	announced("db_created."+db+".database."+strings.ReplaceAll(db, "%", "%25"), "Type", "database", "ID", db, "Database", db, "App-Version", "1.0.0")
	announced("doc_created.accounts.account."+id, "ID", id, "Database", "accounts", "Type", "account", "Account-ID", id)

	const number, inKey = "+13235550123", "%2B13235550123"
	one := account + "/phone_numbers/%2B13235550123"
	c.must(http.StatusCreated, "PUT", one, map[string]any{})
	announced("db_created.numbers%2F%2B1323.database.numbers%252F%252B1323", "ID", "numbers%2F%2B1323", "Database", "numbers%2F%2B1323")
	announced("doc_created.numbers%2F%2B1323.number."+inKey, "ID", number, "Database", "numbers%2F%2B1323", "Type", "number", "Event-Name", "doc_created")
	announced("doc_created."+db+".number."+inKey, "ID", number, "Database", db, "Account-ID", id)

	usedBy := func(want any) {
		t.Helper()
		couchtest.Eventually(t, "the node knows who uses the number", func() bool {
			doc, err := node.Number(t, "numbers/+1323", number)
			if err != nil {
				t.Fatal(err)
			}
			return doc["pvt_used_by"] == want
		})
	}
	usedBy(nil)
	var made struct {
		ID string `json:"id"`
	}
	c.must(http.StatusCreated, "PUT", account+"/callflows", callflowOf(sent{"takes it", number})).decode(t, &made)
	announced("doc_edited.numbers%2F%2B1323.number."+inKey, "ID", number, "Event-Name", "doc_edited", "Type", "number")
	usedBy("callflow")
	c.must(http.StatusOK, "PATCH", account+"/callflows/"+made.ID, map[string]any{"numbers": []string{"2600"}})
	announced("doc_edited.numbers%2F%2B1323.number."+inKey, "ID", number)
	usedBy(nil)
	c.must(http.StatusOK, "DELETE", one, nil)
	announced("doc_deleted.numbers%2F%2B1323.number."+inKey, "ID", number)

	c.must(http.StatusOK, "DELETE", account+"?should_soft_delete=false", nil)
	announced("db_deleted."+db+".database."+strings.ReplaceAll(db, "%", "%25"), "Type", "database", "ID", db)
	for _, problem := range node.Problems() {
		t.Error(problem)
	}
}

// heard are notices by their routing keys, those of one key in order.
type heard struct {
	notices <-chan noticetest.Notice
	waiting map[string][][]byte
}

// await takes the next notice with a routing key, which must have the fields.
func (h *heard) await(t *testing.T, key string, fields ...string) {
	t.Helper()
	timeout := time.After(startLimit)
	for len(h.waiting[key]) == 0 {
		select {
		case n := <-h.notices:
			h.waiting[n.Key] = append(h.waiting[n.Key], n.Body)
		case <-timeout:
			t.Fatalf("no notice %s, but %q", key, slices.Sorted(maps.Keys(h.waiting)))
		}
	}
	raw := h.waiting[key][0]
	h.waiting[key] = h.waiting[key][1:]
	var body map[string]any
	if err := json.Unmarshal(raw, &body); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(fields); i += 2 {
		if body[fields[i]] != fields[i+1] {
			t.Errorf("%s: %s is %v, want %s", key, fields[i], body[fields[i]], fields[i+1])
		}
	}
}
