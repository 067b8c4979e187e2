package api

import (
	_ "embed"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/callflowd/callflowd/pkg/api/web"
)

//go:embed openapi_components.json
var openAPIComponents []byte

// object shortens the JSON that the document is made of.
type object = map[string]any

var pathVariable = regexp.MustCompile(`\{([a-z_]+)\}`)

// openAPIDocument describes the API in OpenAPI 3.1: the operations, with the
// schemas of openapi_components.json, in Kazoo's envelope.
func openAPIDocument(version string) ([]byte, error) {
	var components object
	if err := json.Unmarshal(openAPIComponents, &components); err != nil {
		return nil, err
	}
	access := map[string]web.Row{}
	for _, r := range new(Server).routes() {
		access[r.Method+" "+r.Path] = r
	}
	paths := object{}
	for _, op := range operations() {
		row := access[op.method+" "+op.path]
		path := "/v2" + op.path
		if row.Traits&web.Bare != 0 {
			path = op.path
		}
		item, ok := paths[path].(object)
		if !ok {
			item = object{}
			paths[path] = item
		}
		item[strings.ToLower(op.method)] = op.describe(row)
	}
	return json.Marshal(object{
		"openapi": "3.1.0",
		"info": object{
			"title": "callflowd", "version": version,
			"description": "Callflows and what they refer to, over Kazoo's API. /v1 is an alias of /v2, /v2/account of the caller's own account.",
		},
		"servers":    []object{{"url": "/"}},
		"paths":      paths,
		"components": components,
	})
}

// id is the operation's name in generated clients: its method and its path.
func (op operation) id() string {
	return strings.ToLower(op.method) + notWord.ReplaceAllString(strings.TrimRight(op.path, "}"), "_")
}

var notWord = regexp.MustCompile(`[^a-z_]+`)

// describe is the operation object.
func (op operation) describe(r web.Row) object {
	out := object{
		"operationId": op.id(),
		"summary":     op.summary,
		"responses":   op.responses(),
		"security":    []object{{"token": []string{}}, {"bearer": []string{}}, {"basic": []string{}}},
	}
	if r.Access == web.Anyone {
		out["security"] = []object{}
	}
	var params []object
	for _, m := range pathVariable.FindAllStringSubmatch(op.path, -1) {
		params = append(params, ref("parameters", m[1]))
	}
	for _, name := range op.query {
		params = append(params, ref("parameters", name))
	}
	if params != nil {
		out["parameters"] = params
	}
	if op.body != "" {
		out["requestBody"] = object{"content": jsonContent(object{
			"type": "object", "required": []string{"data"},
			"properties": object{
				"data":     ref("schemas", op.body),
				"revision": object{"type": "string", "description": "The revision that was edited: asks for a merge."},
			},
		})}
	}
	return out
}

func (op operation) responses() object {
	good := "200"
	var content object
	if op.created {
		good = "201"
	}
	switch {
	case op.path == "/metrics":
		content = object{"text/plain": object{"schema": object{"type": "string"}}}
	case op.data == "":
		content = jsonContent(object{"type": "object"})
	default:
		content = jsonContent(object{
			"allOf": []object{ref("schemas", "Success"), {"type": "object", "properties": object{"data": ref("schemas", op.data)}}},
		})
	}
	if op.method == get && op.data != "" {
		content["text/csv"] = object{"schema": object{"type": "string", "description": "A table, a row for each item."}}
	}
	out := object{
		good:      object{"description": "Done", "content": content},
		"default": object{"description": "Not done; the code says why", "content": jsonContent(ref("schemas", "Error"))},
	}
	if op.method == get {
		out["304"] = object{"description": "The client has it already"}
	}
	return out
}

func ref(section, name string) object {
	return object{"$ref": "#/components/" + section + "/" + name}
}

func jsonContent(schema object) object {
	return object{"application/json": object{"schema": schema}}
}
