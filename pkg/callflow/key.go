package callflow

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/reserve"
)

// key is what a callflow may hold alone: a number or a pattern.
type key struct{ kind, text string }

// The kinds of keys, as the document's fields are called.
const (
	numbersKey  = "numbers"
	patternsKey = "patterns"
)

// reservationPrefix begins the ids of reservations.
const reservationPrefix = reserve.Type + "-"

// ReservationID is a digest because neither patterns nor the numbers that
// Kazoo lets pass make good document ids.
func (k key) ReservationID() string {
	sum := sha256.Sum256([]byte(k.kind + "\n" + k.text))
	return reservationPrefix + hex.EncodeToString(sum[:16])
}

// HeldBy reports whether a live callflow holds the key.
func (k key) HeldBy(doc document.Doc) bool {
	return doc.Type() == Type && doc.Live() && slices.Contains(doc.Strings(k.kind), k.text)
}

// Kind is the field that the key stands in.
func (k key) Kind() string { return k.kind }

// Text is the number or the pattern.
func (k key) Text() string { return k.text }
