package mango

import "encoding/json"

// Project returns the object doc with only the fields named, each at its
// place. A dot leads into an object.
func Project(doc []byte, fields []string) []byte {
	kept, from := map[string]any{}, &object{raw: doc}
	for _, name := range fields {
		steps := path(name)
		v := from.at(steps)
		if v == nil {
			continue
		}
		at := kept
		for _, step := range steps[:len(steps)-1] {
			inner, ok := at[step].(map[string]any)
			if !ok {
				inner = map[string]any{}
				at[step] = inner
			}
			at = inner
		}
		at[steps[len(steps)-1]] = v
	}
	out, err := json.Marshal(kept)
	if err != nil {
		return []byte("{}")
	}
	return out
}

// object is a value that is decoded once, however many of its fields are asked
// for.
type object struct {
	raw     json.RawMessage
	decoded bool
	members map[string]*object // nil of what is no object
}

// at returns the value at a path, nil when there is none.
func (o *object) at(steps []string) json.RawMessage {
	for _, step := range steps {
		if o = o.member(step); o == nil {
			return nil
		}
	}
	return o.raw
}

func (o *object) member(name string) *object {
	if !o.decoded {
		o.decoded = true
		var members map[string]json.RawMessage
		if json.Unmarshal(o.raw, &members) == nil {
			o.members = make(map[string]*object, len(members))
			for name, raw := range members {
				o.members[name] = &object{raw: raw}
			}
		}
	}
	return o.members[name]
}
