// Package revtree is CouchDB's revision tree: every revision of one document
// that is known, which of them are leaves, and which leaf wins.
//
// The winning leaf is the same at every site that knows the same leaves: one
// that is not deleted before one that is, then the longest history, then the
// greatest hash. The other leaves are conflicts.
//
// A Tree is plain data, without locks and without I/O.
package revtree

import (
	"cmp"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"math"
	"strconv"
	"strings"
)

// Rev names a revision: its generation and its hash, written "2-1f3c…".
type Rev struct {
	Gen  int
	Hash string
}

// ErrRev says that a text is no revision.
var ErrRev = errors.New("invalid revision")

// maxHash bounds the hash of a revision; CouchDB's own have 32 digits.
const maxHash = 256

// ParseRev reads "N-HASH". CouchDB accepts any hash, and so do replicated
// documents carry them; one of 32 characters has to be hex, in either case.
func ParseRev(s string) (Rev, error) {
	gen, hash, ok := strings.Cut(s, "-")
	n, err := strconv.Atoi(gen)
	if !ok || err != nil || gen[0] == '+' {
		return Rev{}, ErrRev
	}
	return NewRev(n, hash)
}

// NewRev returns the revision of a generation and a hash from outside.
func NewRev(gen int, hash string) (Rev, error) {
	if gen < 1 || gen > math.MaxInt32 || hash == "" || len(hash) > maxHash || strings.ContainsAny(hash, "\"\\") {
		return Rev{}, ErrRev
	}
	for _, c := range hash {
		if c <= ' ' || c >= 0x7f {
			return Rev{}, ErrRev
		}
	}
	if len(hash) == 2*md5.Size {
		hash = strings.ToLower(hash)
		if _, err := hex.DecodeString(hash); err != nil {
			return Rev{}, ErrRev
		}
	}
	return Rev{gen, hash}, nil
}

// String is the revision as documents hold it: 2-7051cbe5.
func (r Rev) String() string { return strconv.Itoa(r.Gen) + "-" + r.Hash }

// IsZero reports whether r names no revision.
func (r Rev) IsZero() bool { return r.Gen == 0 }

// compare orders revisions by generation, then by hash.
func (r Rev) compare(other Rev) int {
	return cmp.Or(cmp.Compare(r.Gen, other.Gen), strings.Compare(r.Hash, other.Hash))
}

// Path is a revision with its ancestors, newest first: Hashes[i] is of
// generation Gen-i. It is CouchDB's _revisions.
type Path struct {
	Gen    int
	Hashes []string
}

// Rev is the newest revision of the path.
func (p Path) Rev() Rev { return Rev{p.Gen, p.Hashes[0]} }

// Valid reports whether the path names at least one revision and no
// generation below 1.
func (p Path) Valid() bool { return len(p.Hashes) > 0 && p.Gen >= len(p.Hashes) }
