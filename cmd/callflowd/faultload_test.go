package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// answerLimit is how long a client waits for an answer.
const answerLimit = 15 * time.Second

// underLoad is a program that is asked without end, and what came of it.
type underLoad struct {
	t        testing.TB
	client   *http.Client
	base     atomic.Pointer[string] // of the API; another one after a restart
	token    atomic.Pointer[string]
	accounts []string // paths
	known    []string // numbers that route in every account
	next     atomic.Int64

	mu           sync.Mutex
	acknowledged map[string]string // name by path of a callflow
	refused      int               // writes that were not acknowledged
	lookups      int
	wrong        int // lookups without the answer that is known to be right
	unheard      int // tries to look up while no program listened; they are no lookups
	failed       int // reads without a good answer
	took         []time.Duration
}

func newLoad(t testing.TB, p *program, token string, accounts, known []string) *underLoad {
	l := &underLoad{t: t, accounts: accounts, known: known, acknowledged: map[string]string{}}
	l.client = &http.Client{Timeout: answerLimit, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	l.base.Store(&p.api)
	l.token.Store(&token)
	return l
}

// ask sends one request. An error is a failed connection.
func (l *underLoad) ask(method, path string, data any) (status int, body []byte, err error) {
	var sent io.Reader
	if data != nil {
		text, err := json.Marshal(map[string]any{"data": data})
		if err != nil {
			return 0, nil, err
		}
		sent = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(context.Background(), method, *l.base.Load()+path, sent)
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Auth-Token", *l.token.Load())
	res, err := l.client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	body, err = io.ReadAll(res.Body)
	return res.StatusCode, body, err
}

func (l *underLoad) account() string { return l.accounts[rand.N(len(l.accounts))] }

// lookup asks for a number whose answer is known.
func (l *underLoad) lookup() {
	began := time.Now()
	status, _, err := l.ask("GET", l.account()+"/routes/"+l.known[rand.N(len(l.known))], nil)
	took := time.Since(began)
	l.mu.Lock()
	defer l.mu.Unlock()
	if errors.Is(err, syscall.ECONNREFUSED) { // nobody listens: that is fast, and no lookup
		l.unheard++
		return
	}
	l.lookups++
	l.took = append(l.took, took)
	if err != nil || status != http.StatusOK {
		l.wrong++
	}
}

func (l *underLoad) read() {
	status, _, err := l.ask("GET", l.account()+"/callflows?page_size=10", nil)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil || status != http.StatusOK {
		l.failed++
	}
}

// write creates a callflow and remembers it if that is acknowledged.
func (l *underLoad) write() bool {
	n := l.next.Add(1)
	name, account := fmt.Sprint("written ", n), l.account()
	status, body, err := l.ask("PUT", account+"/callflows", callflowOf(sent{name, fmt.Sprintf("9%07d", n)}))
	var answer struct {
		Data struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	good := err == nil && status == http.StatusCreated && json.Unmarshal(body, &answer) == nil && answer.Data.ID != ""
	l.mu.Lock()
	defer l.mu.Unlock()
	if good {
		l.acknowledged[account+"/callflows/"+answer.Data.ID] = name
	} else {
		l.refused++
	}
	return good
}

// run puts load on the program until ctx ends: mix chooses what to do next.
func (l *underLoad) run(ctx context.Context, clients int, mix func(l *underLoad)) (wait func()) {
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for ctx.Err() == nil {
				mix(l)
			}
		})
	}
	return group.Wait
}

// figures takes what was counted since the last time.
type figures struct {
	acknowledged, refused, lookups, wrong, unheard, failed int
	p99                                                    time.Duration
}

func (l *underLoad) figures() figures {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := figures{len(l.acknowledged), l.refused, l.lookups, l.wrong, l.unheard, l.failed, 0}
	slices.Sort(l.took)
	if len(l.took) > 0 {
		f.p99 = l.took[len(l.took)*99/100]
	}
	l.refused, l.lookups, l.wrong, l.unheard, l.failed, l.took = 0, 0, 0, 0, 0, nil
	return f
}

// lost reads back everything that was acknowledged since the last time, and
// names what is gone or other than it was written.
func (l *underLoad) lost() []string {
	l.mu.Lock()
	written := l.acknowledged
	l.acknowledged = map[string]string{}
	l.mu.Unlock()
	var gone []string
	for path, name := range written {
		var answer struct {
			Data struct {
				Name string `json:"name"`
			} `json:"data"`
		}
		status, body, err := 0, []byte(nil), error(nil)
		for range 5 { // that reading fails is no loss
			if status, body, err = l.ask("GET", path, nil); err == nil && status < http.StatusInternalServerError {
				break
			}
			time.Sleep(time.Second)
		}
		if err != nil || status != http.StatusOK || json.Unmarshal(body, &answer) != nil || answer.Data.Name != name {
			gone = append(gone, fmt.Sprintf("%s: %d %v", path, status, err))
		}
	}
	return gone
}

// recovers waits until a write is acknowledged again, as long as giveUp.
func (l *underLoad) recovers(giveUp time.Duration) bool {
	for end := time.Now().Add(giveUp); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if l.write() {
			return true
		}
	}
	return false
}
