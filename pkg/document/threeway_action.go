package document

// displaced reports whether an object is an action of a flow that one side has
// replaced by another or moved below it, while the other side changed its
// data: what is at the same place is no longer the same thing.
func displaced(base, yours, theirs map[string]any) bool {
	if _, isAction := base["module"].(string); !isAction || at(yours, "data").same(at(theirs, "data")) {
		return false
	}
	mine, other := replaced(base, yours), replaced(base, theirs)
	if mine && other && at(yours, "module").same(at(theirs, "module")) {
		return false // both put the same action there
	}
	return mine && !at(base, "data").same(at(theirs, "data")) || other && !at(base, "data").same(at(yours, "data"))
}

// replaced reports whether an action has become another: its module differs,
// or the former one stands below it now.
func replaced(before, after map[string]any) bool {
	if !at(before, "module").same(at(after, "module")) {
		return true
	}
	return !at(before, "data").same(at(after, "data")) && standsBelow(before, after)
}

// standsBelow looks for an action among the children of another, at any depth.
func standsBelow(action, node map[string]any) bool {
	children, _ := node["children"].(map[string]any)
	for _, v := range children {
		child, _ := v.(map[string]any)
		if child == nil {
			continue
		}
		same := at(action, "module").same(at(child, "module")) && at(action, "data").same(at(child, "data"))
		if same || standsBelow(action, child) {
			return true
		}
	}
	return false
}
