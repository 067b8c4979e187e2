package transfer

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// newID is the id that a copy of a document gets in an account. The same
// import gives the same ids again.
func newID(accountID, old string) string {
	sum := sha256.Sum256([]byte(accountID + "\n" + old))
	return hex.EncodeToString(sum[:16])
}

// renamed replaces the ids of documents wherever others refer to them. An id of
// 32 hexadecimal digits cannot be anything else; a shorter one counts only
// where an id belongs, as in the view by which a server finds references.
func renamed(v any, ids map[string]string) any { return rename(v, "", ids) }

// rename is [renamed] for what stands at a key, or in the list at it.
func rename(v any, key string, ids map[string]string) any {
	switch v := v.(type) {
	case string:
		if id, known := ids[v]; known && (hexID(v) || namesID(key)) {
			return id
		}
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = rename(item, key, ids)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, member := range v {
			to := name
			if id, known := ids[name]; known && (hexID(name) || keyedByIDs(key) && len(name) > 1) {
				to = id
			}
			out[to] = rename(member, name, ids)
		}
		return out
	}
	return v
}

// hexID reports whether a text is an id as Kazoo makes them.
func hexID(s string) bool {
	return len(s) == 32 && strings.Trim(s, "0123456789abcdef") == ""
}

// namesID reports whether the value at a key is an id, or a list of them.
func namesID(key string) bool {
	if key == "presence_id" {
		return false // an extension
	}
	return strings.Contains(key, "_id") || slices.Contains([]string{"id", "always", "rules", "temporal_rules", "lists", "blacklists"}, key)
}

// keyedByIDs reports whether an object's members are named by ids: branches of
// a flow by temporal rules and the like, a group's endpoints, a user's
// directories.
func keyedByIDs(key string) bool {
	return slices.Contains([]string{"children", "endpoints", "directories"}, key)
}
