package schema

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/schemas"
)

// Module is what is known of a module besides the schema of its data. It
// stands in the schema's own file, under the key "callflowd", so that a new
// module is one new file. The facts are Kazoo's: which children a module
// goes on at, what it refers to, and what it fetches.
type Module struct {
	Name string `json:"-"` // "menu"
	Does string `json:"-"` // the schema's description: "Runs a menu"

	Defaults map[string]any `json:"-"` // of the properties of data

	Phrases    Phrases  `json:"phrase"`
	GoesOn     GoesOn   `json:"goes_on"`    // "" for an action of a metaflow
	Otherwise  string   `json:"otherwise"`  // when it goes on at "_"; "" if it never does
	Children   []Branch `json:"children"`   // the other keys that it goes on at
	Enters     string   `json:"enters"`     // a flow that the call may enter by itself; "_" follows that flow
	References []Field  `json:"references"` // where data mentions other documents
	URLs       []string `json:"urls"`       // properties that are fetched
	FreeData   bool     `json:"free_data"`  // data may have any property
}

// GoesOn tells whether the flow goes on after a module.
type GoesOn string

// A module goes on at a child, whatever happens; or only after some outcomes;
// or never: then the call is over, or another application has it.
const (
	Always    GoesOn = "always"
	Sometimes GoesOn = "sometimes"
	Never     GoesOn = "never"
)

// Branch is a key, or a kind of keys, that a module goes on at.
type Branch struct {
	Key   string         `json:"key"`   // one key; or
	Keys  Keys           `json:"keys"`  // all keys of a kind
	Words string         `json:"words"` // the key in words; {key} stands for it. "" is the key itself
	Means string         `json:"means"` // when the call goes on there
	When  map[string]any `json:"when"`  // what data must hold; a missing property counts as false and null
}

// Keys is a kind of child keys.
type Keys string

// The kinds of keys.
const (
	KeysAny     Keys = "any"
	KeysDigits  Keys = "digits"  // what a caller can press, apart from #, which ends it
	KeysInteger Keys = "integer" // a number in decimal digits
	KeysCause   Keys = "cause"   // why a call failed: USER_BUSY, or sip:486
	KeysRule    Keys = "rule"    // the id of a temporal rule or of a set of them
)

// Phrases are the ways to say what a module does with its data, the first
// that fits its data first. In JSON it may be one string.
type Phrases []Phrase

// Phrase is a short text with properties of data in braces: "ring {id}". What
// stands in brackets is left out where a property in it is missing.
type Phrase struct {
	Text string         `json:"text"`
	When map[string]any `json:"when"`
}

// UnmarshalJSON reads a string, or a list of phrases.
func (p *Phrases) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		*p = Phrases{{Text: text}}
		return nil
	}
	return json.Unmarshal(raw, (*[]Phrase)(p))
}

// For returns the text of the phrase that fits data, "" for none.
func (p Phrases) For(data map[string]any) string {
	for _, phrase := range p {
		if holds(data, phrase.When) {
			return phrase.Text
		}
	}
	return ""
}

// Child returns the branch that a module with this data takes the key for. For
// "_" it is made of Otherwise.
func (m *Module) Child(key string, data map[string]any) (Branch, bool) {
	if key == "_" {
		return Branch{Key: "_", Words: "otherwise", Means: m.Otherwise}, m.Otherwise != "" || skipped(data)
	}
	if skipped(data) {
		return Branch{}, false
	}
	for _, b := range m.Children {
		if b.has(key) && holds(data, b.When) {
			return b, true
		}
	}
	return Branch{}, false
}

// skipped tells whether the switch passes over the node: it goes on at "_".
func skipped(data map[string]any) bool {
	return data["skip_module"] == true || data["skip_module"] == "true"
}

// has tells whether key is the branch's key, or one of its kind.
func (b Branch) has(key string) bool {
	switch b.Keys {
	case KeysAny, KeysRule:
		return key != ""
	case KeysDigits:
		return key != "" && strings.Trim(key, "0123456789*ABCD") == ""
	case KeysInteger:
		return plainDigits(key)
	case KeysCause:
		code, sip := strings.CutPrefix(key, "sip:")
		return sip && len(code) == 3 && plainDigits(code) ||
			key != "" && strings.Trim(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
	}
	return key == b.Key
}

// holds tells whether data has the values of when.
func holds(data, when map[string]any) bool {
	for key, want := range when {
		if have, ok := data[key]; have != want && (ok || want != false) {
			return false
		}
	}
	return true
}

// factsKey is the key of the facts in the file of a schema.
const factsKey = "callflowd"

// shipped is what the program is built with.
type shipped struct {
	docs    map[string]document.Doc // schemas by name, without their facts
	modules map[string]*Module      // by name of the schema
}

// readShipped reads the files once. The result is not changed afterwards.
var readShipped = sync.OnceValues(func() (shipped, error) {
	out := shipped{docs: map[string]document.Doc{}, modules: map[string]*Module{}}
	files, err := fs.Glob(schemas.FS, "*.json")
	if err != nil {
		return out, err
	}
	for _, file := range files {
		raw, err := schemas.FS.ReadFile(file)
		if err != nil {
			return out, err
		}
		if err := out.add(strings.TrimSuffix(file, ".json"), raw); err != nil {
			return out, fmt.Errorf("schema %s: %w", file, err)
		}
	}
	return out, nil
})

func (s shipped) add(name string, raw []byte) error {
	var doc document.Doc
	if err := json.Unmarshal(raw, &doc); err != nil {
		return err
	}
	if facts := doc.Object(factsKey); facts != nil {
		m, err := readModule(facts)
		if err != nil {
			return err
		}
		_, m.Name, _ = strings.Cut(name, ".")
		m.Does = doc.String("description")
		m.Defaults = defaultsOf(doc)
		s.modules[name] = m
		delete(doc, factsKey)
	}
	s.docs[name] = doc
	return nil
}

// defaultsOf returns the defaults of a schema's properties.
func defaultsOf(doc document.Doc) map[string]any {
	out := map[string]any{}
	for key, property := range doc.Object("properties") {
		if m, _ := property.(map[string]any); m["default"] != nil {
			out[key] = m["default"]
		}
	}
	return out
}

func readModule(facts map[string]any) (*Module, error) {
	raw, err := json.Marshal(facts)
	if err != nil {
		return nil, err
	}
	m := &Module{}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields()
	return m, dec.Decode(m)
}

// ModuleOf returns what is known of a callflow's module, nil for one that is
// not built in.
func ModuleOf(name string) *Module { return shippedModule("callflows." + name) }

// MetaflowModuleOf is [ModuleOf] for an action of a metaflow.
func MetaflowModuleOf(name string) *Module { return shippedModule("metaflows." + name) }

// shippedModule takes the name of a schema. Files that cannot be read are the
// business of [Embedded].
func shippedModule(schema string) *Module {
	s, _ := readShipped()
	return s.modules[schema]
}
