package view

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/sandbox"
)

// checkDesign refuses a design document whose members have the wrong type or
// whose views do not compile, as CouchDB does when it is saved.
func checkDesign(body []byte) error {
	if err := checkDesignTypes(body); err != nil {
		return err
	}
	var doc designBody
	if err := json.Unmarshal(body, &doc); err != nil {
		return invalidDesign("The design document's views cannot be read.")
	}
	if doc.Language != "" && doc.Language != "javascript" {
		return nil
	}
	d, err := parseDesign("", body, nil)
	if err != nil {
		return err
	}
	for _, name := range d.viewNames() {
		if err := checkView(d, name); err != nil {
			return err
		}
	}
	return nil
}

func checkView(d *Design, name string) error {
	v := d.views[name]
	if err := checkFunction(d.maps[v.number], d.modules); err != nil {
		return compilationError("map", name, err)
	}
	if v.reduce == "" {
		return nil
	}
	if strings.HasPrefix(v.reduce, "_") {
		if builtinReduce(v.reduce) == nil {
			return invalidDesign("`" + v.reduce + "` is not a supported reduce function.")
		}
		return nil
	}
	if err := checkFunction(v.reduce, nil); err != nil {
		return compilationError("reduce", name, err)
	}
	return nil
}

// checkFunction compiles and evaluates one function.
func checkFunction(source string, modules []byte) error {
	f, err := sandbox.Compile("view", source)
	if err != nil {
		return err
	}
	if f.Literal() {
		return nil
	}
	_, err = sandbox.NewMachine(context.Background(), sandbox.Config{Functions: []*sandbox.Function{f}, Modules: modules})
	var exception *sandbox.ExceptionError
	if errors.As(err, &exception) {
		err = errors.New(exception.Message)
	}
	if err != nil {
		return fmt.Errorf("%w (%s)", err, source)
	}
	return nil
}

func invalidDesign(reason string) *fault.Error {
	return fault.New(400, "invalid_design_doc", reason)
}

// checkDesignTypes checks the members that CouchDB checks.
func checkDesignTypes(body []byte) error {
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(body, &doc); err != nil {
		return invalidDesign("The design document is no object.")
	}
	for _, m := range []struct{ name, types string }{
		{"filters", "object"},
		{"language", "string"},
		{"lists", "object"},
		{"options", "object"},
		{"rewrites", "array or string"},
		{"shows", "object"},
		{"updates", "object"},
		{"validate_doc_update", "string"},
		{"views", "object"},
	} {
		if err := wantType(m.name, doc[m.name], m.types); err != nil {
			return err
		}
	}
	for _, m := range []string{"filters", "lists", "shows", "updates"} {
		if err := checkMembers(m, doc[m], "string or object"); err != nil {
			return err
		}
	}
	return checkViews(doc["views"], string(doc["language"]) == `"query"`)
}

func checkViews(views json.RawMessage, query bool) error {
	if err := checkMembers("views", views, "object"); err != nil || views == nil {
		return err
	}
	mapType := "string"
	if query {
		mapType = "object"
	}
	var members map[string]map[string]json.RawMessage
	if err := json.Unmarshal(views, &members); err != nil {
		return invalidDesign("`views` field must have object type")
	}
	for name, v := range members {
		if name == "lib" {
			continue
		}
		if v["map"] == nil {
			return invalidDesign("View `" + name + "` must contain map function")
		}
		if err := wantType("views."+name+".map", v["map"], mapType); err != nil {
			return err
		}
		if err := wantType("views."+name+".reduce", v["reduce"], "string"); err != nil {
			return err
		}
	}
	return nil
}

func checkMembers(name string, object json.RawMessage, types string) error {
	var members map[string]json.RawMessage
	if object == nil || json.Unmarshal(object, &members) != nil {
		return nil
	}
	for member, v := range members {
		if err := wantType(name+"."+member, v, types); err != nil {
			return err
		}
	}
	return nil
}

// wantType checks the type of a member, if it is present.
func wantType(path string, v json.RawMessage, types string) error {
	if v == nil {
		return nil
	}
	kind := map[byte]string{'"': "string", '{': "object", '[': "array"}[v[0]]
	if kind == "" || !strings.Contains(types, kind) {
		return invalidDesign("`" + path + "` field must have " + types + " type")
	}
	return nil
}
