package couch_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// way is one address of a server, as a node of a cluster is one, that can be
// shut and opened again.
type way struct {
	t       *testing.T
	target  *url.URL
	address string
	hangs   atomic.Bool
	asked   atomic.Int64 // requests, apart from the question whether it is up
	server  *httptest.Server
}

func newWay(t *testing.T, target string) *way {
	t.Helper()
	w := &way{t: t, target: couchtestURL(t, target), address: "127.0.0.1:0"}
	w.open()
	t.Cleanup(w.shut)
	return w
}

func couchtestURL(t *testing.T, address string) *url.URL {
	t.Helper()
	parsed, err := url.Parse(address)
	check(t, err)
	return parsed
}

func (w *way) open() {
	w.t.Helper()
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", w.address)
	check(w.t, err)
	w.address = listener.Addr().String()
	proxy := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(w.target) }}
	w.server = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/_up" {
			w.asked.Add(1)
		}
		if w.hangs.Load() {
			<-r.Context().Done()
			return
		}
		proxy.ServeHTTP(rw, r)
	}))
	_ = w.server.Listener.Close()
	w.server.Listener = listener
	w.server.Start()
}

func (w *way) shut() {
	w.server.CloseClientConnections()
	w.server.Close()
}

func (w *way) url() string { return "http://" + w.address }

// cluster is a client of two nodes.
func cluster(t *testing.T) (client *couch.Client, first, second *way) {
	t.Helper()
	server := couchtest.URL(t)
	first, second = newWay(t, server), newWay(t, server)
	client = open(t, couch.Config{URL: first.url(), Others: []string{second.url()}})
	check(t, client.CreateDB(t.Context(), dbName))
	return client, first, second
}

// When a node dies the next takes over, for writes too, and when it is back
// it serves again.
func TestNextNodeTakesOver(t *testing.T) {
	client, first, second := cluster(t)
	db := client.DB(dbName)
	check(t, db.Put(t.Context(), document.Doc{"_id": "before"}))
	if second.asked.Load() != 0 {
		t.Error("the second node is asked while the first serves")
	}
	first.shut()
	couchtest.Eventually(t, "writes go on", func() bool {
		return db.Put(t.Context(), document.Doc{"_id": "a"}) == nil
	})
	if states := client.Nodes(); states[0] != (couch.NodeState{Host: first.address}) || states[1] != (couch.NodeState{Host: second.address, Up: true}) {
		t.Errorf("the nodes are %+v", states)
	}
	for _, id := range []string{"b", "c", "d"} {
		check(t, db.Put(t.Context(), document.Doc{"_id": id}))
		_, err := db.Get(t.Context(), id)
		check(t, err)
	}
	first.open()
	before := first.asked.Load()
	couchtest.Eventually(t, "the first node serves again", func() bool {
		_, err := db.Get(t.Context(), "a")
		check(t, err)
		return first.asked.Load() > before
	})
	if states := client.Nodes(); !states[0].Up {
		t.Errorf("the nodes are %+v", states)
	}
}

// A node that takes connections and answers nothing is left alone as well.
func TestHangingNodeIsLeft(t *testing.T) {
	client, first, second := cluster(t)
	db := client.DB(dbName)
	check(t, db.Put(t.Context(), document.Doc{"_id": "a"}))
	first.hangs.Store(true)
	_, err := db.Get(t.Context(), "a")
	check(t, err)
	asked := first.asked.Load()
	for range 20 {
		_, err := db.Get(t.Context(), "a")
		check(t, err)
	}
	if first.asked.Load() != asked || second.asked.Load() < 20 {
		t.Errorf("the hanging node got %d requests more", first.asked.Load()-asked)
	}
	first.hangs.Store(false)
}

// A node that stands by and dies is known to be down before it is needed.
func TestStandbyIsWatched(t *testing.T) {
	server := couchtest.URL(t)
	second := newWay(t, server)
	begun, passed := time.Now(), atomic.Int64{}
	client := open(t, couch.Config{URL: server, Others: []string{second.url()}, Now: func() time.Time {
		return begun.Add(time.Duration(passed.Add(1)) * time.Second)
	}})
	second.shut()
	couchtest.Eventually(t, "the second node is known to be down", func() bool {
		_, err := client.HasDB(t.Context(), dbName)
		check(t, err)
		return !client.Nodes()[1].Up
	})
	second.open()
	couchtest.Eventually(t, "it is known to be back", func() bool {
		_, err := client.HasDB(t.Context(), dbName)
		check(t, err)
		return client.Nodes()[1].Up
	})
}

// A feed goes on from the sequence it has, at the other node.
func TestFeedGoesOnAtAnotherNode(t *testing.T) {
	client, first, _ := cluster(t)
	db := client.DB(dbName)
	var seen atomic.Int64
	var begun atomic.Int64
	follower := &couch.Follower{
		DB:    db,
		Begin: func(context.Context) error { begun.Add(1); return nil },
		Take: func(_ context.Context, page couch.ChangesPage) error {
			seen.Add(int64(len(page.Changes)))
			return nil
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { follower.Run(ctx); close(done) }()
	defer func() { cancel(); <-done }()
	couchtest.Eventually(t, "it follows", follower.Following)
	check(t, db.Put(t.Context(), document.Doc{"_id": "a"}))
	couchtest.Eventually(t, "the change arrives", func() bool { return seen.Load() == 1 })
	first.shut()
	couchtest.Eventually(t, "a write arrives", func() bool { return db.Put(t.Context(), document.Doc{"_id": "b"}) == nil })
	couchtest.Eventually(t, "the next change arrives", func() bool { return seen.Load() >= 2 })
	if begun.Load() != 1 {
		t.Errorf("the follower began %d times", begun.Load())
	}
}

// A server that fails again and again is asked no more than now and then.
func TestDeadServerIsLeftAlone(t *testing.T) {
	client, asked := hasty(t, func(int64, *http.Request) string { return "" })
	for range 200 {
		_, err := client.DB(dbName).Get(t.Context(), "a")
		wantCode(t, err, problem.Unavailable)
	}
	if asked.Load() > 20 {
		t.Errorf("%d connections for 200 requests", asked.Load())
	}
}

// What reads is repeated when the server is busy, what writes is not.
func TestBusyServer(t *testing.T) {
	var asked atomic.Int64
	client := serving(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if asked.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte(`{"_id":"a","_rev":"1-a"}`))
	})
	_, err := client.DB(dbName).Get(t.Context(), "a")
	check(t, err)
	asked.Store(0)
	wantCode(t, client.DB(dbName).Put(t.Context(), document.Doc{"_id": "a"}), problem.Unavailable)
	if asked.Load() != 1 {
		t.Errorf("a write was sent %d times", asked.Load())
	}
}
