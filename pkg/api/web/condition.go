package web

import (
	"net/http"
	"strings"

	"github.com/callflowd/callflowd/pkg/problem"
)

// condition is the If-Match and If-None-Match of a request. They are judged
// against the stored revision before anything is written (contract 9.7).
type condition struct {
	match     *tags // If-Match
	noneMatch *tags // If-None-Match
}

// tags is a parsed list of entity tags; star is "*".
type tags struct {
	star   bool
	values []tag
}

type tag struct {
	value string
	weak  bool
}

// conditionOf reads both headers. Several header lines are one list.
func conditionOf(h http.Header) condition {
	return condition{match: parseTags(h.Values("If-Match")), noneMatch: parseTags(h.Values("If-None-Match"))}
}

// parseTags reads a list of entity tags (RFC 9110, section 8.8.3). Tags
// without quotes, as some clients send a revision, are taken as they stand.
// Absent or empty headers give nil.
func parseTags(lines []string) *tags {
	if len(lines) == 0 {
		return nil
	}
	rest := strings.Join(lines, ",")
	out := &tags{}
	for {
		rest = strings.TrimLeft(rest, " \t,")
		if rest == "" {
			break
		}
		var one tag
		one, rest = nextTag(rest)
		if one.value == "*" && !one.weak {
			out.star = true
			continue
		}
		out.values = append(out.values, one)
	}
	if !out.star && out.values == nil {
		return nil
	}
	return out
}

// nextTag cuts the first tag off a list that does not start with space or a
// comma.
func nextTag(s string) (tag, string) {
	var one tag
	if rest, ok := strings.CutPrefix(s, "W/"); ok {
		one.weak, s = true, rest
	}
	if inner, ok := strings.CutPrefix(s, `"`); ok {
		value, rest, _ := strings.Cut(inner, `"`)
		if value == "*" {
			value = `"*"` // a quoted star is a tag like any other
		}
		one.value = value
		return one, rest
	}
	value, rest, _ := strings.Cut(s, ",")
	one.value = strings.TrimSpace(value)
	return one, rest
}

// has reports whether etag is listed. Strong comparison never accepts a weak
// tag; weak comparison ignores the mark.
func (t *tags) has(etag string, strong bool) bool {
	if etag == "" {
		return false
	}
	if t.star {
		return true
	}
	for _, one := range t.values {
		if one.value == etag && (!strong || !one.weak) {
			return true
		}
	}
	return false
}

// check is the precondition of a write on a document stored as rev; "" means
// that nothing is stored.
func (c condition) check(rev string) error {
	if c.match != nil && !c.match.has(rev, true) {
		return PreconditionFailed("If-Match", rev)
	}
	if c.noneMatch != nil && c.noneMatch.has(rev, false) {
		return PreconditionFailed("If-None-Match", rev)
	}
	return nil
}

// checkCreate is the precondition of a PUT to a collection: nothing is there
// to match, so any If-Match fails (contract 1.8).
func (c condition) checkCreate(rev string) error {
	if c.match != nil {
		return PreconditionFailed("If-Match", rev)
	}
	return c.check(rev)
}

// unchanged reports whether a GET may be answered with 304.
func (c condition) unchanged(etag string) bool {
	return c.noneMatch != nil && c.noneMatch.has(etag, false)
}

// PreconditionFailed is the 412 of a document stored as rev.
func PreconditionFailed(header, rev string) error {
	data := map[string]any{"message": "the stored revision does not meet " + header}
	if rev != "" {
		data["revision"] = rev
	}
	return &problem.Error{Code: problem.PreconditionFailed, Data: data, Msg: header + " not met"}
}

// Check is the precondition of a write on a document stored as rev; "" means
// that nothing is stored.
func (c *Call) Check(rev string) error { return conditionOf(c.Request.Header).check(rev) }

// CheckCreate is the precondition of a PUT to a collection.
func (c *Call) CheckCreate(rev string) error { return conditionOf(c.Request.Header).checkCreate(rev) }

// Conditional reports whether the client gave a precondition of its own.
func (c *Call) Conditional() bool {
	cond := conditionOf(c.Request.Header)
	return cond.match != nil || cond.noneMatch != nil
}
