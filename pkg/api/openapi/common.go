package openapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/api/web"
)

// everywhere are the parameters that a row has by its kind: how the answer is
// written, conditions, and filters of what is listed.
func everywhere(r web.Row) []string {
	if r.Traits&web.Bare != 0 {
		return nil
	}
	names := []string{"pretty_print"}
	switch {
	case r.Method == http.MethodGet:
		names = append(names, "If-None-Match")
	case !r.Created && strings.HasSuffix(r.Path, "_id}"):
		names = append(names, "If-Match", "If-None-Match")
	}
	if slices.Contains(r.Query, "page_size") {
		names = append(names, "filters")
	}
	return names
}

// refused are the refusals that operations have, and what they mean.
func refused() map[string]string {
	return map[string]string{
		"400": "The request's body or parameters are wrong; data says where and why, {path: {code: {message, …}}}",
		"401": "There is no token, or it is not valid",
		"403": "The caller may not do this",
		"404": "There is no such account, document or path",
		"406": "The answer does not come in what Accept asks for",
		"409": "Somebody else changed or holds the same; data says what",
		"412": "The stored revision does not meet If-Match or If-None-Match; data has the current one",
		"413": "The body is larger than the limit",
		"415": "The body is of another type",
		"416": "The file has none of the ranges that Range asks for",
		"423": "The account is disabled or has expired",
		"429": "The caller asks too often; Retry-After says how many seconds to wait",
	}
}

// refusals are those of a row.
func refusals(r web.Row) []string {
	if r.Traits&web.Bare != 0 {
		return nil
	}
	codes := []string{"400", "404", "406", "413", "429"}
	if r.Access != web.Anyone {
		codes = append(codes, "401", "403")
	}
	if r.Access == web.OfAccount || r.Traits&web.Login != 0 {
		codes = append(codes, "423")
	}
	if r.Traits&web.Login != 0 {
		codes = append(codes, "401")
	}
	if r.Traits&web.Ranged != 0 {
		codes = append(codes, "416")
	}
	if r.Method == http.MethodGet {
		return append(codes, "412")
	}
	return append(codes, "409", "412", "415")
}

// addRefusals adds the answers that [refusals] names to the components.
func addRefusals(parts object) {
	answers := object{}
	for code, text := range refused() {
		answers[code] = object{"description": text, "content": jsonContent(ref("schemas", "Error"))}
	}
	parts["responses"] = answers
}

// open makes objects without a word about their members take any: a schema of
// JSON means that, and clients are generated otherwise.
func open(schema any) {
	switch schema := schema.(type) {
	case []any:
		for _, one := range schema {
			open(one)
		}
	case object:
		_, named := schema["properties"]
		_, said := schema["additionalProperties"]
		if schema["type"] == "object" && !named && !said {
			schema["additionalProperties"] = true
		}
		for _, one := range schema {
			open(one)
		}
	}
}
