package phone

import (
	"slices"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// The states of a number, in Kazoo's words.
const (
	Discovery = "discovery" // a carrier offers it
	Available = "available" // it is here, and nobody's
	Reserved  = "reserved"  // somebody's, and not in use
	InService = "in_service"
	Aging     = "aging" // given back not long ago
	PortIn    = "port_in"
)

// CreationStates are the states in which a number can be added.
func CreationStates() []string { return []string{Aging, Available, InService, PortIn, Reserved} }

// move brings a number into a state for an account (Kazoo's number_states.md).
// No state of these needs a carrier, except where it is the carrier who still
// has the number.
func move(doc document.Doc, to, accountID string) error {
	from, owner := doc.String(stateKey), doc.String(assignedTo)
	switch {
	case from == Discovery:
		return NotSupported("the number is a carrier's, and callflowd asks none")
	case to == from && owner == accountID:
		if to == Reserved {
			return refused(problem.NoChangeRequired, doc.ID(), "no change required")
		}
		return nil
	case to == InService && slices.Contains([]string{InService, PortIn, Available, Aging, Reserved}, from):
	case to == Reserved && slices.Contains([]string{Reserved, Available, InService}, from):
	default:
		return refused(problem.InvalidTransition, doc.ID(), "a number that is "+from+" cannot become "+to)
	}
	if to == Reserved {
		remember(doc, accountID)
	}
	assign(doc, accountID)
	doc[stateKey] = to
	return nil
}

// remember puts an account on top of the list of those that have reserved the
// number: whoever releases it gives it back to the one before.
func remember(doc document.Doc, accountID string) {
	history := doc.Strings(historyKey)
	history = slices.DeleteFunc(slices.Clone(history), func(id string) bool { return id == accountID })
	doc[historyKey] = list(append([]string{accountID}, history...))
}

func assign(doc document.Doc, accountID string) {
	was := doc.String(assignedTo)
	if was == accountID {
		return
	}
	if was != "" {
		doc[previousKey] = was
	}
	doc[assignedTo] = accountID
	delete(doc, usedByKey)
}

// release takes a number away from its owner. It goes back to the account that
// had reserved it before, or else becomes available where a carrier knows it;
// gone says that nothing is left of it.
func release(doc document.Doc) (gone bool) {
	owner := doc.String(assignedTo)
	history := slices.DeleteFunc(doc.Strings(historyKey), func(id string) bool { return id == owner })
	delete(doc, usedByKey)
	delete(doc, featuresKey)
	if len(history) > 0 {
		doc[historyKey] = list(history)
		assign(doc, history[0])
		doc[stateKey] = Reserved
		return false
	}
	delete(doc, historyKey)
	doc[previousKey] = owner
	delete(doc, assignedTo)
	doc[stateKey] = Available
	module := doc.String(moduleKey)
	return module == "" || module == localModule
}

func list(ids []string) []any {
	out := make([]any, len(ids))
	for i, id := range ids {
		out[i] = id
	}
	return out
}

// refused is an error in the form in which Kazoo's number manager has it.
func refused(code problem.Code, n, message string) error {
	status := map[problem.Code]int{problem.NumberExists: 409, problem.NotReconcilable: 404}[code]
	if status == 0 {
		status = 400
	}
	return &problem.Error{Code: code, Msg: message, Data: map[string]any{
		"cause": n, "code": status, "error": string(code), "message": message,
	}}
}

// NotSupported is the error for what needs a carrier or a number provider.
func NotSupported(reason string) error {
	return &problem.Error{Code: problem.NotSupported, Msg: reason, Data: map[string]any{"message": reason}}
}
