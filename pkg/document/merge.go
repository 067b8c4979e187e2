package document

// Patch returns stored with a PATCH request merged over it, as Kazoo merges
// (contract 2.2, 11.3, 11.4): objects merge recursively, null deletes, {}
// empties, and anything else replaces what was there. Nulls are dropped on
// both sides, except inside arrays and inside an object that replaces a value
// of another kind. The patch's private keys and its id are ignored. Neither
// argument is changed; the result shares no value with them.
func Patch(stored, patch Doc) Doc {
	over := make(map[string]any, len(patch))
	for k, v := range patch {
		if !Private(k) && k != "id" {
			over[k] = v
		}
	}
	return mergeObjects(stored, over)
}

func mergeObjects(under, over map[string]any) map[string]any {
	out := make(map[string]any, len(under)+len(over))
	for k, v := range under {
		if _, both := over[k]; !both && v != nil {
			out[k] = withoutNulls(v)
		}
	}
	for k, v := range over {
		if v != nil {
			out[k] = mergeValue(under, k, v)
		}
	}
	return out
}

func mergeValue(under map[string]any, key string, v any) any {
	old, both := under[key]
	if !both {
		return withoutNulls(v)
	}
	object, ok := v.(map[string]any)
	oldObject, oldOK := old.(map[string]any)
	if !ok || !oldOK || len(object) == 0 {
		return clone(v)
	}
	return mergeObjects(oldObject, object)
}

// withoutNulls copies v without the null members of its objects; arrays keep
// theirs.
func withoutNulls(v any) any {
	object, ok := v.(map[string]any)
	if !ok {
		return clone(v)
	}
	return mergeObjects(nil, object)
}
