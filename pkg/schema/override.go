package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/xeipuuv/gojsonschema"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// With returns a registry in which a site's own schemas, the documents of its
// database system_schemas by id, are added to this one's or stand in their
// place. One that is broken is reported as a warning, with its name as the
// path, and is left out: the schema that it would have replaced stays in force.
// A schema is broken if draft-04's meta-schema refuses it, if it refers to
// anything outside the registry or to itself endlessly, or if a pattern in it
// does not compile.
func (r *Registry) With(overrides map[string]document.Doc) (*Registry, []problem.Warning) {
	var warnings []problem.Warning
	warn := func(name string, err error) {
		warnings = append(warnings, problem.Warning{
			Path: problem.Join("", name), Code: codeSchema, Message: err.Error(), Members: map[string]any{"schema": name},
		})
	}
	taken := map[string]document.Doc{}
	meta, unusable := metaSchema()
	for _, name := range slices.Sorted(maps.Keys(overrides)) {
		doc, err := ownKeys(overrides[name]), unusable
		if err == nil {
			err = checkSchema(meta, doc)
		}
		if err != nil {
			warn(name, err)
			continue
		}
		taken[name] = doc
	}
	for {
		docs := maps.Clone(r.docs)
		maps.Copy(docs, taken)
		nodes, broken := compileAll(docs)
		dropped := false
		for _, name := range slices.Sorted(maps.Keys(broken)) {
			if _, ok := taken[name]; ok {
				warn(name, broken[name])
				delete(taken, name)
				dropped = true
			}
		}
		if !dropped { // only a site's own can be broken, and none is left
			return &Registry{docs: docs, nodes: nodes, urls: r.urls}, warnings
		}
	}
}

// ownKeys is a schema document without what CouchDB and Kazoo keep in it.
func ownKeys(doc document.Doc) document.Doc {
	out := document.Doc{}
	for key, value := range doc.Clone() {
		if key == "_id" || key != "id" && !document.Private(key) {
			out[key] = value
		}
	}
	return out
}

// checkSchema judges a schema document that nobody has judged before. It
// takes the meta-schema, compiled.
func checkSchema(meta *gojsonschema.Schema, doc document.Doc) (err error) {
	if err := bounded(map[string]any(doc), 0); err != nil {
		return err
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("gojsonschema panicked: %v", p)
		}
	}()
	result, err := meta.Validate(gojsonschema.NewRawLoader(map[string]any(doc)))
	if err != nil {
		return err
	}
	for _, e := range result.Errors() {
		return errors.New(e.String())
	}
	return nil
}

// metaSchema compiles draft-04's meta-schema, which gojsonschema carries with
// it. Nothing is fetched from its address.
func metaSchema() (*gojsonschema.Schema, error) {
	loader := gojsonschema.NewSchemaLoader()
	loader.Draft, loader.AutoDetect = gojsonschema.Draft4, false
	return loader.Compile(gojsonschema.NewReferenceLoader("http://json-schema.org/draft-04/schema"))
}

// bounded refuses what gojsonschema panics or stalls on.
func bounded(v any, depth int) error {
	if depth > 128 {
		return errors.New("the schema is nested deeper than 128 levels")
	}
	switch v := v.(type) {
	case map[string]any:
		for key, e := range v {
			if err := bounded(e, depth+1); err != nil {
				return fmt.Errorf("%w (in %s)", err, key)
			}
		}
	case []any:
		for _, e := range v {
			if err := bounded(e, depth+1); err != nil {
				return err
			}
		}
	case json.Number:
		if _, ok := literal(v); !ok {
			return errors.New("a number of the schema is out of range")
		}
	case string, bool, nil:
	default:
		return fmt.Errorf("a %T is not a JSON value", v)
	}
	return nil
}
