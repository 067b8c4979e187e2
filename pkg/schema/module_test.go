package schema

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// notModules are schemas named like modules that a flow cannot use as such.
var notModules = []string{"callflows.action", "callflows.audio_macro.prompt", "callflows.audio_macro.say", "callflows.audio_macro.tone"}

func TestEveryModuleHasFacts(t *testing.T) {
	r := embedded(t)
	s, err := readShipped()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range r.Names() {
		prefix, _, _ := strings.Cut(name, ".")
		about := shippedModule(name)
		switch {
		case name == prefix || prefix != "callflows" && prefix != "metaflows" || slices.Contains(notModules, name):
			if about != nil {
				t.Errorf("%s is no module and has facts", name)
			}
		case about == nil || about.Does == "" || len(about.Phrases) == 0:
			t.Errorf("%s lacks facts: %+v", name, about)
		case prefix == "callflows" && about.GoesOn != Always && about.GoesOn != Sometimes && about.GoesOn != Never:
			t.Errorf("%s goes on %q", name, about.GoesOn)
		case prefix == "callflows" && about.GoesOn == Always && about.Otherwise == "":
			t.Errorf("%s always goes on and never at _", name)
		}
		if doc, _ := r.Schema(name); doc[factsKey] != nil {
			t.Errorf("%s is given out with its facts", name)
		}
	}
	for name := range s.modules {
		if _, ok := s.docs[name]; !ok {
			t.Errorf("facts of %s, which is no schema", name)
		}
	}
}

// TestFactsAreDeclared holds the facts against the schemas: every property
// that they name exists.
func TestFactsAreDeclared(t *testing.T) {
	r := embedded(t)
	s, _ := readShipped()
	placeholder := regexp.MustCompile(`\{([^}]*)\}`)
	for name, m := range s.modules {
		fields := slices.Concat(m.URLs)
		for _, f := range m.References {
			fields = append(fields, f.Path)
		}
		for _, phrase := range m.Phrases {
			fields = slices.AppendSeq(fields, maps.Keys(phrase.When))
			for _, p := range placeholder.FindAllStringSubmatch(phrase.Text, -1) {
				fields = append(fields, p[1])
			}
		}
		for _, b := range m.Children {
			fields = slices.AppendSeq(fields, maps.Keys(b.When))
			if (b.Key == "") == (b.Keys == "") || b.Means == "" {
				t.Errorf("%s has the branch %+v", name, b)
			}
		}
		for _, field := range fields {
			if name == "callflows.ring_group" && field == "name" {
				continue // consoles keep it there
			}
			if !declares(r.nodes[name], strings.Split(strings.ReplaceAll(field, "[]", ".[]"), ".")) {
				t.Errorf("%s has no property %s", name, field)
			}
		}
	}
}

// declares tells whether a schema knows the property at a path, where "[]" is
// any item. The items of alternatives are taken as known.
func declares(n *node, path []string) bool {
	switch {
	case n == nil:
		return false
	case len(path) == 0 || n.oneOf != nil:
		return true
	case path[0] == "[]":
		return declares(n.items, path[1:])
	}
	known, _ := n.known()
	return declares(known[path[0]], path[1:])
}

func TestChild(t *testing.T) {
	tests := []struct {
		module, data string
		yes, no      []string
	}{
		{"menu", `{}`, []string{"_", "1", "42", "*", "timeout", "max_retries"}, []string{"", "#", "1#", "hangup", "a"}},
		{"play", `{}`, []string{"_"}, []string{"1", "timeout"}},
		{"hangup", `{}`, nil, []string{"_", "1"}},
		{"hangup", `{"skip_module":true}`, []string{"_"}, []string{"1"}},
		{"menu", `{"skip_module":"true"}`, []string{"_"}, []string{"1"}},
		{"conference", `{}`, nil, []string{"_"}},
		{"user", `{}`, []string{"_", "USER_BUSY", "NO_ANSWER", "sip:486"}, []string{"busy", "sip:4", "sip:abc", "486 "}},
		{"resources", `{}`, []string{"USER_BUSY", "sip:486"}, []string{"_"}},
		{"check_cid", `{}`, []string{"match", "nomatch", "_"}, []string{"+14155550100"}},
		{"check_cid", `{"use_absolute_mode":false}`, []string{"match"}, []string{"1"}},
		{"check_cid", `{"use_absolute_mode":true}`, []string{"+14155550100", "nomatch", "_"}, []string{""}},
		{"branch_bnumber", `{}`, []string{"+14155550100", "_"}, nil},
		{"branch_bnumber", `{"hunt":true}`, []string{"_"}, []string{"+14155550100"}},
		{"nomorobo", `{}`, []string{"0", "7", "_"}, []string{"-1", "x"}},
		{"acdc_wait_time", `{}`, []string{"60", "_"}, []string{"x"}},
		{"temporal_route", `{}`, []string{"rule_set", "463e7431cd7248dea28645c267b03262", "_"}, []string{""}},
		{"temporal_route", `{"action":"menu"}`, []string{"_"}, []string{"463e7431cd7248dea28645c267b03262"}},
		{"park", `{}`, []string{"_", "101"}, nil},
		{"fax_detect", `{}`, []string{"ON_FAX", "ON_VOICE", "_"}, []string{"fax"}},
		{"hotdesk", `{"action":"bridge"}`, []string{"USER_BUSY", "_"}, nil},
		{"hotdesk", `{"action":"login"}`, []string{"_"}, []string{"USER_BUSY"}},
	}
	for _, tt := range tests {
		m, data := ModuleOf(tt.module), doc(t, tt.data)
		for _, key := range tt.yes {
			if _, ok := m.Child(key, data); !ok {
				t.Errorf("%s %s never goes on at %q", tt.module, tt.data, key)
			}
		}
		for _, key := range tt.no {
			if b, ok := m.Child(key, data); ok {
				t.Errorf("%s %s goes on at %q: %+v", tt.module, tt.data, key, b)
			}
		}
	}
}

func TestPhrases(t *testing.T) {
	m := ModuleOf("voicemail")
	if got := m.Phrases.For(doc(t, `{"action":"check"}`)); got != "check voicemail[ of {id}]" {
		t.Errorf("check: %q", got)
	}
	if got := m.Phrases.For(doc(t, `{"action":"compose"}`)); got != "voicemail[ of {id}]" {
		t.Errorf("compose: %q", got)
	}
	if got := m.Phrases[:1].For(nil); got != "" {
		t.Errorf("none: %q", got)
	}
}

func TestFactsAreReadStrictly(t *testing.T) {
	for _, text := range []string{`{"phrase":"x","gose_on":"never"}`, `{"children":[{"kye":"1"}]}`, `{"phrase":7}`} {
		if _, err := readModule(doc(t, text)); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}
