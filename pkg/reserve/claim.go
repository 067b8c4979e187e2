package reserve

import (
	"slices"

	"github.com/callflowd/callflowd/pkg/document"
)

// Key is a key that only one document of a database may hold. Two keys that are
// equal (==) are the same.
type Key interface {
	// ReservationID is the id of the key's reservation, the same in every
	// process.
	ReservationID() string
	// HeldBy reports whether a document holds the key. Deleted documents hold
	// nothing.
	HeldBy(doc document.Doc) bool
	// Kind and Text tell people what the key is: number 1000.
	Kind() string
	Text() string
}

// reservation is what a reservation document says. rev is "" if there is none.
type reservation struct {
	rev, holder, previous string
	since                 int64 // Gregorian seconds; 0 if it has no lease, or none any more
}

func reservationOf(doc document.Doc) reservation {
	since, _ := doc.Seconds("pvt_created")
	return reservation{rev: doc.Rev(), holder: doc.String("holder"), previous: doc.String("previous"), since: since}
}

// state is how far a claim has come; the package comment has the table.
type state int

const (
	reading state = iota
	judging
	taking
	judgingAgain
	returning
	held
	confirming
	confirmed
	lost
	refused
)

// Claim is one writer's claim to one key. It only decides. The requests are
// made by its driver: a [Store], or a test that walks all interleavings of
// several claims.
type Claim struct {
	Key    Key
	Self   string   // the document that wants the key
	Others []string // documents that may hold the key, from a view or an index
	// Giving are documents that give the key up in the very write that Self
	// takes it by, so that their having it does not matter.
	Giving []string
	// Holder is the document that holds the key, once the claim has failed.
	Holder string

	state state
	seen  reservation // as last read or written
	now   int64       // when a reservation is written; 0 for one without lease
}

// Failed reports whether another document has the key, or had it in between.
func (c *Claim) Failed() bool { return c.state == refused || c.state == lost }

// Lost reports whether the reservation was written by another writer after it
// was taken.
func (c *Claim) Lost() bool { return c.state == lost }

// Optimistic makes the claim begin by creating the reservation. That saves a
// read if there usually is none.
func (c *Claim) Optimistic() { c.state = taking }

// Possible lists the documents that may hold a failed claim's key, the one
// that is known to first.
func (c *Claim) Possible() []string {
	others := slices.DeleteFunc(c.suspects(), func(id string) bool { return id == c.Holder })
	return append([]string{c.Holder}, others...)
}

// suspects are the documents to look at before the reservation may change
// hands.
func (c *Claim) suspects() []string {
	var ids []string
	for _, id := range append([]string{c.seen.holder, c.seen.previous}, c.Others...) {
		if id != "" && id != c.Self && !slices.Contains(ids, id) && !slices.Contains(c.Giving, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// read handles the answer in the states reading and confirming. A reservation
// that was written meanwhile is lost, even if it names this document again:
// another writer may have taken it in between and given it back.
func (c *Claim) read(r reservation) {
	unchanged, own := r.rev == c.seen.rev, r.holder == c.Self
	c.seen = r
	switch {
	case c.state == confirming && unchanged && own:
		c.state = confirmed
	case c.state == confirming:
		c.state, c.Holder = lost, r.holder
	case len(c.suspects()) > 0:
		c.state = judging
	case own:
		c.state = held
	default:
		c.state = taking
	}
}

// judge handles the answer in the states judging and judgingAgain: the suspect
// that holds the key, or "", and whether the reservation's lease still runs.
func (c *Claim) judge(holder string, leased bool) {
	again, own := c.state == judgingAgain, c.seen.holder == c.Self
	c.Holder = holder
	switch {
	case holder != "" && again:
		c.state = returning
	case holder != "":
		c.state = refused
	case again || own:
		c.state = held
	case leased:
		c.state, c.Holder = refused, c.seen.holder
	default:
		c.state = taking
	}
}

// wanted is what to write in the states taking and returning, over the
// revision in seen.
func (c *Claim) wanted() reservation {
	if c.state == returning {
		return reservation{rev: c.seen.rev, holder: c.Holder, previous: c.Self}
	}
	return reservation{rev: c.seen.rev, holder: c.Self, previous: c.seen.holder, since: c.now}
}

// wrote handles the answer in the states taking and returning: the revision
// written, or "" for a conflict.
func (c *Claim) wrote(rev string) {
	suspects := c.suspects()
	next := c.wanted()
	next.rev = rev
	switch {
	case c.state == returning:
		c.state = refused
	case rev == "":
		c.state, c.seen = reading, reservation{}
	case len(suspects) > 0:
		c.Others = suspects
		c.seen, c.state = next, judgingAgain
	default:
		c.seen, c.state = next, held
	}
}
