// Package openapi describes the API's table of routes in OpenAPI 3.1. What the
// table names, schemas and parameters, is in components.json.
package openapi

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/api/web"
)

//go:embed components.json
var components []byte

// object shortens the JSON that the document is made of.
type object = map[string]any

// Document describes the operations of a table, in Kazoo's envelope. Pages are
// no operations.
func Document(version string, table []web.Row) ([]byte, error) {
	var parts object
	if err := json.Unmarshal(components, &parts); err != nil {
		return nil, err
	}
	open(parts["schemas"])
	addRefusals(parts)
	paths := object{}
	for _, r := range table {
		if r.Traits&web.Beside != 0 {
			continue
		}
		path := "/v2" + r.Path
		if r.Traits&web.Bare != 0 {
			path = r.Path
		}
		item, ok := paths[path].(object)
		if !ok {
			item = object{}
			paths[path] = item
		}
		item[strings.ToLower(r.Method)] = operation(r)
	}
	return json.Marshal(object{
		"openapi": "3.1.0",
		"info": object{
			"title": "callflowd", "version": version,
			"description": "Callflows and what they refer to, over Kazoo's API. /v1 is an alias of /v2, /v2/account of the caller's own account.",
		},
		"servers":    []object{{"url": "/"}},
		"paths":      paths,
		"components": parts,
	})
}

// ID is the name of a row's operation in generated clients: its method and its
// path.
func ID(r web.Row) string {
	return strings.ToLower(r.Method) + notWord.ReplaceAllString(strings.TrimRight(r.Path, "}"), "_")
}

var (
	notWord      = regexp.MustCompile(`[^a-z_]+`)
	pathVariable = regexp.MustCompile(`\{([a-z_]+)\}`)
)

// operation is the operation object of a row.
func operation(r web.Row) object {
	out := object{
		"operationId": ID(r),
		"summary":     r.Summary,
		"responses":   responses(r),
		"security":    []object{{"token": []string{}}, {"bearer": []string{}}, {"basic": []string{}}},
	}
	if r.Access == web.Anyone {
		out["security"] = []object{}
	}
	if params := parameters(r); params != nil {
		out["parameters"] = params
	}
	if r.Body != "" {
		out["requestBody"] = object{"content": jsonContent(object{
			"type": "object", "required": []string{"data"},
			"properties": object{
				"data":     ref("schemas", r.Body),
				"revision": object{"type": "string", "description": "The revision that was edited: asks for a merge."},
			},
		})}
	}
	if r.Traits&web.Uploads != 0 {
		out["requestBody"] = object{"required": true, "content": uploads()}
	}
	if r.Traits&web.Streams != 0 {
		out["requestBody"] = object{"required": true, "content": streams()}
	}
	return out
}

// streams are the bodies of an import. What one is shows in its first bytes,
// whatever its type says.
func streams() object {
	text := func(description string) object {
		return object{"schema": object{"type": "string", "description": description}}
	}
	return object{
		web.JSONLines:              text("An export: a JSON object on each line."),
		web.Tar:                    object{"schema": object{"type": "string", "format": "binary", "description": "An export with attachments."}},
		"application/json":         object{"schema": object{"type": "object", "description": "A dump of CouchDB's _all_docs?include_docs=true."}},
		"application/octet-stream": object{"schema": object{"type": "string", "format": "binary", "description": "Any of these."}},
	}
}

// uploads are the bodies that a file may come in.
func uploads() object {
	file := object{"type": "string", "format": "binary"}
	out := object{
		"multipart/form-data": object{"schema": object{"type": "object", "required": []string{"file"}, "properties": object{"file": file}}},
		"application/x-base64": object{"schema": object{
			"type": "string", "description": "data:audio/wav;base64, and the file in base64.", "pattern": "^data:[^,]*;base64,",
		}},
		"application/octet-stream": object{"schema": file},
	}
	for _, media := range []string{"audio/mp3", "audio/mpeg", "audio/wav", "audio/x-wav", "audio/ogg"} {
		out[media] = object{"schema": file}
	}
	return out
}

func parameters(r web.Row) []object {
	var params []object
	for _, m := range pathVariable.FindAllStringSubmatch(r.Path, -1) {
		params = append(params, ref("parameters", m[1]))
	}
	for _, name := range slices.Concat(r.Query, r.Own, everywhere(r)) {
		params = append(params, ref("parameters", name))
	}
	for _, name := range r.Flags {
		params = append(params, object{
			"name": name, "in": "query", "allowEmptyValue": true, "schema": object{"type": "boolean"},
			"description": "1 and 0, yes and no, on and off will do too; without a value it is true.",
		})
	}
	return params
}

func responses(r web.Row) object {
	good := "200"
	if r.Created {
		good = "201"
	}
	out := object{
		good:      object{"description": done(r), "content": content(r)},
		"default": object{"description": "Not done; the code says why", "content": jsonContent(ref("schemas", "Error"))},
	}
	if r.Partly {
		out["207"] = object{"description": "Some of it is done; each part says whether", "content": content(r)}
	}
	for _, code := range refusals(r) {
		out[code] = ref("responses", code)
	}
	if r.Method == http.MethodGet {
		out["304"] = object{"description": "The client has it already"}
	}
	return out
}

// content is what a row answers in: the envelope around its data, or its own
// media types alone. What an answer comes in besides, where Accept asks for it,
// is said in words: a second media type would make generated clients take every
// answer for a text as well.
func content(r web.Row) object {
	switch {
	case r.Data != "":
		return jsonContent(object{
			"allOf": []object{
				ref("schemas", "Success"),
				{"type": "object", "required": []string{"data"}, "properties": object{"data": ref("schemas", r.Data)}},
			},
		})
	case r.Media == nil:
		return jsonContent(object{"type": "object", "additionalProperties": true})
	}
	out := object{}
	for _, media := range r.Media {
		out[media] = object{"schema": object{"type": "string"}}
	}
	return out
}

// done describes a good answer.
func done(r web.Row) string {
	if r.Data == "" {
		return "Done"
	}
	also := []string{}
	if r.Method == http.MethodGet {
		also = append(also, "text/csv (a table, a row for each item)")
	}
	for _, media := range r.Media {
		if media == web.EventStream {
			media += " (an event for each item, named change, its data the item in JSON and its id what since takes)"
		}
		also = append(also, media)
	}
	if len(also) == 0 {
		return "Done"
	}
	return "Done. Where Accept asks for it the answer comes as " + strings.Join(also, ", ") + " instead."
}

func ref(section, name string) object {
	return object{"$ref": "#/components/" + section + "/" + name}
}

func jsonContent(schema object) object {
	return object{"application/json": object{"schema": schema}}
}
