package notice_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/notice"
	"github.com/callflowd/callflowd/pkg/notice/noticetest"
)

const (
	account   = "4a6863d2c94b0aa4d9ad25f3f4c1e6a1"
	accountDB = "account/4a/68/63d2c94b0aa4d9ad25f3f4c1e6a1"
	encodedDB = "account%2F4a%2F68%2F63d2c94b0aa4d9ad25f3f4c1e6a1"
)

// process is one callflowd's storage and publisher.
type process struct {
	*couch.Client
	publisher *notice.Publisher
	stop      func()
}

// begin has a process write to the server at address; it announces from run on.
func begin(t *testing.T, address, broker string) *process {
	t.Helper()
	publisher, err := notice.New([]string{broker}, nil)
	if err != nil {
		t.Fatal(err)
	}
	client, err := couch.Open(couch.Config{URL: address, Wrote: publisher.Wrote})
	if err != nil {
		t.Fatal(err)
	}
	return &process{Client: client, publisher: publisher, stop: func() {}}
}

func (p *process) run(t *testing.T) *process {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.publisher.Run(ctx, p.Client)
	}()
	p.stop = func() {
		cancel()
		<-ended
	}
	t.Cleanup(func() { p.stop() })
	return p
}

// put saves a callflow as callflowd does.
func (p *process) put(t *testing.T, doc document.Doc) {
	t.Helper()
	stamp := document.Stamp{Type: "callflow", AccountID: account, AccountDB: encodedDB, RequestID: "r", Now: time.Now()}
	if doc["_deleted"] == nil {
		stamp.Apply(doc)
	}
	if err := p.DB(accountDB).Put(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
}

func (p *process) createDB(t *testing.T, name string) {
	t.Helper()
	if err := p.CreateDB(t.Context(), name); err != nil {
		t.Fatal(err)
	}
}

// told is what arrived, event by event of each document.
type told map[string][]string

func (w told) take(t *testing.T, n noticetest.Notice) {
	t.Helper()
	var body struct {
		Event string `json:"Event-Name"`
		ID    string
		Rev   string
	}
	if err := json.Unmarshal(n.Body, &body); err != nil {
		t.Fatal(err)
	}
	w[body.ID] = append(w[body.ID], body.Event+" "+strings.Split(body.Rev, "-")[0])
}

// until takes notices until those of a document end with last.
func (w told) until(t *testing.T, notices <-chan noticetest.Notice, id, last string) {
	t.Helper()
	timeout := time.After(2 * time.Minute)
	for {
		if list := w[id]; len(list) > 0 && list[len(list)-1] == last {
			return
		}
		select {
		case n, ok := <-notices:
			if !ok {
				t.Fatal("the broker is gone")
			}
			w.take(t, n)
		case <-timeout:
			t.Fatalf("%s never arrives of %s: %v", last, id, w[id])
		}
	}
}

// TestRabbit runs against one broker, since one takes seconds to start.
func TestRabbit(t *testing.T) {
	rabbit := noticetest.Start(t)
	t.Run("life", func(t *testing.T) { testLife(t, rabbit) })
	t.Run("worked example", func(t *testing.T) { testWorkedExample(t, rabbit) })
	t.Run("restart", func(t *testing.T) { testRestart(t, rabbit) })
	t.Run("two processes", func(t *testing.T) { testTwo(t, rabbit) })
	t.Run("written over", func(t *testing.T) { testWrittenOver(t, rabbit) })
	t.Run("hints", func(t *testing.T) { testHints(t, rabbit) })
	t.Run("burst", func(t *testing.T) { testBurst(t, rabbit) })
	t.Run("outage", func(t *testing.T) { testOutage(t, rabbit) })
}

// Each write of a document is announced as what it was, on the wire as Kazoo
// has it.
func testLife(t *testing.T, rabbit *noticetest.Rabbit) {
	notices := rabbit.Listen(t)
	p := begin(t, couchtest.URL(t), rabbit.URL).run(t)
	p.createDB(t, accountDB)
	n := <-notices
	if want := "db_created." + encodedDB + ".database." + strings.ReplaceAll(encodedDB, "%", "%25"); n.Key != want {
		t.Errorf("key %s, want %s", n.Key, want)
	}
	doc := document.Doc{"_id": "c1"}
	p.put(t, doc)
	n = <-notices
	if want := "doc_created." + encodedDB + ".callflow.c1"; n.Key != want {
		t.Errorf("key %s, want %s", n.Key, want)
	}
	if n.ContentType != "application/json" || len(n.Headers) > 0 {
		t.Errorf("content type %q, headers %v", n.ContentType, n.Headers)
	}
	if at := time.UnixMicro(n.Timestamp); time.Since(at) > time.Hour || time.Until(at) > time.Hour {
		t.Errorf("timestamp %d is not in microseconds", n.Timestamp)
	}
	p.put(t, doc)
	p.put(t, doc)
	doc["pvt_deleted"] = true
	p.put(t, doc)
	p.put(t, document.Doc{"_id": "c1", "_rev": doc.Rev(), "_deleted": true, "pvt_type": "callflow"})
	w := told{}
	w.until(t, notices, "c1", "doc_deleted 5")
	if got, want := fmt.Sprint(w["c1"]), "[doc_edited 2 doc_edited 3 doc_deleted 4 doc_deleted 5]"; got != want {
		t.Errorf("told %s, want %s", got, want)
	}
	couchtest.Eventually(t, "all is announced", func() bool {
		state := p.publisher.States()[0]
		return state.Connected && state.Published == 6 && strings.HasPrefix(state.Broker, "127.0.0.1:")
	})
	if err := p.DropDB(t.Context(), accountDB); err != nil {
		t.Fatal(err)
	}
	w.until(t, notices, encodedDB, "db_deleted ")
}

// The worked example of Kazoo's, an edit of a callflow, as it comes out of the
// broker: every field and none besides.
func testWorkedExample(t *testing.T, rabbit *noticetest.Rabbit) {
	const id = "0b7c0f1f4c0e4f5fb8f1c9a1e2d3c4b5"
	p := begin(t, couchtest.URL(t), rabbit.URL).run(t)
	p.createDB(t, accountDB)
	doc := document.Doc{"_id": id, "pvt_type": "callflow", "pvt_account_id": account, "pvt_created": json.Number("63870000000"), "pvt_modified": json.Number("63878219200")}
	for range 3 {
		if err := p.DB(accountDB).Put(t.Context(), doc); err != nil {
			t.Fatal(err)
		}
	}
	settled(t, p)
	notices := rabbit.Listen(t)
	if err := p.DB(accountDB).Put(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	n := <-notices
	if want := "doc_edited." + encodedDB + ".callflow." + id; n.Key != want {
		t.Errorf("key %s, want %s", n.Key, want)
	}
	got := couchtest.JSON[map[string]any](t, string(n.Body))
	if msgID, node := fmt.Sprint(got["Msg-ID"]), fmt.Sprint(got["Node"]); len(msgID) != 16 || !strings.HasPrefix(node, "callflowd-") {
		t.Errorf("Msg-ID %s, Node %s", msgID, node)
	}
	delete(got, "Msg-ID")
	delete(got, "Node")
	want := map[string]any{
		"Event-Category": "configuration", "Event-Name": "doc_edited", "App-Name": "datamgr", "App-Version": "4.0.0", "ID": id, "Type": "callflow",
		"Database": encodedDB, "Account-ID": account, "Rev": doc.Rev(), "Date-Created": 63878219200.0, "Date-Modified": 63870000000.0,
		"Is-Soft-Deleted": false, "Origin-Cache": "kazoo_data_cache",
	}
	if !maps.Equal(got, want) || !strings.HasPrefix(doc.Rev(), "4-") {
		t.Errorf("told %v\nwant %v", got, want)
	}
}

// A process that ends between a write and its notice has it announced by the
// next. What others wrote is not announced, nor what was announced before.
func testRestart(t *testing.T, rabbit *noticetest.Rabbit) {
	address := couchtest.URL(t)
	first := begin(t, address, rabbit.URL) // never runs
	first.createDB(t, accountDB)
	first.put(t, document.Doc{"_id": "c1"})
	gone := document.Doc{"_id": "c2"}
	first.put(t, gone)
	tombstone := document.Doc{"_deleted": true}
	for _, key := range []string{"_id", "_rev", "pvt_type", "pvt_request_id", document.TraceKey} {
		tombstone[key] = gone[key]
	}
	first.put(t, tombstone)
	if err := first.DB(accountDB).Put(t.Context(), document.Doc{"_id": "kazoos", "pvt_type": "callflow"}); err != nil {
		t.Fatal(err)
	}
	notices := rabbit.Listen(t)
	second := begin(t, address, rabbit.URL).run(t)
	w := told{}
	w.until(t, notices, "c1", "doc_created 1")
	w.until(t, notices, "c2", "doc_deleted 2")
	settled(t, second)
	second.stop()
	third := begin(t, address, rabbit.URL).run(t)
	third.put(t, document.Doc{"_id": "c3"})
	w.until(t, notices, "c3", "doc_created 1")
	settled(t, third)
	if got, want := fmt.Sprint(w), "map[c1:[doc_created 1] c2:[doc_deleted 2] c3:[doc_created 1]]"; got != want || len(notices) > 0 {
		t.Errorf("told %s, want %s; %d more", got, want, len(notices))
	}
}

// settled waits until nothing is left to announce.
func settled(t *testing.T, p *process) {
	t.Helper()
	couchtest.Eventually(t, "nothing is left to announce", func() bool { return p.publisher.States()[0].Databases == 0 })
}

// Two processes on one server: each announces its own writes, and nothing is
// lost of either. One that cannot reach the broker is helped by the other.
func testTwo(t *testing.T, rabbit *noticetest.Rabbit) {
	address := couchtest.URL(t)
	notices := rabbit.Listen(t)
	a := begin(t, address, rabbit.URL).run(t)
	b := begin(t, address, rabbit.URL).run(t)
	mute := begin(t, address, "amqp://guest:guest@127.0.0.1:1/").run(t)
	a.createDB(t, accountDB)
	for i := range 20 {
		a.put(t, document.Doc{"_id": fmt.Sprintf("a%d", i)})
		b.put(t, document.Doc{"_id": fmt.Sprintf("b%d", i)})
	}
	mute.put(t, document.Doc{"_id": "m"})
	w := told{}
	for i := range 20 {
		w.until(t, notices, fmt.Sprintf("a%d", i), "doc_created 1")
		w.until(t, notices, fmt.Sprintf("b%d", i), "doc_created 1")
	}
	w.until(t, notices, "m", "doc_created 1")
	if state := mute.publisher.States()[0]; state.Connected || state.Databases == 0 || state.Behind == 0 {
		t.Errorf("state of the one that is cut off: %+v", state)
	}
}

// A write that a Kazoo wrote over before it was announced is announced, also if
// another process has found the later revision meanwhile and gone past it: the
// notice of that one may be lost, since Kazoo sends it once.
func testWrittenOver(t *testing.T, rabbit *noticetest.Rabbit) {
	address := couchtest.URL(t)
	slow := begin(t, address, rabbit.URL) // has not got to announcing
	slow.createDB(t, accountDB)
	doc := document.Doc{"_id": "c1"}
	slow.put(t, doc)
	doc["pvt_request_id"] = "kazoo"
	if err := couchtest.Open(t, address).DB(accountDB).Put(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	notices := rabbit.Listen(t)
	other := begin(t, address, rabbit.URL).run(t)
	other.put(t, document.Doc{"_id": "c2"})
	w := told{}
	w.until(t, notices, "c2", "doc_created 1")
	settled(t, other)
	slow.run(t)
	w.until(t, notices, "c1", "doc_created 1")
}

// Notices of others are hints, whatever they say. Own ones are none.
func testHints(t *testing.T, rabbit *noticetest.Rabbit) {
	looked := make(chan string, 100)
	p := begin(t, couchtest.URL(t), rabbit.URL)
	p.publisher.Listen(func(id string) { looked <- id })
	p.run(t)
	couchtest.Eventually(t, "the process listens", func() bool {
		rabbit.Publish(t, "doc_edited."+encodedDB+".callflow.x", []byte("no JSON"))
		return len(looked) > 0
	})
	if id := <-looked; id != account {
		t.Errorf("looked at %q", id)
	}
	notices := rabbit.Listen(t)
	p.createDB(t, accountDB)
	p.put(t, document.Doc{"_id": "c1"})
	told{}.until(t, notices, "c1", "doc_created 1")
	other := strings.Repeat("b", 32)
	for _, key := range []string{
		"doc_edited.account%2Fab.callflow.x", "doc_edited.%zz.callflow.x", "doc_edited.accounts.account.short", "callflow",
		"doc_edited.account%2Fbb%2Fbb%2F" + other[4:] + "-202401.callflow.x", "doc_edited.accounts.account." + other,
	} {
		rabbit.Publish(t, key, []byte(`{"Node":5}`))
	}
	for id := range looked {
		if id == other {
			break
		}
		if id != account {
			t.Errorf("looked at %q", id)
		}
	}
}

// Ten thousand writes wait for nobody, and all of them are announced.
func testBurst(t *testing.T, rabbit *noticetest.Rabbit) {
	const writes = 10_000
	notices := rabbit.Listen(t)
	p := begin(t, couchtest.URL(t), rabbit.URL).run(t)
	p.createDB(t, accountDB)
	docs := make([]document.Doc, 500)
	for n := 0; n < writes; n += len(docs) {
		for i := range docs {
			docs[i] = document.Doc{"_id": fmt.Sprintf("c%d", n+i)}
			document.Stamp{Type: "callflow", AccountID: account, RequestID: "r", Now: time.Now()}.Apply(docs[i])
		}
		if _, err := p.DB(accountDB).Bulk(t.Context(), docs); err != nil {
			t.Fatal(err)
		}
	}
	w := told{}
	for n := range writes {
		w.until(t, notices, fmt.Sprintf("c%d", n), "doc_created 1")
	}
}

// While the broker is away, writing goes on. When it is back every notice
// arrives, of each document in order.
func testOutage(t *testing.T, rabbit *noticetest.Rabbit) {
	gate := rabbit.NewGate(t)
	p := begin(t, couchtest.URL(t), gate.URL).run(t)
	p.createDB(t, accountDB)
	settled(t, p)
	gate.Shut()
	rabbit.Kill()
	docs := make([]document.Doc, 50)
	for i := range docs {
		docs[i] = document.Doc{"_id": fmt.Sprintf("c%d", i)}
	}
	for range 4 {
		for _, doc := range docs {
			p.put(t, doc)
		}
	}
	if state := p.publisher.States()[0]; state.Connected || state.Databases == 0 {
		t.Errorf("state without a broker: %+v", state)
	}
	rabbit.Up(t)
	notices := rabbit.Listen(t)
	gate.Open(t)
	w := told{}
	for i := range docs {
		id := fmt.Sprintf("c%d", i)
		w.until(t, notices, id, "doc_edited 4")
		if got, want := fmt.Sprint(w[id]), "[doc_created 1 doc_edited 2 doc_edited 3 doc_edited 4]"; got != want {
			t.Errorf("%s: told %s, want %s", id, got, want)
		}
	}
}
