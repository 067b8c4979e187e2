package api

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/callflow"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/save"
)

// batchItem is what became of one item of a batch.
type batchItem struct {
	Op       string           `json:"op"`
	ID       string           `json:"id"`
	Status   int              `json:"status"`
	Revision string           `json:"revision,omitempty"`
	Document document.Doc     `json:"document,omitempty"` // as it would be stored, of a dry run
	Problems any              `json:"problems,omitempty"`
	Warnings []map[string]any `json:"warnings,omitempty"`
}

// batchCallflows serves POST …/callflows/batch: up to 1,000 changes in order.
// With atomic=true all of them are made or none, with dry_run=true all are
// checked as for that, and none is made.
func (s *Server) batchCallflows(c *web.Call) (*web.Answer, error) {
	items, err := batchOf(c)
	if err != nil {
		return nil, err
	}
	var outcomes []callflow.Outcome
	dry := c.Flag("dry_run")
	switch {
	case dry:
		outcomes, err = s.cfg.Callflows.CheckBatch(c.Context(), c.Account(), items)
	case c.Flag("atomic"):
		outcomes, err = s.cfg.Callflows.BatchAtomic(c.Context(), c.Account(), items)
	default:
		outcomes = s.cfg.Callflows.Batch(c.Context(), items)
	}
	if err != nil {
		return nil, err
	}
	return batchAnswer(items, outcomes, dry), nil
}

// batchAnswer tells what became of each item.
func batchAnswer(items []callflow.Item, outcomes []callflow.Outcome, dry bool) *web.Answer {
	answer := &web.Answer{}
	list := make([]batchItem, len(outcomes))
	for i, o := range outcomes {
		list[i] = batchItem{Op: items[i].Op, ID: o.ID, Status: http.StatusOK}
		if o.Err != nil {
			list[i].Status, list[i].Problems = web.Told(o.Err)
			answer.Status = http.StatusMultiStatus
			continue
		}
		if list[i].Revision = o.Doc.Rev(); dry {
			list[i].Document = o.Doc.Public()
		}
		if items[i].Op == callflow.OpCreate && !dry {
			list[i].Status = http.StatusCreated
		}
		if len(o.Warnings) > 0 {
			list[i].Warnings = web.WarningList(o.Warnings)
		}
	}
	answer.Data = list
	return answer
}

// batchOf reads the items of a batch. Wrong types of all of them are told at
// once.
func batchOf(c *web.Call) ([]callflow.Item, error) {
	list, ok := c.Data.([]any)
	switch {
	case !ok:
		return nil, wrongData("data is a list of changes", map[string]any{"target": "array"})
	case len(list) > callflow.MaxBatch:
		return nil, wrongData(fmt.Sprintf("a batch has at most %d changes", callflow.MaxBatch), map[string]any{"target": callflow.MaxBatch})
	}
	var wrong []problem.Violation
	items := make([]callflow.Item, len(list))
	for i, v := range list {
		item, found := batchItemOf(c, i, v)
		items[i], wrong = item, append(wrong, found...)
	}
	return items, problem.Validation(wrong)
}

func wrongData(message string, members map[string]any) error {
	return problem.Validation([]problem.Violation{{Path: "data", Code: "type", Message: message, Members: members}})
}

// batchItemOf reads one item.
func batchItemOf(c *web.Call, i int, v any) (callflow.Item, []problem.Violation) {
	var wrong []problem.Violation
	at := strconv.Itoa(i)
	told := func(key, target string, value any) {
		wrong = append(wrong, problem.Violation{
			Path: problem.Join(at, key), Code: "type", Message: key + " is not of the type " + target, Members: map[string]any{"target": target, "value": value},
		})
	}
	members, ok := v.(map[string]any)
	if !ok {
		return callflow.Item{}, []problem.Violation{{Path: at, Code: "type", Message: "an item is an object", Members: map[string]any{"target": "object", "value": v}}}
	}
	text := func(key string) string {
		s, isText := members[key].(string)
		if !isText && members[key] != nil {
			told(key, "string", members[key])
		}
		return s
	}
	item := callflow.Item{Op: text("op"), Write: save.Write{AccountID: c.Account(), ID: text("id"), Base: text("revision"), Actor: c.Actor()}}
	if wanted := text("if_match"); wanted != "" {
		item.Check = func(rev string) error {
			if rev == wanted {
				return nil
			}
			return &problem.Error{Code: problem.PreconditionFailed, Msg: "item " + at + " is not at the revision", Data: map[string]any{"revision": rev}}
		}
	}
	data, isObject := members["data"].(map[string]any)
	if !isObject && members["data"] != nil {
		told("data", "object", members["data"])
	}
	if item.Data = data; data == nil {
		item.Data = document.Doc{}
	}
	if item.Op == callflow.OpCreate && item.ID != "" {
		item.Data = item.Data.Clone()
		item.Data["id"], item.ID = item.ID, ""
	} else if item.ID == "" && item.Op != callflow.OpCreate {
		wrong = append(wrong, problem.Violation{Path: problem.Join(at, "id"), Code: "required", Message: "Field is required but missing"})
	}
	return item, wrong
}
