package phones

import (
	"context"
	"encoding/json"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/phone"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/save"
)

// list serves GET …/phone_numbers. Filters see the numbers as they are shown,
// and Kazoo's private names of what is shown.
func (a *API) list(c *web.Call) (*web.Answer, error) {
	if c.Value("prefix") != "" {
		return a.search(c)
	}
	filter := document.ParseFilter(c.Query)
	keep := func(item phone.Item) bool { return filter.Empty() || matches(filter, item) }
	numbers, more, err := a.Phones.List(c.Context(), c.Account(), a.Most, keep)
	if err != nil {
		return nil, err
	}
	return &web.Answer{Digest: true, Data: map[string]any{
		"numbers": numbers, "truncated": more, "cascade_quantity": 0, "casquade_quantity": 0, // as older ones spell it
	}}, nil
}

func matches(filter document.Filter, item phone.Item) bool {
	text, err := json.Marshal(struct {
		phone.Item
		State    string `json:"pvt_state"`
		UsedBy   string `json:"pvt_used_by,omitempty"`
		Created  int64  `json:"pvt_created,omitempty"`
		Modified int64  `json:"pvt_modified,omitempty"`
	}{item, item.State, item.UsedBy, item.Created, item.Updated})
	return err == nil && filter.Match(text)
}

// classifiers serves GET …/phone_numbers/classifiers. A console asks before it
// opens a user or a device, and shows numbers by it.
func (a *API) classifiers(*web.Call) (*web.Answer, error) {
	kinds := map[string]any{}
	for _, kind := range number.Classifiers() {
		kinds[kind.Name] = classifier(kind)
	}
	return &web.Answer{Data: kinds, Digest: true}, nil
}

func classifier(kind number.Classifier) map[string]any {
	out := map[string]any{"name": kind.Name, "friendly_name": kind.FriendlyName, "regex": kind.Regex}
	if kind.PrettyPrint != "" {
		out["pretty_print"] = kind.PrettyPrint
	}
	if kind.Emergency {
		out["emergency"] = true
	}
	return out
}

// classify serves GET …/phone_numbers/classifiers/{NUMBER}.
func (a *API) classify(c *web.Call) (*web.Answer, error) {
	n := number.Normalize(c.Var("number"), number.DialPlan{})
	data := classifier(number.Classify(n))
	data["number"], data["e164"] = c.Var("number"), n
	return &web.Answer{Data: data, Digest: true}, nil
}

// carriersInfo serves GET …/phone_numbers/carriers_info.
func (a *API) carriersInfo(*web.Call) (*web.Answer, error) {
	return &web.Answer{Digest: true, Data: map[string]any{
		"maximal_prefix_length": 3, "usable_carriers": []string{"local"}, "usable_creation_states": phone.CreationStates(),
	}}, nil
}

// fix serves POST …/phone_numbers/fix.
func (a *API) fix(c *web.Call) (*web.Answer, error) {
	if err := c.Check(""); err != nil {
		return nil, err
	}
	if err := a.Phones.Repair(c.Context(), c.Account()); err != nil {
		return nil, err
	}
	return a.list(c)
}

// get serves GET …/phone_numbers/{NUMBER}.
func (a *API) get(c *web.Call) (*web.Answer, error) {
	n, err := phone.Number(c.Var("number"))
	if err != nil {
		return nil, err
	}
	doc, err := a.Phones.Get(c.Context(), c.Account(), n)
	if err != nil {
		return nil, err
	}
	out := shown(doc)
	out.Digest = true // what callflows do to a number is no revision of it
	return out, nil
}

func shown(doc document.Doc) *web.Answer {
	return &web.Answer{Data: phone.Public(doc), Revision: doc.Rev()}
}

// identify serves GET …/phone_numbers/{NUMBER}/identify.
func (a *API) identify(c *web.Call) (*web.Answer, error) {
	n, err := phone.Number(c.Var("number"))
	if err != nil {
		return nil, err
	}
	owner, err := a.Phones.Identify(c.Context(), c.Account(), n)
	if err != nil {
		return nil, err
	}
	return &web.Answer{Digest: true, Data: map[string]any{"account_id": owner, "number": n}}, nil
}

// action changes one number. check is asked first where several numbers are
// changed, so that none is where one cannot be.
type action struct {
	do    func(context.Context, phone.Request) (document.Doc, error)
	check func(context.Context, phone.Request) error
}

func (a *API) create(*web.Call) action { return action{a.Phones.Create, a.Phones.CheckCreate} }

func (a *API) replace(*web.Call) action { return action{a.Phones.Replace, a.Phones.CheckOwned} }

func (a *API) patch(*web.Call) action { return action{a.Phones.Patch, a.Phones.CheckOwned} }

func (a *API) activate(*web.Call) action { return action{do: a.Phones.Activate} }

func (a *API) reserve(*web.Call) action { return action{do: a.Phones.Reserve} }

func (a *API) release(c *web.Call) action {
	hard := c.Flag("hard")
	return action{
		func(ctx context.Context, r phone.Request) (document.Doc, error) {
			return a.Phones.Release(ctx, r, hard)
		},
		a.Phones.CheckOwned,
	}
}

// request gathers what a change of a number needs.
func request(c *web.Call, data document.Doc) phone.Request {
	return phone.Request{
		AccountID: c.Account(), Data: data, Master: c.Identity.Superduper,
		Actor: save.Actor{AccountID: c.Identity.AccountID, UserID: c.Identity.UserID, RequestID: c.RequestID, ClientIP: c.Client.String()},
	}
}

// single serves a change of the number in the path.
func (a *API) single(choose func(*web.Call) action, created int) web.Handler {
	return func(c *web.Call) (*web.Answer, error) {
		data, err := c.Object()
		if err != nil {
			return nil, err
		}
		r := request(c, data)
		if r.Number, err = phone.Number(c.Var("number")); err != nil {
			return nil, err
		}
		r.Check = func(rev string) error {
			if rev == "" {
				return c.CheckCreate("")
			}
			return c.Check(rev)
		}
		doc, err := choose(c).do(c.Context(), r)
		if err != nil {
			return nil, err
		}
		out := shown(doc)
		out.Status = created
		return out, nil
	}
}

// each serves a change of the numbers that the request lists. It has no
// precondition: there is no one revision.
func (a *API) each(choose func(*web.Call) action, created int) web.Handler {
	return func(c *web.Call) (*web.Answer, error) {
		data, err := c.Object()
		if err != nil {
			return nil, err
		}
		if err := c.CheckCreate(""); err != nil {
			return nil, err
		}
		numbers, err := a.numbersIn(data)
		if err != nil {
			return nil, err
		}
		done, err := run(c.Context(), choose(c), request(c, data), numbers)
		if err != nil {
			return nil, err
		}
		return &web.Answer{Status: created, Data: map[string]any{"success": done}}, nil
	}
}

// numbersIn are the numbers that a request lists.
func (a *API) numbersIn(data document.Doc) ([]string, error) {
	listed, ok := data["numbers"].([]any)
	if !ok {
		return nil, web.Required("numbers")
	}
	if len(listed) > a.Most {
		return nil, problem.Validation([]problem.Violation{{
			Path: "numbers", Code: "maxItems", Message: "too many numbers in one request", Members: map[string]any{"target": a.Most},
		}})
	}
	numbers := make([]string, len(listed))
	for i, v := range listed {
		text, ok := v.(string)
		if !ok {
			return nil, problem.Validation([]problem.Violation{{
				Path: "numbers", Code: "type", Message: "numbers must be strings", Members: map[string]any{"target": "string", "value": v},
			}})
		}
		numbers[i] = text
	}
	return numbers, nil
}

// run changes numbers one after the other. Those that cannot be changed are
// told together, each with its reason, and if that shows beforehand nothing is
// changed. A failure of storage ends it.
func run(ctx context.Context, act action, r phone.Request, numbers []string) (map[string]any, error) {
	done, failed := map[string]any{}, map[string]any{}
	pass := func(work func(phone.Request) error) error {
		for _, text := range numbers {
			n, err := phone.Number(text)
			if err == nil {
				r.Number = n
				err = work(r)
			}
			if err != nil && !ofNumber(err) {
				return err
			}
			if err != nil {
				failed[text] = problem.AsError(err).Data
			}
		}
		if len(failed) > 0 {
			return &problem.Error{Code: problem.ClientError, Data: failed}
		}
		return nil
	}
	if act.check != nil {
		if err := pass(func(r phone.Request) error { return act.check(ctx, r) }); err != nil {
			return nil, err
		}
	}
	err := pass(func(r phone.Request) error {
		doc, err := act.do(ctx, r)
		if err == nil {
			done[r.Number] = phone.Public(doc)
		}
		return err
	})
	return done, err
}

// ofNumber reports whether an error says something of a number, and not of
// storage or of the request.
func ofNumber(err error) bool {
	for _, code := range []problem.Code{
		problem.NotReconcilable, problem.NumberExists, problem.BadIdentifier, problem.NoChangeRequired, problem.InvalidTransition,
		problem.NotSupported, problem.Forbidden,
	} {
		if problem.Is(err, code) {
			return true
		}
	}
	return false
}
