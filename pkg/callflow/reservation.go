package callflow

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/callflowd/callflowd/pkg/document"
)

// reservationType is the pvt_type of reservation documents.
const reservationType = "callflowd_reservation"

// reservationPrefix begins the ids of reservation documents.
const reservationPrefix = reservationType + "-"

// key is what a callflow may hold alone: a number or a pattern.
type key struct{ kind, text string }

// The kinds of keys, as the document's fields are called.
const (
	numbersKey  = "numbers"
	patternsKey = "patterns"
)

// reservationID is the same in every process. It is a digest because neither
// patterns nor the numbers that Kazoo lets pass make good document ids.
func (k key) reservationID() string {
	sum := sha256.Sum256([]byte(k.kind + "\n" + k.text))
	return reservationPrefix + hex.EncodeToString(sum[:16])
}

// heldBy reports whether a live callflow holds the key.
func (k key) heldBy(doc document.Doc) bool {
	return doc.Type() == Type && doc.Live() && slices.Contains(doc.Strings(k.kind), k.text)
}

// reservation is what a reservation document says. rev is "" if there is none.
type reservation struct{ rev, holder, previous string }

func reservationOf(doc document.Doc) reservation {
	return reservation{rev: doc.Rev(), holder: doc.String("holder"), previous: doc.String("previous")}
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

// claim is one writer's way to one key. It only decides; what it asks for is
// done by whoever drives it, a [Service] or a test that walks all the ways
// two of them can meet.
type claim struct {
	key    key
	self   string   // the callflow that wants the key
	others []string // callflows that the index names as holders
	state  state
	seen   reservation // as last read or written
	holder string      // who holds the key, once the claim is refused or lost
}

// suspects are the callflows to look at before the reservation may change
// hands.
func (c *claim) suspects() []string {
	var ids []string
	for _, id := range append([]string{c.seen.holder, c.seen.previous}, c.others...) {
		if id != "" && id != c.self && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// read is the answer in the states reading and confirming. A reservation that
// was written meanwhile is lost, even if it names the callflow again: it may
// have been given back by one who did not know who else relies on it.
func (c *claim) read(r reservation) {
	unchanged, own := r == c.seen, r.holder == c.self
	c.seen = r
	switch {
	case c.state == confirming && unchanged && own:
		c.state = confirmed
	case c.state == confirming:
		c.state, c.holder = lost, r.holder
	case len(c.suspects()) > 0:
		c.state = judging
	case own:
		c.state = held
	default:
		c.state = taking
	}
}

// judge is the answer in the states judging and judgingAgain: the suspect
// that holds the key, or "".
func (c *claim) judge(holder string) {
	again := c.state == judgingAgain
	c.holder = holder
	switch {
	case holder != "" && again:
		c.state = returning
	case holder != "":
		c.state = refused
	case again || c.seen.holder == c.self:
		c.state = held
	default:
		c.state = taking
	}
}

// wanted is what to write in the states taking and returning, over the
// revision in seen.
func (c *claim) wanted() reservation {
	if c.state == returning {
		return reservation{rev: c.seen.rev, holder: c.holder, previous: c.self}
	}
	return reservation{rev: c.seen.rev, holder: c.self, previous: c.seen.holder}
}

// wrote is the answer in the states taking and returning: the revision
// written, or "" for a conflict.
func (c *claim) wrote(rev string) {
	suspects := c.suspects()
	next := c.wanted()
	next.rev = rev
	switch {
	case c.state == returning:
		c.state = refused
	case rev == "":
		c.state, c.seen = reading, reservation{}
	case len(suspects) > 0:
		c.others = suspects
		c.seen, c.state = next, judgingAgain
	default:
		c.seen, c.state = next, held
	}
}

// document is the reservation as it is stored.
func (r reservation) document(k key, accountID string) document.Doc {
	doc := document.Doc{
		"_id": k.reservationID(), "pvt_type": reservationType, "pvt_account_id": accountID,
		"kind": k.kind, "key": k.text, "holder": r.holder,
	}
	if r.rev != "" {
		doc.SetRev(r.rev)
	}
	if r.previous != "" {
		doc["previous"] = r.previous
	}
	return doc
}
