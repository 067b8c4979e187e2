package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
)

// clients is how many write at the same time. They stop after a few seconds,
// or after STRESS (30s, say); one process dies every two seconds of that.
const (
	clients    = 64
	shortFight = 5 * time.Second
	killEvery  = 2 * time.Second
)

func fightTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("STRESS")
	if text == "" {
		return shortFight
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// site is two processes on one server; the second is killed and started again
// all the time.
type site struct {
	t       *testing.T
	args    []string
	bases   [2]atomic.Value // string
	clients caller
	account string
	over    chan struct{} // closed when the fight is over
	group   sync.WaitGroup
}

func newSite(t *testing.T) *site {
	t.Helper()
	if testing.Short() {
		t.Skip("starts processes and kills them")
	}
	couchtest.SkipPouchDB(t, "its memory adapter lets both of two concurrent edits through")
	s := &site{t: t, over: make(chan struct{})}
	s.args = []string{"--couchdb-url=" + couchtest.URL(t), "--data-dir=" + t.TempDir()}
	first := startChild(t, append(s.args, "--master-api-key="+someKey)...)
	s.clients, _ = login(t, first, someKey)
	s.account = s.clients.createAccount(map[string]any{"name": "Fought over"})
	s.args[1] = "--data-dir=" + t.TempDir()
	s.bases[0].Store(first.api)
	victim := startChild(t, s.args...)
	s.bases[1].Store(victim.api)
	time.AfterFunc(fightTime(t), func() { close(s.over) })
	s.group.Go(func() { s.kill(victim) })
	return s
}

// kill ends the second process again and again, and starts another.
func (s *site) kill(victim *program) {
	tick := time.NewTicker(killEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.over:
			return
		case <-tick.C:
		}
		victim.kill()
		victim = startChild(s.t, s.args...)
		s.bases[1].Store(victim.api)
	}
}

// fighting reports whether the fight goes on.
func (s *site) fighting() bool {
	select {
	case <-s.over:
		return false
	default:
		return !s.t.Failed()
	}
}

// send asks one of the two processes. Status 0 means that nobody knows what
// became of it.
func (s *site) send(process int, method, path string, data any) envelope {
	c := s.clients
	c.base, _ = s.bases[process].Load().(string)
	env, err := c.try(method, s.account+path, data)
	if err != nil || env.Status == http.StatusServiceUnavailable {
		return envelope{}
	}
	return env
}

// booked knows which callflow holds each number by an acknowledged write.
type booked struct {
	mu      sync.Mutex
	holders map[string]string
	acks    int
}

func (b *booked) got(t *testing.T, number, id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if other := b.holders[number]; other != "" && other != id {
		t.Errorf("number %s was acknowledged to %s and then to %s", number, other, id)
	}
	b.holders[number] = id
	b.acks++
}

func (b *booked) lets(number, id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.holders[number] == id {
		delete(b.holders, number)
	}
}

// fighter is a client that wants numbers others want too.
type fighter struct {
	*site
	*booked
	process int
	name    string
	made    int
	id      string // its callflow, "" for none
	number  string // that it holds
	unsure  bool   // nobody knows what became of the last write
}

// write makes one write and keeps the books.
func (f *fighter) write() {
	number := strconv.Itoa(100 + rand.IntN(10))
	data := map[string]any{"numbers": []string{number}}
	var env envelope
	switch {
	case f.id == "":
		f.made++
		f.id = fmt.Sprintf("%s-%d", f.name, f.made)
		data["id"] = f.id
		env = f.send(f.process, "PUT", "/callflows", data)
	case f.unsure || rand.IntN(4) == 0:
		f.lets(f.number, f.id)
		env = f.send(f.process, "DELETE", "/callflows/"+f.id, nil)
		if env.Status == http.StatusOK || env.Status == http.StatusNotFound {
			f.id, f.number, f.unsure = "", "", false
		}
		return
	default:
		f.lets(f.number, f.id)
		env = f.send(f.process, "PATCH", "/callflows/"+f.id, data)
	}
	switch env.Status {
	case http.StatusCreated, http.StatusOK:
		f.number = number
		f.got(f.t, number, f.id)
	case http.StatusBadRequest, http.StatusConflict, 0:
		f.unsure = true
	default:
		f.t.Errorf("answered %d: %s", env.Status, env.Data)
	}
}

// 64 clients fight for ten numbers, over two processes of which one keeps
// dying: no number ever has two acknowledged holders, and at the end storage,
// views and routes agree with what was acknowledged.
func TestE2EFightForNumbers(t *testing.T) {
	s := newSite(t)
	b := &booked{holders: map[string]string{}}
	for i := range clients {
		f := &fighter{site: s, booked: b, process: i % 2, name: fmt.Sprintf("f%d", i)}
		s.group.Go(func() {
			for f.fighting() {
				f.write()
			}
		})
	}
	s.group.Wait()
	for number, id := range b.holders {
		for process := range s.bases {
			s.agrees(process, number, id)
		}
	}
	if b.acks == 0 {
		t.Error("nothing was acknowledged")
	}
	t.Logf("%d writes were acknowledged", b.acks)
}

// agrees makes sure that a process sends a number to its holder: by the views
// at once, from memory as soon as the change feed has told it.
func (s *site) agrees(process int, number, id string) {
	s.t.Helper()
	c := s.clients
	c.base, _ = s.bases[process].Load().(string)
	var got routed
	c.must(http.StatusOK, "GET", s.account+"/routes/"+number+"?consistent=true", nil).decode(s.t, &got)
	if got.CallflowID != id {
		s.t.Errorf("%s was acknowledged to %s and goes to %q (process %d)", number, id, got.CallflowID, process)
	}
	couchtest.Eventually(s.t, fmt.Sprintf("process %d learns that %s goes to %s", process, number, id), func() bool {
		got, _ := c.lookup(s.account, number)
		return got.CallflowID == id
	})
}

// 64 clients patch a field each of one callflow: every acknowledged edit is
// there at the end.
func TestE2EPatchOneCallflow(t *testing.T) {
	s := newSite(t)
	if env := s.send(0, "PUT", "/callflows", map[string]any{"id": "one", "numbers": []string{"1"}}); env.Status != http.StatusCreated {
		t.Fatalf("answered %d: %s", env.Status, env.Data)
	}
	var acknowledged, sent [clients]int
	for i := range clients {
		s.group.Go(func() {
			for s.fighting() {
				sent[i]++
				env := s.send(i%2, "PATCH", "/callflows/one", map[string]any{fmt.Sprintf("field%d", i): sent[i]})
				switch env.Status {
				case http.StatusOK:
					acknowledged[i] = sent[i]
				case http.StatusConflict, 0:
				default:
					t.Errorf("answered %d: %s", env.Status, env.Data)
				}
			}
		})
	}
	s.group.Wait()
	var stored map[string]json.RawMessage
	s.send(0, "GET", "/callflows/one", nil).decode(t, &stored)
	total := 0
	for i := range clients {
		got, _ := strconv.Atoi(string(stored[fmt.Sprintf("field%d", i)]))
		if got < acknowledged[i] || got > sent[i] {
			t.Errorf("field %d is %d, acknowledged was %d of %d", i, got, acknowledged[i], sent[i])
		}
		total += acknowledged[i]
	}
	t.Logf("%d edits were acknowledged", total)
}
