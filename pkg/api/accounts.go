package api

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/callflow"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

func (c *call) accountActor() account.Actor {
	return account.Actor{AccountID: c.identity.AccountID, UserID: c.identity.UserID, RequestID: c.requestID}
}

// accountAnswer shows an account, its API key only on request, and never to a
// user who is no administrator.
func accountAnswer(c *call, doc document.Doc) *answer {
	withKey := c.flag("include_api_key", false) && c.identity.Administer() == nil
	return &answer{data: account.Public(doc, withKey), revision: doc.Rev()}
}

// accountData is the account in a request. The rules of a dial plan are tried
// in the order they are written in, so the plan keeps its text (contract 4.1).
func (c *call) accountData() (document.Doc, error) {
	data, err := c.object()
	if err != nil || data.Object("dial_plan") == nil {
		return data, err
	}
	var body struct { // encoding/json finds Data and DATA too
		Data struct {
			DialPlan json.RawMessage `json:"dial_plan"`
		} `json:"data"`
	}
	if err := json.Unmarshal(c.raw, &body); err != nil {
		return nil, syntaxProblem(err)
	}
	data = maps.Clone(data)
	data["dial_plan"] = body.Data.DialPlan
	return data, nil
}

// createAccount serves PUT /v2/accounts, below the caller's account, and PUT
// /v2/accounts/{PARENT}.
func (s *Server) createAccount(c *call) (*answer, error) {
	data, err := c.accountData()
	if err != nil {
		return nil, err
	}
	if err := conditionOf(c.r.Header).checkCreate(""); err != nil {
		return nil, err
	}
	parent := c.account()
	if parent == "" {
		parent = c.identity.AccountID
	}
	doc, err := s.cfg.Accounts.Create(c.ctx(), parent, data, c.accountActor())
	if err != nil {
		return nil, err
	}
	a := accountAnswer(c, doc)
	a.status, a.location = http.StatusCreated, "/"+c.version+"/accounts/"+url.PathEscape(doc.ID())
	return a, nil
}

// getAccount serves GET /v2/accounts/{A}.
func (s *Server) getAccount(c *call) (*answer, error) {
	doc, err := s.cfg.Accounts.Get(c.ctx(), c.account())
	if err != nil {
		return nil, err
	}
	a := accountAnswer(c, doc)
	a.etag = doc.Rev()
	return a, nil
}

func (s *Server) replaceAccount(c *call) (*answer, error) {
	return changeAccount(c, s.cfg.Accounts.Replace)
}

func (s *Server) patchAccount(c *call) (*answer, error) {
	return changeAccount(c, s.cfg.Accounts.Patch)
}

// deleteAccount serves DELETE /v2/accounts/{A}: soft, unless
// should_soft_delete=false, which removes the databases.
func (s *Server) deleteAccount(c *call) (*answer, error) {
	hard := !c.flag("should_soft_delete", true)
	a, err := changeAccount(c, func(ctx context.Context, w account.Write) (document.Doc, error) {
		return s.cfg.Accounts.Delete(ctx, w, hard)
	})
	if err != nil {
		return nil, err
	}
	return deleted(a), nil
}

func changeAccount(c *call, change func(context.Context, account.Write) (document.Doc, error)) (*answer, error) {
	data, err := c.accountData()
	if err != nil {
		return nil, err
	}
	doc, err := change(c.ctx(), account.Write{
		ID: c.account(), Data: data, Check: conditionOf(c.r.Header).check, Actor: c.accountActor(),
	})
	if err != nil {
		return nil, err
	}
	return accountAnswer(c, doc), nil
}

// moveAccount serves POST /v2/accounts/{A}/move (`to`): from above the
// account, to where the caller has authority as well.
func (s *Server) moveAccount(c *call) (*answer, error) {
	to := c.value("to")
	if to == "" {
		return nil, required("to")
	}
	if err := accountID(to); err != nil {
		return nil, err
	}
	if c.identity.AccountID == c.account() && !c.identity.Superduper {
		return nil, &problem.Error{Code: problem.Forbidden, Msg: "an account cannot move itself"}
	}
	if err := s.authorise(c, to); err != nil {
		return nil, err
	}
	doc, err := s.cfg.Accounts.Move(c.ctx(), c.account(), to, c.accountActor())
	if err != nil {
		return nil, err
	}
	return accountAnswer(c, doc), nil
}

// promoteAccount and demoteAccount serve PUT and DELETE
// /v2/accounts/{A}/reseller, for superduper admins alone as in Kazoo.
func (s *Server) promoteAccount(c *call) (*answer, error) { return s.setReseller(c, true) }

func (s *Server) demoteAccount(c *call) (*answer, error) { return s.setReseller(c, false) }

func (s *Server) setReseller(c *call, on bool) (*answer, error) {
	if !c.identity.Superduper {
		return nil, &problem.Error{Code: problem.Forbidden, Msg: "only superduper admins make resellers"}
	}
	doc, err := s.cfg.Accounts.Reseller(c.ctx(), c.account(), on)
	if err != nil {
		return nil, err
	}
	a := accountAnswer(c, doc)
	if on {
		a.status = http.StatusCreated
	}
	return a, nil
}

// getAPIKey serves GET /v2/accounts/{A}/api_key.
func (s *Server) getAPIKey(c *call) (*answer, error) {
	if err := c.identity.Administer(); err != nil {
		return nil, err
	}
	key, err := s.cfg.Accounts.APIKey(c.ctx(), c.account())
	if err != nil {
		return nil, err
	}
	return &answer{data: map[string]any{"api_key": key}}, nil
}

// renewAPIKey serves PUT /v2/accounts/{A}/api_key: the old key is void.
func (s *Server) renewAPIKey(c *call) (*answer, error) {
	if err := c.identity.Administer(); err != nil {
		return nil, err
	}
	key, err := s.cfg.Accounts.RenewAPIKey(c.ctx(), c.account(), c.accountActor())
	if err != nil {
		return nil, err
	}
	return &answer{status: http.StatusCreated, data: map[string]any{"api_key": key}}, nil
}

func (s *Server) listChildren(c *call) (*answer, error) {
	return s.listAccounts(c, s.cfg.Accounts.Children)
}

func (s *Server) listDescendants(c *call) (*answer, error) {
	return s.listAccounts(c, s.cfg.Accounts.Descendants)
}

// listSiblings shows of the accounts beside one those that the caller may
// touch: who else is below its parent is not an account's own business.
func (s *Server) listSiblings(c *call) (*answer, error) {
	return s.listAccounts(c, func(ctx context.Context, id string) ([]account.Item, error) {
		items, err := s.cfg.Accounts.Siblings(ctx, id)
		if c.identity.Superduper {
			return items, err
		}
		return slices.DeleteFunc(items, func(item account.Item) bool {
			above, _ := item["tree"].([]any)
			return item["id"] != c.identity.AccountID && !slices.Contains(above, any(c.identity.AccountID))
		}), err
	})
}

// listAccounts pages through a list of accounts: start_key is an id.
func (s *Server) listAccounts(
	c *call, list func(context.Context, string) ([]account.Item, error),
) (*answer, error) {
	p, err := s.paging(c)
	if err != nil {
		return nil, err
	}
	items, err := list(c.ctx(), c.account())
	if err != nil {
		return nil, err
	}
	start := callflow.DecodeStartKey(p.start)
	if start != "" {
		items = from(items, start)
	}
	next := ""
	if !p.all && len(items) > p.size {
		id, _ := items[p.size]["id"].(string)
		next = startToken(id)
		items = items[:p.size]
	}
	if p.all {
		return &answer{data: items, digest: true}, nil
	}
	return page(items, startToken(start), next), nil
}

// from cuts a list at the item of an id; an id that is gone starts it anew.
func from(items []account.Item, id string) []account.Item {
	for i, item := range items {
		if item["id"] == id {
			return items[i:]
		}
	}
	return items
}

// listParents and listTree serve GET /v2/accounts/{A}/parents and …/tree.
func (s *Server) listParents(c *call) (*answer, error) {
	return s.listAbove(c, s.cfg.Accounts.Parents)
}

func (s *Server) listTree(c *call) (*answer, error) { return s.listAbove(c, s.cfg.Accounts.Tree) }

// listAbove shows the accounts above one, from the caller's own down: who is
// above the caller is not its business.
func (s *Server) listAbove(c *call, list func(context.Context, string) ([]account.Item, error)) (*answer, error) {
	items, err := list(c.ctx(), c.account())
	if err != nil {
		return nil, err
	}
	for len(items) > 0 && !c.identity.Superduper && items[0]["id"] != c.identity.AccountID {
		items = items[1:]
	}
	return page(items, "", ""), nil
}

// accountMetaflows are those of the account itself.
type accountMetaflows struct{}

func (accountMetaflows) read(s *Server, c *call) (document.Doc, error) {
	return s.cfg.Accounts.Get(c.ctx(), c.account())
}

func (accountMetaflows) write(s *Server, c *call, doc document.Doc) (document.Doc, error) {
	return s.cfg.Accounts.Replace(c.ctx(), account.Write{
		ID: c.account(), Data: doc, Check: c.unmoved, Actor: c.accountActor(),
	})
}
