package mango

import "encoding/json"

// Project returns the object doc with only the fields named, each at its
// place. A dot leads into an object.
func Project(doc []byte, fields []string) []byte {
	kept := map[string]any{}
	for _, name := range fields {
		steps := path(name)
		v := pick(doc, steps)
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

// pick returns the value at a path, nil when there is none.
func pick(doc []byte, steps []string) json.RawMessage {
	v := json.RawMessage(doc)
	for _, step := range steps {
		var object map[string]json.RawMessage
		if json.Unmarshal(v, &object) != nil {
			return nil
		}
		if v = object[step]; v == nil {
			return nil
		}
	}
	return v
}
