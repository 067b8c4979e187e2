package main

import (
	"fmt"
	"maps"
	"net/http"
	"sync"
	"testing"
)

const (
	kills   = 20 // how often the program is killed
	writers = 4  // that PUT at the same time
	bodies  = 12 // callflows a round puts before the kill, at least
)

// sent is a callflow that a client has PUT; name and number say which.
type sent struct{ name, number string }

// kill -9 in the middle of PUTs, twenty times over on one data directory:
// whatever was answered 201 is there and routes, and what was not answered is
// there as a whole or not at all.
func TestE2EKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts twenty processes")
	}
	dir := "--data-dir=" + t.TempDir()
	p := startChild(t, dir, "--master-api-key="+someKey)
	c, _ := login(t, p, someKey)
	account := c.createAccount(map[string]any{"name": "Killed"})
	acknowledged := map[string]sent{} // by callflow id
	for round := range kills {
		answered, unanswered := putUntilKilled(c, p, account, round)
		p = startChild(t, dir)
		c.base = p.api
		checkAnswered(c, account, answered)
		maps.Copy(acknowledged, answered)
		for _, s := range unanswered {
			checkWholeOrNothing(c, account, s)
		}
		if t.Failed() {
			t.Fatalf("after kill %d", round+1)
		}
	}
	checkAnswered(c, account, acknowledged)
	t.Logf("%d callflows were answered before %d kills, and all are there", len(acknowledged), kills)
	p.stop()
}

func callflowOf(s sent) map[string]any {
	return map[string]any{
		"name": s.name, "numbers": []string{s.number},
		"flow": map[string]any{"module": "play", "data": map[string]any{"id": s.name}},
	}
}

// putUntilKilled PUTs callflows from several clients and kills the program
// once enough of them were answered, a different number in each round.
func putUntilKilled(c caller, p *program, account string, round int) (answered map[string]sent, unanswered []sent) {
	answered = map[string]sent{}
	var mu sync.Mutex
	enough := make(chan struct{})
	var once sync.Once
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for n := range 10_000 { // ends when the program is gone
				s := sent{fmt.Sprintf("round %d, client %d, callflow %d", round, w, n), fmt.Sprintf("%d%02d%04d", w+1, round, n)}
				env, err := c.try("PUT", account+"/callflows", callflowOf(s))
				mu.Lock()
				if err != nil {
					unanswered = append(unanswered, s)
					mu.Unlock()
					return
				}
				var data struct {
					ID string `json:"id"`
				}
				if env.Status != http.StatusCreated {
					c.t.Errorf("PUT %s: %d: %s", s.number, env.Status, env.Data)
				} else {
					env.decode(c.t, &data)
					answered[data.ID] = s
				}
				if len(answered) >= bodies+round || env.Status != http.StatusCreated {
					once.Do(func() { close(enough) })
				}
				mu.Unlock()
			}
		})
	}
	<-enough
	p.kill()
	group.Wait()
	return answered, unanswered
}

func checkAnswered(c caller, account string, answered map[string]sent) {
	c.t.Helper()
	for id, s := range answered {
		var doc struct {
			Name    string   `json:"name"`
			Numbers []string `json:"numbers"`
			Flow    struct {
				Data struct {
					ID string `json:"id"`
				} `json:"data"`
			} `json:"flow"`
		}
		env, err := c.try("GET", account+"/callflows/"+id, nil)
		if err != nil {
			c.t.Fatal(err)
		}
		if env.Status != http.StatusOK {
			c.t.Errorf("%s was answered 201 and is gone: %d", s.name, env.Status)
			continue
		}
		env.decode(c.t, &doc)
		if doc.Name != s.name || len(doc.Numbers) != 1 || doc.Flow.Data.ID != s.name {
			c.t.Errorf("%s is half written: %s", s.name, env.Data)
		}
		if r, status := c.lookup(account, s.number); r.CallflowID != id {
			c.t.Errorf("%s does not route: %d to %q, want %s", s.number, status, r.CallflowID, id)
		}
	}
}

// checkWholeOrNothing looks at a callflow whose PUT had no answer: either it
// is there, or its number is free.
func checkWholeOrNothing(c caller, account string, s sent) {
	c.t.Helper()
	r, status := c.lookup(account, s.number)
	if status == http.StatusOK {
		checkAnswered(c, account, map[string]sent{r.CallflowID: s})
		return
	}
	env, err := c.try("PUT", account+"/callflows", callflowOf(s))
	if err != nil || env.Status != http.StatusCreated {
		c.t.Errorf("%s is not there, and its number cannot be used: %d %s %v", s.name, env.Status, env.Data, err)
	}
}
