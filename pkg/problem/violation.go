package problem

import "maps"

// Violation is one broken rule at one place of a document.
type Violation struct {
	Path    string         // dotted from the document's root, built with [Join]; "numbers.0"
	Code    string         // the rule in Kazoo's words: "required", "type", "unique", … (contract 1.9)
	Message string         // for a person
	Members map[string]any // what else stands beside message: target, value, cause, causes, …
}

// Warning is a finding that does not forbid a save. It is sent in the
// envelope's warnings as {path, code, message, …members}.
type Warning = Violation

// Validation returns an [Invalid] error whose Data has Kazoo's shape
// {path: {code: {message, …}}}. Codes at one path stand side by side
// (contract 9.2); of two violations with equal path and code the first stays.
// Without violations it returns nil.
func Validation(violations []Violation) error {
	if len(violations) == 0 {
		return nil
	}
	return &Error{Code: Invalid, Data: Data(violations), Msg: "invalid at " + violations[0].Path + ": " + violations[0].Code}
}

// maxReported is how many violations one answer tells.
const maxReported = 1000

// Data gives violations the shape of a 400's data: {path: {code: {message, …}}}.
// It tells the first 1,000 and counts the rest.
func Data(violations []Violation) map[string]any {
	data := map[string]any{}
	for _, v := range violations[:min(len(violations), maxReported)] {
		codes, _ := data[v.Path].(map[string]any)
		if codes == nil {
			codes = map[string]any{}
			data[v.Path] = codes
		}
		if _, ok := codes[v.Code]; ok {
			continue
		}
		body := map[string]any{"message": v.Message}
		maps.Copy(body, v.Members)
		codes[v.Code] = body
	}
	if more := len(violations) - maxReported; more > 0 {
		data["more"] = map[string]any{"more": map[string]any{"message": "further problems are not listed", "count": more}}
	}
	return data
}
