package view

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/sandbox"
)

// indexVersion is part of every digest: raise it when rows are laid out or
// computed in another way.
const indexVersion = 3

// Design is the part of a design document that its index depends on, and the
// views that read the index.
type Design struct {
	name          string
	digest        string // of all that decides which rows the index has
	language      string
	maps          []string // distinct sources
	mapNames      []string // a view of each
	views         map[string]view
	modules       []byte // what require sees, nil for nothing
	includeDesign bool
	withheld      []string // views that are not run, since replication brought them
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

// parseDesign reads the views of a design document. What is not a view is
// ignored, since replicated documents are not checked. Views that trust does
// not run are withheld, and so is the library if there is trust at all.
func parseDesign(name string, body []byte, trust Trust) (*Design, error) {
	var doc designBody
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, fault.New(400, "invalid_design_doc", "The design document's views cannot be read.")
	}
	if doc.Language == "" {
		doc.Language = "javascript"
	}
	d := &Design{name: name, language: doc.Language, views: map[string]view{}, includeDesign: doc.Options.IncludeDesign}
	names := make([]string, 0, len(doc.Views))
	for viewName := range doc.Views {
		names = append(names, viewName)
	}
	slices.Sort(names)
	for _, viewName := range names {
		d.addView(viewName, doc.Views[viewName], trust)
	}
	if lib := doc.Views["lib"]; lib != nil && d.language == "javascript" && trust == nil {
		d.modules = []byte(`{"views":{"lib":` + string(lib) + `}}`)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\n%s\n%t\n%q\n%s", indexVersion, d.language, d.includeDesign, d.maps, d.modules))
	d.digest = hex.EncodeToString(sum[:16])
	return d, nil
}

func (d *Design) addView(name string, raw json.RawMessage, trust Trust) {
	var v struct {
		Map    string `json:"map"`
		Reduce string `json:"reduce"`
	}
	if d.language != "javascript" || json.Unmarshal(raw, &v) != nil || v.Map == "" {
		return
	}
	if !trust.runs(v.Map) || !trust.runsReduce(v.Reduce) {
		d.withheld = append(d.withheld, name)
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
func (d *Design) newMachine(ctx context.Context, limits sandbox.Limits, log func(string)) (*sandbox.Machine, error) {
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

func compilationError(kind, name string, err error) *fault.Error {
	return fault.New(400, "compilation_error",
		fmt.Sprintf("Compilation of the %s function in the '%s' view failed: %s", kind, name, err))
}

func (d *Design) viewNames() []string {
	names := make([]string, 0, len(d.views))
	for name := range d.views {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
