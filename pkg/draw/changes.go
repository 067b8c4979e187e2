package draw

import (
	"encoding/json"
	"fmt"
)

// changedFields lists the properties of data that differ, with both values.
func changedFields(before, after map[string]any) []string {
	all := map[string]any{}
	for _, m := range []map[string]any{before, after} {
		for key := range m {
			all[key] = nil
		}
	}
	var out []string
	for _, key := range sortedKeys(all) {
		old, had := before[key]
		now, has := after[key]
		x, y := brief(old, had), brief(now, has)
		if had == has && sameValue(old, now) {
			continue
		}
		if x == y {
			out = append(out, tidy(key, 24)+" differs")
			continue
		}
		out = append(out, fmt.Sprintf("%s: %s → %s", tidy(key, 24), x, y))
	}
	return out
}

func sameValue(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

func brief(v any, ok bool) string {
	if !ok {
		return "none"
	}
	if text := scalar(v); text != "" {
		return tidy(text, 24)
	}
	raw, _ := json.Marshal(v)
	return tidy(string(raw), 24)
}

// prune folds branches without a change, if a picture has more than most
// nodes.
func prune(nodes []*Node, most int) {
	if size(nodes) <= most {
		return
	}
	for _, n := range nodes {
		switch {
		case len(n.Children) == 0:
		case unchanged(n.Children):
			hidden := size(n.Children)
			n.Children = []*Node{{Shape: Fold, Text: fmt.Sprintf("+%d", hidden), About: plural(hidden, "action") + " more, none changed"}}
		default:
			prune(n.Children, 0)
		}
	}
}

func size(nodes []*Node) int {
	n := len(nodes)
	for _, node := range nodes {
		n += size(node.Children)
	}
	return n
}

func unchanged(nodes []*Node) bool {
	for _, n := range nodes {
		if n.Change != Same || !unchanged(n.Children) {
			return false
		}
	}
	return true
}
