package callflow

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/reserve"
	"github.com/callflowd/callflowd/pkg/route"
	"github.com/callflowd/callflowd/pkg/save"
)

// How hard the tests with many writers try. STRESS=30s makes them go on for
// that long; without it every writer stops after a few writes.
const (
	writers     = 64
	shortRounds = 3
)

// rounds counts a writer's rounds until it may stop.
func rounds(t testing.TB) func(n int) bool {
	t.Helper()
	text := os.Getenv("STRESS")
	if text == "" {
		return func(n int) bool { return n < shortRounds }
	}
	long, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	end := time.Now().Add(long)
	return func(int) bool { return time.Now().Before(end) }
}

// ledger knows who holds each number by an acknowledged write. A holder that
// has begun to let go holds it no longer.
type ledger struct {
	mu      sync.Mutex
	holders map[string]string
	acks    int
}

func (l *ledger) got(number, id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if other := l.holders[number]; other != "" && other != id {
		return fmt.Errorf("number %s is acknowledged to %s and to %s", number, other, id)
	}
	l.holders[number] = id
	l.acks++
	return nil
}

func (l *ledger) releases(number, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holders[number] == id {
		delete(l.holders, number)
	}
}

// fighter wants numbers that others want too.
type fighter struct {
	s      *Service
	l      *ledger
	rnd    *rand.Rand
	id     string // its callflow; "" if it has none
	number string // what the callflow holds, as far as it knows
}

// fight makes one write. Being refused is part of the game; what is not
// forgiven is an error.
func (f *fighter) fight(ctx context.Context, forgiven func(error) bool) error {
	wanted := fmt.Sprint(100 + f.rnd.IntN(10))
	w := Write{AccountID: testAccount, ID: f.id, Actor: save.Actor{RequestID: fmt.Sprint(f.rnd.Int64())}}
	var saved Saved
	var err error
	switch choice := f.rnd.IntN(4); {
	case f.id == "":
		w.Data = document.Doc{"numbers": []any{wanted}}
		saved, err = f.s.Create(ctx, w)
	case choice == 0:
		f.l.releases(f.number, f.id)
		_, err = f.s.Delete(ctx, w, f.rnd.IntN(2) == 0)
		if err == nil || problem.Is(err, problem.BadIdentifier) {
			f.id, f.number = "", ""
			return nil
		}
	case choice == 1:
		w.Data = document.Doc{"name": w.Actor.RequestID}
		saved, err = f.s.Patch(ctx, w)
	default:
		f.l.releases(f.number, f.id)
		w.Data = document.Doc{"numbers": []any{wanted}}
		saved, err = f.s.Patch(ctx, w)
	}
	if err == nil {
		f.id, f.number = saved.Doc.ID(), saved.Doc.Strings("numbers")[0]
		return f.l.got(f.number, f.id)
	}
	if problem.Is(err, problem.Invalid) || problem.Is(err, problem.Conflict) || forgiven(err) {
		f.l.releases(f.number, f.id)
		return nil
	}
	return err
}

func never(error) bool { return false }

// brawl lets many fighters on several services at ten numbers.
func brawl(t *testing.T, services []*Service, forgiven func(error) bool) *ledger {
	t.Helper()
	l := &ledger{holders: map[string]string{}}
	more := rounds(t)
	group, ctx := errgroup.WithContext(t.Context())
	for i := range writers {
		f := &fighter{s: services[i%len(services)], l: l, rnd: rand.New(rand.NewPCG(uint64(i), 7))}
		group.Go(func() error {
			for n := 0; more(n); n++ {
				if err := f.fight(ctx, forgiven); err != nil {
					return fmt.Errorf("fighter %d: %w", i, err)
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d writes were acknowledged", l.acks)
	return l
}

// settled makes sure that storage, views and lookups agree with what was
// acknowledged.
func (l *ledger) settled(t *testing.T, s *Service) {
	t.Helper()
	for number, id := range l.holders {
		got, err := s.Get(t.Context(), testAccount, id)
		if err != nil || !(key{numbersKey, number}).HeldBy(got) {
			t.Errorf("%s was acknowledged to %s, which is %v (%v)", number, id, got, err)
			continue
		}
		if got := holderByView(t, s, number); got != id {
			t.Errorf("%s goes to %q, not to %s", number, got, id)
		}
	}
}

// holderByView asks the view who holds a number, "" for nobody.
func holderByView(t *testing.T, s *Service, number string) string {
	t.Helper()
	if err := s.prepareViews(t.Context(), testAccount); err != nil {
		t.Fatal(err)
	}
	k := key{numbersKey, number}
	holders, err := viewHolders(t.Context(), s.Couch.Account(testAccount), []reserve.Key{key{numbersKey, number}})
	if err != nil {
		t.Fatal(err)
	}
	if len(holders[k]) == 0 {
		return ""
	}
	return holders[k][0]
}

// nothingIsStuck makes sure that numbers nobody holds can be had.
func nothingIsStuck(t *testing.T, s *Service) {
	t.Helper()
	for n := range 10 {
		number := fmt.Sprint(100 + n)
		if holderByView(t, s, number) == "" {
			create(t, s, `{"numbers":["`+number+`"]}`)
		}
	}
}

// twoServices are like two processes on one server.
func twoServices(t *testing.T, index func(*Service) Index) []*Service {
	t.Helper()
	address := couchtest.URL(t)
	services := make([]*Service, 2)
	for i := range services {
		services[i] = serviceOn(t, couchtest.Open(t, address))
		services[i].Index = index(services[i])
	}
	return services
}

// noIndex knows nothing, so that reservations alone keep the peace.
func noIndex(*Service) Index { return &silent{} }

func TestManyWritersFightForNumbers(t *testing.T) {
	services := twoServices(t, noIndex)
	l := brawl(t, services, never)
	l.settled(t, services[0])
	nothingIsStuck(t, services[0])
	if c := conflicts(t, services[1]); len(c.Numbers)+len(c.Documents) > 0 {
		t.Errorf("after the fight: %+v", c)
	}
}

// TestManyWritersAndTheirIndexes has the routes answer from memory: at the
// end each process must know what the other has written.
func TestManyWritersAndTheirIndexes(t *testing.T) {
	var indexes []*route.Indexes
	services := twoServices(t, func(s *Service) Index {
		x := route.NewIndexes(route.Config{Couch: s.Couch, Prepare: s.Accounts.Prepare})
		t.Cleanup(x.Close)
		indexes = append(indexes, x)
		return x
	})
	l := brawl(t, services, never)
	l.settled(t, services[0])
	nothingIsStuck(t, services[1])
	for number, id := range l.holders {
		for i, x := range indexes {
			couchtest.Eventually(t, fmt.Sprintf("index %d sends %s to %s", i, number, id), func() bool {
				answer, err := x.Lookup(t.Context(), testAccount, number, route.Options{})
				return err == nil && answer.Found && answer.Match.CallflowID == id
			})
		}
	}
}

func TestManyWritersPatchOneCallflow(t *testing.T) {
	services := twoServices(t, noIndex)
	id := create(t, services[0], `{"numbers":["1"]}`).ID()
	more := rounds(t)
	var mu sync.Mutex
	acknowledged := map[string]string{}
	group, ctx := errgroup.WithContext(t.Context())
	for i := range writers {
		s, field := services[i%len(services)], fmt.Sprintf("field%d", i)
		group.Go(func() error {
			for n := 0; more(n); n++ {
				value := fmt.Sprint(n)
				w := Write{AccountID: testAccount, ID: id, Data: document.Doc{field: value}, Actor: save.Actor{RequestID: field + value}}
				_, err := s.Patch(ctx, w)
				if problem.Is(err, problem.Conflict) {
					continue // too much is going on: refused, and not lost unseen
				}
				if err != nil {
					return err
				}
				mu.Lock()
				acknowledged[field] = value
				mu.Unlock()
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	got, err := services[0].Get(t.Context(), testAccount, id)
	if err != nil {
		t.Fatal(err)
	}
	for field, value := range acknowledged {
		if got.String(field) != value {
			t.Errorf("%s is %q, acknowledged was %q", field, got.String(field), value)
		}
	}
	if len(acknowledged) < writers/2 {
		t.Errorf("only %d of %d writers ever came through", len(acknowledged), writers)
	}
}
