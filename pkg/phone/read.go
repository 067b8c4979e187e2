package phone

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/problem"
)

// callflowUse is the pvt_used_by of a number that a callflow has.
const callflowUse = "callflow"

// Get returns the document of a number of the account, or of one below it, as
// its callflows are now.
func (s *Service) Get(ctx context.Context, accountID, n string) (document.Doc, error) {
	doc, err := s.load(ctx, n)
	if err != nil {
		return nil, err
	}
	if err := s.mustOwn(ctx, accountID, doc); err != nil {
		return nil, err
	}
	used, err := s.used(ctx, doc.String(assignedTo), []string{n})
	if err != nil {
		return nil, err
	}
	setUse(doc, used[n])
	return doc, nil
}

// Public is what answers show of a number.
func Public(doc document.Doc) document.Doc {
	out := doc.Public()
	out["id"] = doc.ID()
	features := []any{}
	for _, name := range slices.Sorted(maps.Keys(doc.Object(featuresKey))) {
		features = append(features, name)
	}
	out["features"] = features
	read := map[string]any{"features": features, "features_available": []any{}}
	for shown, key := range map[string]string{
		"state": stateKey, "used_by": usedByKey, "assigned_to": assignedTo, "created": "pvt_created", "updated": "pvt_modified",
	} {
		if v, ok := doc[key]; ok {
			out[shown] = v
			read[shown] = v
		}
	}
	if v, ok := read["updated"]; ok {
		read["modified"] = v
		delete(read, "updated")
	}
	out["_read_only"] = read
	return out
}

// Item is a number in a list.
type Item struct {
	State      string   `json:"state"`
	AssignedTo string   `json:"assigned_to"`
	UsedBy     string   `json:"used_by,omitempty"`
	Features   []string `json:"features"`
	Created    int64    `json:"created,omitempty"`
	Updated    int64    `json:"updated,omitempty"`
}

// List returns the numbers that an account owns, and those of the public
// network that its callflows have although nobody keeps a document of them.
// There are at most most; more says that some are left out.
func (s *Service) List(ctx context.Context, accountID string, most int, keep func(Item) bool) (items map[string]Item, more bool, err error) {
	owned, err := s.copies(ctx, accountID)
	if err != nil {
		return nil, false, err
	}
	used, err := s.used(ctx, accountID, nil)
	if err != nil {
		return nil, false, err
	}
	for n := range used {
		if item, ok := owned[n]; ok {
			item.UsedBy = callflowUse
			owned[n] = item
		} else {
			owned[n] = Item{State: InService, AssignedTo: accountID, UsedBy: callflowUse, Features: []string{}}
		}
	}
	items = map[string]Item{}
	for n, item := range owned {
		if item.UsedBy == callflowUse && !used[n] {
			item.UsedBy = ""
		}
		if !keep(item) {
			continue
		}
		if len(items) == most {
			return items, true, nil
		}
		items[n] = item
	}
	return items, false, nil
}

// copies are the numbers in an account's own database.
func (s *Service) copies(ctx context.Context, accountID string) (map[string]Item, error) {
	out := map[string]Item{}
	for row, err := range s.Couch.Account(accountID).View(ctx, "phone_numbers", "crossbar_listing", couch.Query{}) {
		if err != nil {
			return nil, err
		}
		var item Item
		if err := json.Unmarshal(row.Value, &item); err != nil {
			return nil, &problem.Error{Code: problem.DatastoreFault, Msg: "a number's row: " + row.ID, Err: err}
		}
		out[row.ID] = item
	}
	return out, nil
}

// used tells which numbers callflows of an account have: of some, or of all
// that the number manager could know.
func (s *Service) used(ctx context.Context, accountID string, some []string) (map[string]bool, error) {
	out := map[string]bool{}
	if accountID == "" {
		return out, nil
	}
	var q couch.Query
	if some != nil {
		q.Keys = make([]any, len(some))
		for i, n := range some {
			q.Keys[i] = n
		}
	}
	for row, err := range s.Couch.Account(accountID).View(ctx, "callflows", "listing_by_number", q) {
		if problem.Is(err, problem.MissingDatabase) || problem.Is(err, problem.MissingView) && some != nil {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		var n string
		if json.Unmarshal(row.Key, &n) == nil && number.Reconcilable(n) {
			out[n] = true
		}
	}
	return out, nil
}

// setUse writes into a number's document whether a callflow has it. What
// Kazoo's other apps have written there stays.
func setUse(doc document.Doc, used bool) (changed bool) {
	was := doc.String(usedByKey)
	switch {
	case used && was != callflowUse:
		doc[usedByKey] = callflowUse
	case !used && was == callflowUse:
		delete(doc, usedByKey)
	default:
		return false
	}
	return true
}

// Identify returns the account that calls to a number belong to, if that is
// the account itself or one below it.
func (s *Service) Identify(ctx context.Context, accountID, n string) (string, error) {
	doc, err := s.load(ctx, n)
	if err != nil {
		return "", err
	}
	if err := s.mustOwn(ctx, accountID, doc); err != nil {
		return "", err
	}
	owner := doc.String(assignedTo)
	cause := ""
	if state := doc.String(stateKey); state != InService && state != PortIn {
		cause = "not_in_service"
	}
	account, err := s.Accounts.State(ctx, owner)
	if err != nil {
		return "", err
	}
	if !account.Enabled {
		cause = "account_disabled"
	}
	if cause != "" {
		return "", &problem.Error{Code: problem.ClientError, Data: map[string]any{"cause": cause, "account_id": owner, "number": n}}
	}
	return owner, nil
}
