package pattern

import (
	"errors"
	"fmt"

	"github.com/callflowd/callflowd/pkg/pcre"
)

// Error says why a pattern is refused.
type Error struct {
	Pattern    string
	Reason     string
	Offset     int    // in bytes, where the reason was noticed
	Suggestion string // what may have been meant; "" if unknown
}

// Error returns the reason, the offset and the suggestion.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s at offset %d", e.Reason, e.Offset)
	if e.Suggestion != "" {
		text += "; " + e.Suggestion
	}
	return text
}

// Check compiles a pattern within the limits, as saving requires (contract 9.3).
// The error is an *[Error].
func Check(text string) error {
	_, err := compile(text)
	return err
}

func patternError(text string, err error) error {
	e := &Error{Pattern: text, Reason: err.Error()}
	var pe *pcre.Error
	if errors.As(err, &pe) {
		e.Reason, e.Offset = pe.Reason, pe.Offset
	}
	e.Suggestion = suggest(text, e)
	return e
}

func asPatternError(text string, err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Pattern: text, Reason: err.Error()}
}

// suggest returns what was probably meant.
func suggest(text string, e *Error) string {
	if e.Reason != "nothing to repeat" || e.Offset >= len(text) {
		return ""
	}
	c := text[e.Offset]
	if c != '*' && c != '+' {
		return ""
	}
	return fmt.Sprintf(`a %c to be dialled is written \%c`, c, c)
}
