package store

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
)

// EncodeSeq writes an update sequence as clients see it: the number and,
// opaque to them, which incarnation of the database it counts.
func (db *Database) EncodeSeq(seq int64) string {
	return strconv.FormatInt(seq, 10) + "-" + db.state.Load().Incarnation
}

// DecodeSeq reads a client's since. A sequence of another incarnation, or one
// not reached yet, starts over from zero.
func (db *Database) DecodeSeq(since string) (int64, error) {
	st := db.state.Load()
	switch since {
	case "", "0":
		return 0, nil
	case "now":
		return st.Seq, nil
	}
	number, incarnation, _ := strings.Cut(since, "-")
	seq, err := strconv.ParseInt(number, 10, 64)
	if err != nil || seq < 0 {
		return 0, fault.BadRequest("Malformed sequence supplied in 'since' parameter.")
	}
	if incarnation != "" && incarnation != st.Incarnation || seq > st.Seq {
		return 0, nil
	}
	return seq, nil
}

// NewID returns an id of 32 hex digits for a document that has none: the time
// in microseconds, so that new ids sort after older ones, then random digits.
// CouchDB calls it utc_random.
func NewID() string { return fmt.Sprintf("%014x", time.Now().UnixMicro()) + RandomHex(9) }

// RandomHex returns n random bytes in hex.
func RandomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, says its documentation
	return hex.EncodeToString(b)
}
