package reserve

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/callflowd/callflowd/pkg/document"
)

// The model: writers that want keys, against a store that answers one request
// at a time. All interleavings are walked, and every writer may die before
// any of its requests. A request about several documents is several steps,
// since a server reads and writes them at different moments.

// keySet is a set of the model's keys, one bit each.
type keySet uint8

const (
	k1 keySet = 1 << iota
	k2
	none   keySet = 0
	allOf         = k1 | k2
	keyMax        = 2
)

func (s keySet) has(n int) bool { return s&(1<<n) != 0 }

// modelDoc is a callflow as far as keys go. acked are the keys that a client
// was told it holds.
type modelDoc struct {
	rev          int
	holds, acked keySet
	exists       bool
}

// world is everything that storage holds.
type world struct {
	docs         [3]modelDoc // of the callflows a, b and c
	reservations [keyMax]reservation
	revs         int
}

var modelIDs = [3]string{"a", "b", "c"}

func docIndex(id string) int { return slices.Index(modelIDs[:], id) }

// holder stores a callflow that holds keys by an acknowledged write.
func (w world) holder(id string, keys keySet) world {
	w.revs++
	w.docs[docIndex(id)] = modelDoc{rev: w.revs, holds: keys, acked: keys, exists: true}
	for n := range keyMax {
		if keys.has(n) {
			w = w.reserved(n, id, "")
		}
	}
	return w
}

// reserved stores a reservation.
func (w world) reserved(n int, holder, previous string) world {
	w.revs++
	w.reservations[n] = reservation{rev: strconv.Itoa(w.revs), holder: holder, previous: previous}
	return w
}

// check is what must hold at every instant.
func (w world) check() error {
	for n := range keyMax {
		holders := 0
		for _, d := range w.docs {
			if (d.holds & d.acked).has(n) {
				holders++
			}
		}
		if holders > 1 {
			return fmt.Errorf("key %d has %d acknowledged holders: %+v", n+1, holders, w)
		}
	}
	return nil
}

// phase is where a writer is, outside its claims.
type phase int

const (
	starting phase = iota
	claiming
	writing
	acknowledging
	reclaiming // the undo takes back keys that the write gave up
	puttingBack
	confirmingBack
	releasing // ends the leases of keys that were given up or not got
	finished
	dead
)

// leases is how reservations are leased.
type leases int

const (
	noLeases leases = iota
	anyClock        // the writers' clocks disagree, so that a lease may run and have ended
	oneClock        // they agree, and no lease ends before all are done
)

// writer is a save as pkg/save does it, one storage request per step.
type writer struct {
	self     string
	wants    keySet
	backward bool // claims the keys in the other order
	phase    phase
	base     modelDoc // as loaded
	claims   []Claim
	batch    []int  // claims that the request under way still has to serve
	asked    int    // suspects looked at so far, for the first of the batch
	found    string // the suspect that was seen to hold the key
	wrote    modelDoc
	before   keySet // what an undo means to put back
	tries    int

	leases  leases
	leased  bool // what the clock says in this step
	release keySet
	ending  reservation // whose lease is about to be ended
}

func (w *writer) clone() writer {
	out := *w
	out.claims, out.batch = slices.Clone(w.claims), slices.Clone(w.batch)
	return out
}

// modelKey is a key of the model. Its documents are not asked, [world] is.
type modelKey int

func (modelKey) ReservationID() string    { return "" }
func (modelKey) HeldBy(document.Doc) bool { return false }
func (modelKey) Kind() string             { return "" }
func (modelKey) Text() string             { return "" }

func keyNumber(c *Claim) int { return int(c.Key.(modelKey)) }

func (w *writer) claim(keys keySet, first state) {
	w.claims, w.batch = nil, nil
	for n := range keyMax {
		if keys.has(n) {
			w.claims = append(w.claims, Claim{Key: modelKey(n), Self: w.self, state: first})
		}
	}
	if w.backward {
		slices.Reverse(w.claims)
	}
}

func (w *writer) step(s *world) {
	switch w.phase {
	case starting:
		w.base = s.docs[docIndex(w.self)]
		first := reading
		if !w.base.exists {
			first = taking
		}
		w.claim(w.wants, first)
		w.phase = claiming
		w.choose(writing)
	case claiming:
		w.serve(s)
		w.choose(writing)
	case writing:
		w.write(s)
	case acknowledging:
		w.confirmOne(s, w.lostSome, w.ack)
	case reclaiming:
		w.serve(s)
		w.choose(puttingBack)
	case puttingBack:
		w.putBack(s)
	case confirmingBack:
		w.confirmOne(s, w.undo, func(*world) { w.again() })
	case releasing:
		w.releaseOne(s)
	}
}

// choose picks the next request as [Store.Take] does; next is the phase after
// the last one.
func (w *writer) choose(next phase) {
	if len(w.batch) > 0 {
		return
	}
	in := func(states ...state) bool {
		for i, c := range w.claims {
			if slices.Contains(states, c.state) {
				w.batch = append(w.batch, i)
			}
		}
		return len(w.batch) > 0
	}
	refusedAny := slices.ContainsFunc(w.claims, func(c Claim) bool { return c.state == refused })
	if in(reading) || in(judging, judgingAgain) || in(returning) {
		return
	}
	if !refusedAny && in(taking) {
		if w.leases != noLeases { // see [Store.turn]
			w.batch = w.batch[:1]
		}
		return
	}
	switch {
	case next == puttingBack && w.dropFailed():
		w.undo(nil)
	case next == writing && refusedAny:
		w.finish(w.wants &^ w.base.holds)
	default:
		w.phase = next
	}
}

// serve answers the first claim of the batch.
func (w *writer) serve(s *world) {
	c := &w.claims[w.batch[0]]
	stored := &s.reservations[keyNumber(c)]
	switch c.state {
	case reading:
		c.read(*stored)
	case judging, judgingAgain:
		if suspects := c.suspects(); w.asked < len(suspects) {
			id := suspects[w.asked]
			if i := docIndex(id); i >= 0 && w.found == "" && s.docs[i].holds.has(keyNumber(c)) {
				w.found = id
			}
			w.asked++
			return
		}
		found := w.found
		w.asked, w.found = 0, ""
		c.judge(found, w.leased)
	case taking, returning:
		if stored.rev != c.seen.rev {
			c.wrote("")
			break
		}
		s.revs++
		*stored = c.wanted()
		stored.rev = strconv.Itoa(s.revs)
		c.wrote(stored.rev)
	}
	w.batch = w.batch[1:]
}

func (w *writer) write(s *world) {
	d := &s.docs[docIndex(w.self)]
	if d.rev != w.base.rev {
		w.again()
		return
	}
	s.revs++
	*d = modelDoc{rev: s.revs, holds: w.wants, acked: w.wants & w.base.holds & w.base.acked, exists: true}
	w.wrote = *d
	w.confirm(w.wants&^w.base.holds, acknowledging)
	if len(w.batch) == 0 {
		w.ack(s)
	}
}

// confirm begins to read the reservations of some keys again.
func (w *writer) confirm(keys keySet, next phase) {
	w.phase, w.batch = next, nil
	for i := range w.claims {
		if keys.has(keyNumber(&w.claims[i])) {
			w.claims[i].state = confirming
			w.batch = append(w.batch, i)
		}
	}
}

func (w *writer) confirmOne(s *world, failed, done func(*world)) {
	c := &w.claims[w.batch[0]]
	c.read(s.reservations[keyNumber(c)])
	if w.batch = w.batch[1:]; len(w.batch) > 0 {
		return
	}
	if slices.ContainsFunc(w.claims, func(c Claim) bool { return c.state == lost }) {
		failed(s)
		return
	}
	done(s)
}

// ack tells the client. The keys count as held by an acknowledged write if
// the callflow still has them from this write on.
func (w *writer) ack(s *world) {
	d := &s.docs[docIndex(w.self)]
	d.acked |= w.wants & d.holds
	w.finish(w.base.holds &^ w.wants)
}

// finish ends the leases of keys, as [Store.Release] does, and the writer.
func (w *writer) finish(keys keySet) {
	w.phase, w.claims, w.batch, w.ending = finished, nil, nil, reservation{}
	if w.leases != noLeases && keys != none {
		w.phase, w.release = releasing, keys
	}
}

func (w *writer) releaseOne(s *world) {
	n := 0
	for !w.release.has(n) {
		n++
	}
	stored := &s.reservations[n]
	if w.ending.rev == "" && stored.holder == w.self && stored.rev != "" {
		w.ending = *stored
		return
	}
	if w.ending.rev != "" && w.ending.rev == stored.rev {
		s.revs++
		stored.rev = strconv.Itoa(s.revs)
	}
	w.ending = reservation{}
	if w.release &^= 1 << n; w.release == none {
		w.phase = finished
	}
}

// lostSome begins an undo, as pkg/save does it.
func (w *writer) lostSome(*world) {
	w.before = w.base.holds
	w.undo(nil)
}

// undo claims what is to be put back and is not held.
func (w *writer) undo(*world) {
	if w.phase == confirmingBack {
		w.dropFailed()
	}
	w.claim(w.before&^w.wrote.holds, reading)
	w.phase = reclaiming
	w.choose(puttingBack)
}

// dropFailed gives up the keys of failed claims; true if there were any.
func (w *writer) dropFailed() bool {
	dropped := none
	for i := range w.claims {
		if st := w.claims[i].state; st == refused || st == lost {
			dropped |= 1 << keyNumber(&w.claims[i])
		}
	}
	w.before &^= dropped
	return dropped != none
}

func (w *writer) putBack(s *world) {
	d := &s.docs[docIndex(w.self)]
	if d.rev != w.wrote.rev {
		w.again()
		return
	}
	s.revs++
	*d = modelDoc{rev: s.revs, holds: w.before, acked: w.before & w.base.acked, exists: w.base.exists}
	fresh := w.before &^ w.wrote.holds
	w.wrote = *d
	w.confirm(fresh, confirmingBack)
	if len(w.batch) == 0 {
		w.again()
	}
}

func (w *writer) again() {
	w.tries++
	w.phase = starting
	if w.tries == 2 {
		w.finish(w.wants &^ w.base.holds)
	}
}

// model walks every order of the writers' steps and every crash.
type model struct {
	seen  map[string]struct{}
	after func(world, []writer) error // asked wherever nobody can move
}

func (m *model) walk(s world, writers []writer) error {
	id := fingerprint(s, writers)
	if _, known := m.seen[id]; known {
		return nil
	}
	m.seen[id] = struct{}{}
	if err := s.check(); err != nil {
		return err
	}
	idle := true
	for i := range writers {
		if writers[i].phase >= finished {
			continue
		}
		idle = false
		for _, event := range writers[i].events() {
			next, moved := s, slices.Clone(writers)
			moved[i] = writers[i].clone()
			event(&moved[i], &next)
			if err := m.walk(next, moved); err != nil {
				return fmt.Errorf("%w\n  after %+v", err, writers[i])
			}
		}
	}
	if idle {
		return m.after(s, writers)
	}
	return nil
}

// events are what may happen to a writer next: its step, with either opinion
// about the lease if that is asked, or its death.
func (w *writer) events() []func(*writer, *world) {
	step := func(leased bool) func(*writer, *world) {
		return func(w *writer, s *world) {
			w.leased = leased
			w.step(s)
			w.leased = false
		}
	}
	out := []func(*writer, *world){step(w.leases == oneClock), func(w *writer, _ *world) { *w = writer{self: w.self, phase: dead} }}
	if w.leases == anyClock {
		out = append(out, step(true)) // the same state again, unless it makes a difference
	}
	return out
}

// fingerprint is the same for two states that differ in nothing but the names
// of their revisions.
func fingerprint(s world, writers []writer) string {
	var b strings.Builder
	names := map[string]int{"": 0, "0": 0}
	rev := func(r string) {
		n, ok := names[r]
		if !ok {
			n = len(names)
			names[r] = n
		}
		b.WriteByte(byte('A' + n))
	}
	doc := func(d modelDoc) {
		rev(strconv.Itoa(d.rev))
		b.WriteByte(byte('0' + d.holds))
		b.WriteByte(byte('0' + d.acked))
	}
	held := func(r reservation) {
		rev(r.rev)
		b.WriteString(r.holder + "," + r.previous + ";")
	}
	for _, d := range s.docs {
		doc(d)
	}
	for _, r := range s.reservations {
		held(r)
	}
	for _, w := range writers {
		fmt.Fprintf(&b, "|%d%d%d%s%d%d", w.phase, w.tries, w.asked, w.found, w.before, w.release)
		held(w.ending)
		doc(w.base)
		doc(w.wrote)
		for _, c := range w.claims {
			fmt.Fprintf(&b, "/%d%v%s%s", c.state, c.Key, c.Holder, c.Others)
			held(c.seen)
		}
		fmt.Fprint(&b, w.batch)
	}
	return b.String()
}
