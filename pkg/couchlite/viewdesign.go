package couchlite

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/sandbox"
)

// indexVersion is part of every digest: raise it when rows are laid out or
// computed in another way.
const indexVersion = 1

// design is the part of a design document that its index depends on, and the
// views that read the index.
type design struct {
	name          string
	digest        string // of all that decides which rows the index has
	language      string
	maps          []string // distinct sources
	mapNames      []string // a view of each
	views         map[string]view
	modules       []byte // what require sees, nil for nothing
	includeDesign bool
}

// view is one named view: the number of its map function, and its reduce.
type view struct {
	number int
	reduce string // empty: none
}

// designBody is a design document as far as views go.
type designBody struct {
	Language string                     `json:"language"`
	Views    map[string]json.RawMessage `json:"views"`
	Options  struct {
		IncludeDesign bool `json:"include_design"`
	} `json:"options"`
}

// parseDesign reads the views of a design document. What is no view is passed
// over, since a replicated document was never checked.
func parseDesign(name string, body []byte) (*design, error) {
	var doc designBody
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, fail(http.StatusBadRequest, "invalid_design_doc", "The design document's views cannot be read.")
	}
	if doc.Language == "" {
		doc.Language = "javascript"
	}
	d := &design{name: name, language: doc.Language, views: map[string]view{}, includeDesign: doc.Options.IncludeDesign}
	names := make([]string, 0, len(doc.Views))
	for viewName := range doc.Views {
		names = append(names, viewName)
	}
	slices.Sort(names)
	for _, viewName := range names {
		d.addView(viewName, doc.Views[viewName])
	}
	if lib := doc.Views["lib"]; lib != nil && d.language == "javascript" {
		d.modules = []byte(`{"views":{"lib":` + string(lib) + `}}`)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\n%s\n%t\n%q\n%s", indexVersion, d.language, d.includeDesign, d.maps, d.modules))
	d.digest = hex.EncodeToString(sum[:16])
	return d, nil
}

func (d *design) addView(name string, raw json.RawMessage) {
	var v struct {
		Map    string `json:"map"`
		Reduce string `json:"reduce"`
	}
	if d.language != "javascript" || json.Unmarshal(raw, &v) != nil || v.Map == "" {
		return
	}
	number := slices.Index(d.maps, v.Map)
	if number < 0 {
		number = len(d.maps)
		d.maps = append(d.maps, v.Map)
		d.mapNames = append(d.mapNames, name)
	}
	d.views[name] = view{number: number, reduce: v.Reduce}
}

// newMachine compiles the map functions. Errors are CouchDB's
// compilation_error.
func (d *design) newMachine(ctx context.Context, limits sandbox.Limits, log func(string)) (*sandbox.Machine, error) {
	cfg := sandbox.Config{Modules: d.modules, Limits: limits, Log: log}
	for i, source := range d.maps {
		f, err := sandbox.Compile(d.mapNames[i], source)
		if err != nil {
			return nil, compilationError("map", d.mapNames[i], err)
		}
		cfg.Functions = append(cfg.Functions, f)
	}
	m, err := sandbox.NewMachine(ctx, cfg)
	if err != nil {
		return nil, compilationError("map", strings.Join(d.mapNames, "', '"), err)
	}
	return m, nil
}

func compilationError(kind, name string, err error) *failure {
	return fail(http.StatusBadRequest, "compilation_error",
		fmt.Sprintf("Compilation of the %s function in the '%s' view failed: %s", kind, name, err))
}

// checkDesign refuses a design document whose members have the wrong type or
// whose views do not compile, as CouchDB does when it is saved.
func (db *database) checkDesign(body []byte) error {
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
	d, err := parseDesign("", body)
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

func (d *design) viewNames() []string {
	names := make([]string, 0, len(d.views))
	for name := range d.views {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func checkView(d *design, name string) error {
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

func invalidDesign(reason string) *failure {
	return fail(http.StatusBadRequest, "invalid_design_doc", reason)
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

// wantType checks the type of a member; one that is absent is right.
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
