package save

import (
	"slices"

	"github.com/callflowd/callflowd/pkg/document"
)

// Public returns a deep copy of what a client may set of a document: no
// private keys, no id, and none of the keys that answers show beside it.
func Public(doc document.Doc, shown ...string) document.Doc {
	out := document.Doc{}
	for k, v := range doc {
		if !document.Private(k) && k != "id" && !slices.Contains(shown, k) {
			out[k] = v
		}
	}
	return out.Clone()
}

// TakePrivate copies the private keys of another version into doc.
func TakePrivate(doc, from document.Doc) {
	for k, v := range from {
		if document.Private(k) {
			doc[k] = v
		}
	}
}

// Tombstone is what stays of a document that is removed for good: who did it,
// for history.
func Tombstone(doc document.Doc) document.Doc {
	out := document.Doc{"_deleted": true}
	for _, k := range []string{
		"_id", "_rev", "pvt_type", "pvt_account_id", "pvt_created", "pvt_modified", "pvt_request_id",
		"pvt_auth_account_id", "pvt_auth_user_id", document.TraceKey,
	} {
		if v, ok := doc[k]; ok {
			out[k] = v
		}
	}
	return out
}
