package web

import (
	"fmt"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/problem"
)

// readFlags reads the flags that the call's row declares, so that one that is
// neither true nor false stops the request before anything is done (contract
// 9.25). So does a parameter of ours that the row does not have, is given twice
// or is spelled in another way: a client that sends refuse_if_referenced or at
// relies on it.
func (s *Server) readFlags(c *Call) error {
	var wrong []problem.Violation
	refuse := func(name, code, message string) {
		wrong = append(wrong, problem.Violation{Path: name, Code: code, Message: message})
	}
	for name, values := range c.Query {
		of := ownName(name)
		switch own := slices.Contains(c.route.Own, of); {
		case !s.own[of]:
		case !own && !slices.Contains(c.route.Flags, of):
			refuse(name, "forbidden", Clip(name)+" is not a parameter of this request")
		case of != name:
			refuse(name, "forbidden", Clip(name)+" is not a parameter; its name is "+of)
		case own && len(values) > 1:
			refuse(name, "forbidden", name+" is given more than once")
		}
	}
	for _, name := range c.route.Flags {
		on, given, ok := c.readFlag(name)
		switch {
		case !ok:
			wrong = append(wrong, problem.Violation{
				Path: name, Code: "enum", Message: name + " must be one of " + strings.Join(flagWords, ", "),
				Members: map[string]any{"target": flagWords},
			})
		case given && on:
			c.flags = append(c.flags, name)
		}
	}
	return problem.Validation(wrong)
}

// ownName is the name that a parameter of ours would have, spelled as ours are:
// in lower case, with underscores, without brackets.
func ownName(given string) string {
	name, _, _ := strings.Cut(strings.ToLower(given), "=")
	name = strings.TrimSuffix(strings.TrimSpace(name), "[]")
	return strings.ReplaceAll(name, "-", "_")
}

// flagWords are what a flag may be, in any case.
var flagWords = []string{"true", "false", "1", "0", "yes", "no", "on", "off"}

// readFlag finds a flag where [Call.Lookup] does. One that is given twice must
// say the same twice.
func (c *Call) readFlag(name string) (on, given, ok bool) {
	v, given := c.Lookup(name)
	if !given {
		return false, false, true
	}
	if on, ok = parseFlag(v); !ok {
		return false, true, false
	}
	for _, again := range c.Query[name] {
		if other, valid := parseFlag(again); !valid || other != on {
			return false, true, false
		}
	}
	return on, true, true
}

// parseFlag reads a flag of ours; a name without a value is true.
func parseFlag(v any) (on, ok bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case string:
		return flagText(v)
	case fmt.Stringer: // a number in JSON
		return flagText(v.String())
	}
	return false, false
}

func flagText(s string) (on, ok bool) {
	switch strings.ToLower(s) {
	case "", "true", "1", "yes", "on":
		return true, true
	case "false", "0", "no", "off":
		return false, true
	}
	return false, false
}

// Flag is a flag of our own, which the row must declare: true, false, 1, 0,
// yes, no, on and off in any case, and true where it has no value.
func (c *Call) Flag(name string) bool {
	if !slices.Contains(c.route.Flags, name) {
		panic("the row of " + c.route.Path + " does not declare the flag " + name)
	}
	return slices.Contains(c.flags, name)
}

// KazooFlag is a boolean that Kazoo knows. Only true and false, as JSON or as
// lower-case text, are booleans; everything else leaves the default (contract
// 1.7).
func (c *Call) KazooFlag(name string, missing bool) bool {
	v, _ := c.Lookup(name)
	switch v {
	case true, "true":
		return true
	case false, "false":
		return false
	}
	return missing
}
