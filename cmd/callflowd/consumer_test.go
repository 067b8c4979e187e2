package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/notice/noticetest"
	"github.com/callflowd/callflowd/pkg/problem"
)

// freshLimit is when a node counts as never fresh. The wait for the notice is
// two seconds where nothing is away; a broker that comes back, and a computer
// that is busy, take longer.
const freshLimit = 3 * time.Minute

// freshness watches a Kazoo node while others write.
type freshness struct {
	t    *testing.T
	node *noticetest.Consumer

	away atomic.Int64 // odd while a broker is away from somebody; grows

	mu              sync.Mutex
	slowest, steady time.Duration // steady: while nothing was away
	writes, calm    int
}

// await waits until the node knows what was just acknowledged.
func (f *freshness) await(ctx context.Context, what string, knows func() (bool, error)) error {
	began, away := time.Now(), f.away.Load()
	for {
		ok, err := knows()
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		took := time.Since(began)
		if ok {
			f.note(took, away%2 == 0 && away == f.away.Load())
			return nil
		}
		if took > freshLimit {
			return fmt.Errorf("the node is stale: %s", what)
		}
		if !sleep(ctx, 2*time.Millisecond) {
			return ctx.Err()
		}
	}
}

func (f *freshness) note(took time.Duration, calm bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writes++
	f.slowest = max(f.slowest, took)
	if calm {
		f.calm++
		f.steady = max(f.steady, took)
	}
}

// doc waits for a revision of a document, or a later one.
func (f *freshness) doc(ctx context.Context, db, id, rev string) error {
	wanted := document.Generation(rev)
	return f.await(ctx, "document "+id+" at "+rev, func() (bool, error) {
		doc, err := f.node.Doc(f.t, db, id)
		if problem.Is(err, problem.BadIdentifier) {
			return true, nil
		}
		return doc.Generation() >= wanted, err
	})
}

// flow waits until a number leads to a callflow, "" for none.
func (f *freshness) flow(ctx context.Context, number, id string) error {
	return f.await(ctx, number+" leads to "+id, func() (bool, error) {
		got, err := f.node.Flow(f.t, kazooAccount, number)
		return got == id, err
	})
}

// A node of Kazoo that keeps what it read until it is told is never stale for
// long after a write that was acknowledged: with two processes, whose brokers
// come and go, and with a Kazoo that edits the same documents.
func TestE2ENoticesKeepANodeFresh(t *testing.T) {
	if testing.Short() {
		t.Skip("starts RabbitMQ")
	}
	rabbit := noticetest.Start(t)
	address := couchtest.URL(t)
	client := fillAsKazoo(t, address)
	gate, writers := rabbit.NewGate(t), make([]caller, 2)
	for i := range writers {
		p := start(t, "--data-dir="+t.TempDir(), "--couchdb-url="+address, "--amqp-url="+gate.URL, "--rate-burst=100000", "--rate-per-second=100000")
		writers[i], _ = login(t, p, someKey)
	}
	f := &freshness{t: t, node: rabbit.NewConsumer(t, client)}
	group, ctx := errgroup.WithContext(t.Context())
	stop := make(chan struct{})
	for i, c := range writers {
		group.Go(func() error { return writeUntil(ctx, stop, f, c, i) })
	}
	group.Go(func() error { return editAsKazoo(ctx, stop, f, client, rabbit) })
	for round := range 12 {
		f.away.Add(1)
		if round%2 == 0 {
			gate.Shut()
			sleep(ctx, 50*time.Millisecond*time.Duration(1+round))
			gate.Open(t)
		} else {
			gate.Cut() // one of the two processes
		}
		f.away.Add(1)
		sleep(ctx, 700*time.Millisecond)
		if round == 6 {
			f.away.Add(1)
			rabbit.Kill()
			sleep(ctx, 2*time.Second)
			rabbit.Up(t)
			f.away.Add(1)
		}
	}
	close(stop)
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	for _, problem := range f.node.Problems() {
		t.Error(problem)
	}
	t.Logf("%d writes, the node was fresh after %s at most; %d of them while nothing was away, after %s at most", f.writes, f.slowest, f.calm, f.steady)
	if f.calm == 0 {
		t.Error("nothing was written while nothing was away")
	}
}

// writeUntil creates, edits, moves and deletes callflows with numbers of its
// own, and edits one that others edit as well.
func writeUntil(ctx context.Context, stop <-chan struct{}, f *freshness, c caller, writer int) error {
	flows, db := "/v2/accounts/"+kazooAccount+"/callflows", couch.AccountDB(kazooAccount)
	for n := 0; ; n++ {
		select {
		case <-stop:
			return nil
		default:
		}
		first, second := fmt.Sprintf("%d%04d", 2+2*writer, n), fmt.Sprintf("%d%04d", 3+2*writer, n)
		made, err := c.write(http.StatusCreated, "PUT", flows, callflowOf(sent{"w", first}))
		if err != nil {
			return err
		}
		id, one := made.id, flows+"/"+made.id
		steps := []func() error{
			func() error { return f.flow(ctx, first, id) },
			func() error { return f.doc(ctx, db, id, made.rev) },
			func() error { return f.change(ctx, c, "PATCH", one, map[string]any{"name": "x"}, id) },
			func() error { return f.change(ctx, c, "PATCH", one, map[string]any{"numbers": []string{second}}, id) },
			func() error { return f.flow(ctx, first, "") },
			func() error { return f.flow(ctx, second, id) },
			func() error {
				return f.change(ctx, c, "PATCH", flows+"/"+kazooFlow, map[string]any{fmt.Sprint("w", writer): n}, kazooFlow)
			},
			func() error { return f.change(ctx, c, "DELETE", one, nil, id) },
			func() error { return f.flow(ctx, second, "") },
		}
		for i, step := range steps {
			if err := step(); err != nil {
				return fmt.Errorf("writer %d, round %d, step %d: %w", writer, n, i, err)
			}
		}
	}
}

// change writes and waits for the node to know it. The node has the document
// as it was before.
func (f *freshness) change(ctx context.Context, c caller, method, path string, data any, id string) error {
	db := couch.AccountDB(kazooAccount)
	if _, err := f.node.Doc(f.t, db, id); err != nil {
		return err
	}
	done, err := c.write(http.StatusOK, method, path, data)
	if err != nil {
		return err
	}
	return f.doc(ctx, db, id, done.rev)
}

// acknowledged is what a write made.
type acknowledged struct{ id, rev string }

// write is must for goroutines. A write that lost against others again and
// again is tried once more.
func (c caller) write(status int, method, path string, data any) (acknowledged, error) {
	env, err := c.try(method, path, data)
	for tries := 1; err == nil && env.Status == http.StatusConflict && tries < 20; tries++ {
		env, err = c.try(method, path, data)
	}
	if err != nil {
		return acknowledged{}, err
	}
	if env.Status != status {
		return acknowledged{}, fmt.Errorf("%s %s: %d %s", method, path, env.Status, env.Data)
	}
	var made struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(env.Data, &made) // a deletion may say nothing
	return acknowledged{made.ID, env.Revision}, nil
}

// editAsKazoo edits the callflow that is in everybody's hands the way another
// node of Kazoo does, with a notice of its own. It keeps private fields that it
// does not know.
func editAsKazoo(ctx context.Context, stop <-chan struct{}, f *freshness, client *couch.Client, rabbit *noticetest.Rabbit) error {
	db := client.DB(couch.AccountDB(kazooAccount))
	for n := 0; ; n++ {
		select {
		case <-stop:
			return nil
		case <-time.After(20 * time.Millisecond):
		}
		doc, err := db.Get(ctx, kazooFlow)
		if err != nil {
			return err
		}
		doc["kazoo"], doc["pvt_request_id"], doc["pvt_modified"] = n, fmt.Sprint("kazoo", n), document.GregorianNumber(time.Now())
		if err := db.Put(ctx, doc); problem.Is(err, problem.Conflict) {
			continue
		} else if err != nil {
			return err
		}
		if f.away.Load()%2 == 0 {
			tellAsKazoo(rabbit, doc) // one that is lost is Kazoo's own
		}
	}
}

// tellAsKazoo publishes the notice of another node.
func tellAsKazoo(rabbit *noticetest.Rabbit, doc document.Doc) {
	encoded := couch.EncodedDB(couch.AccountDB(kazooAccount))
	body, _ := json.Marshal(map[string]any{
		"Event-Category": "configuration", "Event-Name": "doc_edited", "App-Name": "datamgr", "App-Version": "4.0.0", "Msg-ID": "9f1c2a7be0d34c55",
		"Node": "kazoo_apps@apps002.example.com", "ID": doc.ID(), "Type": "callflow", "Database": encoded, "Account-ID": kazooAccount, "Rev": doc.Rev(),
		"Is-Soft-Deleted": false, "Origin-Cache": "kazoo_data_cache",
	})
	_ = rabbit.TryPublish("doc_edited."+encoded+".callflow."+doc.ID(), body)
}
