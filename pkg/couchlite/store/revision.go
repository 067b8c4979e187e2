package store

import (
	"crypto/md5"
	"encoding/hex"
	"slices"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// hash computes the revision as CouchDB does (couch_db:new_revid): MD5 over
// the external term of [Deleted, OldStart, OldRev, Body, Attachments].
func (e *Edit) hash(base revtree.Rev) string {
	term := make([]byte, 0, 2*len(e.Body)+128)
	term = append(term, 131)
	term = ejson.AppendListHead(term, 5)
	if e.Deleted {
		term = ejson.AppendAtom(term, "true")
	} else {
		term = ejson.AppendAtom(term, "false")
	}
	term = ejson.AppendInt(term, int64(base.Gen))
	raw, err := hex.DecodeString(base.Hash)
	switch {
	case base.IsZero():
		term = ejson.AppendInt(term, 0)
	case err == nil && len(raw) == md5.Size:
		term = ejson.AppendBinary(term, raw)
	default:
		term = ejson.AppendBinary(term, []byte(base.Hash))
	}
	term = ejson.AppendTerm(term, e.Body)
	if len(e.Attachments) > 0 {
		term = ejson.AppendListHead(term, len(e.Attachments))
		for _, a := range slices.Backward(e.Attachments) { // CouchDB folds from the left
			term = ejson.AppendTupleHead(term, 3)
			term = ejson.AppendBinary(term, []byte(a.Name))
			term = ejson.AppendBinary(term, []byte(a.Type))
			term = ejson.AppendBinary(term, a.MD5)
		}
	}
	term = ejson.AppendNil(ejson.AppendNil(term))
	sum := md5.Sum(term)
	return hex.EncodeToString(sum[:])
}
