package callflow

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// event is something that happened to a callflow. Whoever edits in CouchDB and
// leaves pvt_modified as it is does not tell the time.
type event struct {
	at   time.Time
	name string // of the callflow from then on; "" if it is gone
	told bool
	what string
}

// standing lists what may have stood at a time, the truth among it. There is
// more than one where it is not known when something happened.
func standingAt(events []event, t time.Time) (names []string, sure bool) {
	names, sure = []string{""}, true
	for _, e := range events {
		switch {
		case e.told && e.at.After(t):
			return names, sure
		case e.told:
			names, sure = []string{e.name}, true
		default:
			names, sure = append(names, e.name), false
		}
	}
	return names, sure
}

// chronicler edits callflows at random and writes down what happened.
type chronicler struct {
	*testing.T
	s      *Service
	set    func(time.Time)
	rnd    *rand.Rand
	count  int
	events map[string][]event
}

// act does one thing to a callflow: by the API, as Kazoo does, or in CouchDB.
func (c *chronicler) act(id, number string) {
	c.set(c.s.now().Add(time.Duration(1+c.rnd.IntN(100)) * time.Second))
	c.count++
	name := fmt.Sprintf("name %d", c.count)
	w := write(c, id, `{"name":"`+name+`"}`)
	w.Actor.RequestID = name
	stored, err := c.s.current(c.Context(), testAccount, id)
	if err != nil {
		c.Fatal(err)
	}
	var what string
	told := true
	switch {
	case stored == nil:
		what, err = "create", c.create(w, id, name, number)
	case isTombstone(stored) && c.rnd.IntN(2) == 0:
		what, err = "create again", c.create(w, id, name, number)
	case !stored.Live():
		saved, failed := c.s.Restore(c.Context(), w, "")
		what, err, name = "restore", failed, saved.Doc.String("name")
	default:
		what, told, name, err = c.edit(w, stored, name)
	}
	if err != nil {
		c.Fatalf("%s %s: %v %v, after %+v", what, id, err, problem.AsError(err).Data, c.events[id])
	}
	c.events[id] = append(c.events[id], event{c.s.now(), name, told, what})
}

func (c *chronicler) create(w Write, id, name, number string) error {
	w.ID, w.Data = "", doc(c, `{"id":"`+id+`","name":"`+name+`","numbers":["`+number+`"]}`)
	_, err := c.s.Create(c.Context(), w)
	return err
}

// edit changes or removes a live callflow.
func (c *chronicler) edit(w Write, stored document.Doc, name string) (what string, told bool, left string, err error) {
	byKazoo := func() {
		stored["pvt_request_id"], stored["pvt_modified"] = "kazoo "+name, document.GregorianNumber(c.s.now())
	}
	db := c.s.Couch.Account(testAccount)
	switch c.rnd.IntN(9) {
	case 0, 1:
		_, err = c.s.Patch(c.Context(), w)
		return "patch", true, name, err
	case 2:
		_, err = c.s.Delete(c.Context(), w, false)
		return "delete", true, "", err
	case 3:
		_, err = c.s.Delete(c.Context(), w, true)
		return "remove for good", true, "", err
	case 4:
		byKazoo()
		stored["name"] = name
		return "Kazoo edits", true, name, db.Put(c.Context(), stored)
	case 5:
		byKazoo()
		stored["pvt_deleted"] = true
		return "Kazoo deletes", true, "", db.Put(c.Context(), stored)
	case 6:
		stored["name"] = name
		return "edit in CouchDB", false, name, db.Put(c.Context(), stored)
	case 7:
		stored["pvt_deleted"] = true
		return "pvt_deleted in CouchDB", false, "", db.Put(c.Context(), stored)
	default:
		_, err = db.Delete(c.Context(), stored.ID(), stored.Rev())
		return "DELETE in CouchDB", false, "", err
	}
}

// compare asks for a callflow, and for its number, as of a time.
func (c *chronicler) compare(id, number string, t time.Time) {
	names, sure := standingAt(c.events[id], t)
	got, uncertain, err := c.s.At(c.Context(), testAccount, id, t)
	if err != nil && !problem.Is(err, problem.BadIdentifier) {
		c.Fatal(err)
	}
	if !slices.Contains(names, got.String("name")) || len(uncertain) == 0 != sure {
		c.Errorf("%s at %v: %q, uncertain %v; want one of %q, sure %v\n%+v", id, t, got.String("name"), uncertain, names, sure, c.events[id])
	}
	route, uncertain, err := c.s.LookupAt(c.Context(), testAccount, number, t)
	if err != nil {
		c.Fatal(err)
	}
	if !slices.Contains(names, route.Callflow.String("name")) || !slices.Contains(uncertain, id) != sure {
		c.Errorf("%s at %v went to %q, uncertain %v; want one of %q, sure %v\n%+v", number, t, route.Callflow.String("name"), uncertain, names, sure, c.events[id])
	}
}

// TestAtAgainstAModel edits callflows at random in every way there is, and
// asks for every instant.
func TestAtAgainstAModel(t *testing.T) {
	couchtest.SkipPouchDB(t, "its memory adapter keeps no old revisions")
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s := newService(t)
			c := &chronicler{T: t, s: s, set: clock(s), rnd: rand.New(rand.NewPCG(seed, 1)), events: map[string][]event{}}
			numbers := map[string]string{"a": "1", "b": "2"}
			start := s.now()
			for range 10 {
				id := []string{"a", "b"}[c.rnd.IntN(2)]
				c.act(id, numbers[id])
			}
			c.set(s.now().Add(time.Hour))
			for id, number := range numbers {
				c.compare(id, number, start)
				for _, e := range c.events[id] {
					for _, off := range []time.Duration{-time.Second, 0, time.Second} {
						c.compare(id, number, e.at.Add(off))
					}
				}
				c.compare(id, number, s.now())
			}
		})
	}
}
