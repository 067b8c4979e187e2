package save

import (
	"crypto/rand"
	"encoding/hex"
	"regexp"
	"slices"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// clientID is what an id chosen by a client looks like (contract 9.18).
var clientID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// ChosenID returns the id that a new document's data asks for, "" for none. A
// value that is not allowed as an id, or is a path segment of the API (words),
// is a violation.
func ChosenID(data document.Doc, words []string) (string, []problem.Violation) {
	var given any
	for _, key := range []string{"_id", "id"} {
		if v := data[key]; v != nil && v != "" { // "" as scripts send a new document
			given = v
		}
	}
	if given == nil {
		return "", nil
	}
	id, _ := given.(string)
	switch {
	case !clientID.MatchString(id):
		return "", badID(given, "an id has 1 to 128 letters, digits, dots, dashes and underscores, and begins with a letter or digit")
	case slices.Contains(words, id):
		return "", badID(given, "the id is a reserved path segment: "+id)
	}
	return id, nil
}

func badID(value any, message string) []problem.Violation {
	return []problem.Violation{{Path: "id", Code: "error", Message: message, Members: map[string]any{"value": value}}}
}

// NewID makes an id as Kazoo does: 32 lower-case hexadecimal characters.
func NewID() string { return RandomHex(16) }

// RandomHex returns n random bytes as hexadecimal digits.
func RandomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, as documented
	return hex.EncodeToString(b)
}

// BadIdentifier is the error for a missing document.
func BadIdentifier(id string) error {
	return &problem.Error{
		Code: problem.BadIdentifier, Msg: "no live document " + id,
		Data: map[string]any{"message": "bad identifier", "cause": id},
	}
}
