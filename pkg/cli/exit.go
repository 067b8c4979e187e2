package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// What the process ends with.
const (
	Done        = 0
	Refused     = 1 // the server found problems, or the caller may not
	Usage       = 2
	NotFound    = 3
	Conflict    = 4
	Unreachable = 5
)

// ExitCode is what the process ends with after err.
func ExitCode(err error) int {
	var usage *usageError
	var nobody *noRouteError
	var failed *failure
	switch {
	case err == nil:
		return Done
	case errors.As(err, &usage):
		return Usage
	case errors.As(err, &nobody):
		return NotFound
	case errors.As(err, &failed):
		return failed.exitCode()
	}
	return Refused
}

// usageError is a mistake of whoever typed the command.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// noRouteError tells that nothing takes some of the numbers asked for.
type noRouteError struct{ count int }

func (e *noRouteError) Error() string {
	if e.count == 1 {
		return "no callflow takes one of the numbers"
	}
	return fmt.Sprintf("no callflow takes %d of the numbers", e.count)
}

// failure is an answer that is no success, or no answer at all.
type failure struct {
	status  int // of HTTP; 0 where no answer came
	message string
	data    map[string]any
	err     error
}

func (f *failure) exitCode() int {
	switch f.status {
	case 0, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return Unreachable
	case http.StatusNotFound:
		return NotFound
	case http.StatusConflict, http.StatusPreconditionFailed:
		return Conflict
	}
	return Refused
}

// Error has a line of its own for each problem: field, rule, value, and what
// the server says of it.
func (f *failure) Error() string {
	if f.status == 0 {
		return "the server cannot be reached: " + f.err.Error()
	}
	found := problemsIn(f.data)
	text := f.message
	if said, ok := f.data["message"].(string); ok && said != f.message {
		text += ": " + said
	}
	if cause, ok := f.data["cause"].(string); ok && len(found) == 0 && !strings.Contains(text, cause) {
		text += ": " + cause
	}
	if len(found) == 0 {
		return fmt.Sprintf("%s (%d)", text, f.status)
	}
	return text + problemLines(found)
}

func (f *failure) Unwrap() error { return f.err }

// problemItem is one broken rule at one field.
type problemItem struct {
	Field, Rule, Message string
	Value                any
	Line                 int64 // of a file that is imported; 0 for none
}

// problemsIn reads {field: {rule: {message, value}}}, in the order of fields.
func problemsIn(data map[string]any) []problemItem {
	var out []problemItem
	for field, rules := range data {
		rules, ok := rules.(map[string]any)
		if !ok {
			continue
		}
		for rule, body := range rules {
			members, ok := body.(map[string]any)
			if !ok {
				continue
			}
			message, _ := members["message"].(string)
			item := problemItem{Field: field, Rule: rule, Message: message, Value: members["value"]}
			item.Line, item.Field = lineOf(field, members)
			out = append(out, item)
		}
	}
	slices.SortFunc(out, func(a, b problemItem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), strings.Compare(a.Field, b.Field), strings.Compare(a.Rule, b.Rule))
	})
	return out
}

// lineOf reads where a problem of a file is: 12.numbers is in line 12.
func lineOf(field string, members map[string]any) (line int64, at string) {
	n, _ := members["line"].(json.Number)
	line, err := n.Int64()
	if err != nil {
		return 0, field
	}
	at = "line " + n.String()
	if id, ok := members["id"].(string); ok {
		at += ", " + id
	}
	if _, rest, ok := strings.Cut(field, "."); ok {
		at += ", " + rest
	}
	return line, at
}

func problemLines(list []problemItem) string {
	var b strings.Builder
	for _, p := range list {
		fmt.Fprintf(&b, "\n  %s: %s", p.Field, p.Rule)
		if p.Value != nil {
			fmt.Fprintf(&b, ", value %s", compact(p.Value))
		}
		if p.Message != "" {
			fmt.Fprintf(&b, ": %s", p.Message)
		}
	}
	return b.String()
}

// compact is a value on one line, cut where it is long.
func compact(v any) string {
	const most = 120
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if text := []rune(string(raw)); len(text) > most {
		return string(text[:most]) + "…"
	}
	return string(raw)
}
