package analysis

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Warning returns the finding as a warning to whoever saves doc as the callflow
// id: at the path of the number or pattern of doc it is about, with its kind as
// the code.
func (f Finding) Warning(id string, doc document.Doc) problem.Warning {
	w := problem.Warning{
		Path: pathOf(id, doc, f.CallflowID, f.Pattern, f.Other), Code: f.Kind, Message: f.Message,
		Members: map[string]any{"severity": f.Severity, "callflow_id": f.CallflowID},
	}
	if f.CallflowID != id {
		w.Message = fmt.Sprintf("callflow %s, pattern %s: %s", f.CallflowID, f.Pattern, f.Message)
		if f.Pattern == "" {
			w.Message = fmt.Sprintf("callflow %s: %s", f.CallflowID, f.Message)
		}
	}
	for key, value := range map[string]string{"pattern": f.Pattern, "witness": f.Witness, "winner": f.Winner} {
		if value != "" {
			w.Members[key] = value
		}
	}
	if f.Other != nil {
		w.Members["other"] = f.Other
	}
	return w
}

// Warning returns, at its path in doc, the warning that this was not analysed.
func (n NotAnalysed) Warning(id string, doc document.Doc) problem.Warning {
	w := problem.Warning{
		Path: pathOf(id, doc, n.CallflowID, n.Pattern, n.Other), Code: "not_analysed", Message: n.Reason,
		Members: map[string]any{"severity": Info},
	}
	if n.Pattern != "" {
		w.Members["callflow_id"], w.Members["pattern"] = n.CallflowID, n.Pattern
	}
	if n.Other != nil {
		w.Members["other"] = n.Other
	}
	return w
}

// pathOf is the path in doc of the number or pattern that a finding is about; the
// path of the list if it is not in doc.
func pathOf(id string, doc document.Doc, callflowID, pattern string, other *Party) string {
	key, text := "patterns", pattern
	switch {
	case callflowID == id && pattern == "" && other != nil:
		key, text = "numbers", other.Number
	case callflowID != id && other != nil && other.Number != "":
		key, text = "numbers", other.Number
	case callflowID != id && other != nil:
		text = other.Pattern
	}
	list, _ := doc[key].([]any)
	if i := slices.IndexFunc(list, func(v any) bool { return v == text }); i >= 0 {
		return key + "." + strconv.Itoa(i)
	}
	return key
}
