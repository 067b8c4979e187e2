package draw

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/callflowd/callflowd/pkg/schema"
)

// speaker writes what an action does in words.
type speaker struct {
	docs  Docs
	node  schema.Node
	about *schema.Module // nil for a module that is not known
	marks []string
}

// says returns the phrase of the module with its gaps filled.
func (s *speaker) says() string {
	if s.about == nil {
		return ""
	}
	rest, out := s.about.Phrases.For(s.node.Data), ""
	for rest != "" {
		i := strings.IndexByte(rest, '[')
		j := strings.IndexByte(rest, ']')
		if i < 0 || j < i {
			break
		}
		text, _ := s.fill(rest[:i])
		out += text
		if text, complete := s.fill(rest[i+1 : j]); complete {
			out += text
		}
		rest = rest[j+1:]
	}
	text, _ := s.fill(rest)
	return tidy(out+text, maxText)
}

// fill replaces the gaps of a part of a phrase, and tells whether it had
// something for each.
func (s *speaker) fill(text string) (out string, complete bool) {
	complete = true
	for {
		before, rest, ok := strings.Cut(text, "{")
		field, after, closed := strings.Cut(rest, "}")
		if !ok || !closed {
			return out + text, complete
		}
		value := s.value(field)
		if value == "" {
			complete = false
			value = "…"
		}
		out += before + value
		text = after
	}
}

// value writes what data has at a field: names where the field holds ids.
func (s *speaker) value(field string) string {
	for _, f := range s.about.References {
		if plain, _, _ := strings.Cut(f.Path, "[]"); plain == field {
			return s.names(f)
		}
	}
	v, ok := s.node.Data[field]
	if !ok {
		v = s.about.Defaults[field]
	}
	return scalar(v)
}

// names writes what stands at a field that holds ids: the names of the
// documents, or the text itself where it is no id.
func (s *speaker) names(f schema.Field) string {
	const most = 3
	var out []string
	total := 0
	for _, v := range f.Values(s.node) {
		if total >= most && v != nil {
			total++
		} else if text := scalar(v); text != "" {
			total++
			out = append(out, s.name(text))
		}
	}
	if total > most {
		out = append(out, fmt.Sprintf("%d more", total-most))
	}
	return strings.Join(out, ", ")
}

func (s *speaker) name(id string) string {
	doc, ok := s.docs[id]
	switch {
	case ok && doc.Name != "":
		return tidy(doc.Name, maxText/2)
	case ok && doc.Type != "":
		return doc.Type + " " + short(id)
	}
	return short(id)
}

// judge notes the references that lead to no document.
func (s *speaker) judge() {
	const most = 3
	if s.docs == nil {
		return
	}
	bad := 0
	for _, r := range s.node.References() {
		doc, ok := s.docs[r.ID]
		if ok && !doc.Deleted {
			continue
		}
		if bad++; bad > most {
			continue
		}
		if ok {
			s.marks = append(s.marks, "deleted: "+r.Type+" "+s.name(r.ID))
		} else {
			s.marks = append(s.marks, "missing: "+r.Type+" "+short(r.ID))
		}
	}
	if bad > most {
		s.marks = append(s.marks, fmt.Sprintf("and %d more", bad-most))
	}
}

// scalar writes a string, a number or a boolean; "" for anything else.
func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return tidy(v, maxText)
	case json.Number:
		return tidy(string(v), 20)
	case float64, int, bool:
		return fmt.Sprint(v)
	}
	return ""
}

// edge writes the way to the child at key.
func (s *speaker) edge(key string) Edge {
	e := Edge{Key: key, Words: tidy(key, 24)}
	if key == "_" {
		e.Words = "otherwise"
	}
	if s.about == nil || s.node.Metaflow {
		return e
	}
	branch, ok := s.about.Child(key, s.node.Data)
	e.Never = !ok
	switch {
	case !ok:
	case key == "_" && len(s.about.Children) == 0: // the only way on
		e.Words = ""
	case branch.Keys == schema.KeysRule:
		e.Words = s.name(key)
	case branch.Keys == schema.KeysCause:
		e.Words = tidy(cause(key), 24)
	case branch.Words != "":
		e.Words = strings.ReplaceAll(branch.Words, "{key}", tidy(key, 24))
	}
	return e
}

// cause writes why a call failed: "user busy", "SIP 486".
func cause(key string) string {
	if code, ok := strings.CutPrefix(key, "sip:"); ok {
		return "SIP " + code
	}
	return strings.ToLower(strings.ReplaceAll(key, "_", " "))
}
