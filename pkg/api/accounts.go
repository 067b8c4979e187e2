package api

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/callflow"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/save"
)

// accountAnswer shows an account, its API key only on request, and never to a
// user who is no administrator.
func accountAnswer(c *web.Call, doc document.Doc) *web.Answer {
	withKey := c.KazooFlag("include_api_key", false) && c.Identity.Administer() == nil
	return &web.Answer{Data: account.Public(doc, withKey), Revision: doc.Rev()}
}

// accountData is the account in a request. The rules of a dial plan are tried
// in the order they are written in, so the plan keeps its text (contract 4.1).
func accountData(c *web.Call) (document.Doc, error) {
	data, err := c.Object()
	if err != nil || data.Object("dial_plan") == nil {
		return data, err
	}
	var body struct { // encoding/json finds Data and DATA too
		Data struct {
			DialPlan json.RawMessage `json:"dial_plan"`
		} `json:"data"`
	}
	if err := json.Unmarshal(c.Raw, &body); err != nil {
		return nil, err // cannot be: the body was decoded before
	}
	data = maps.Clone(data)
	data["dial_plan"] = body.Data.DialPlan
	return data, nil
}

// createAccount serves PUT /v2/accounts, below the caller's account, and PUT
// /v2/accounts/{PARENT}.
func (s *Server) createAccount(c *web.Call) (*web.Answer, error) {
	data, err := accountData(c)
	if err != nil {
		return nil, err
	}
	if err := c.CheckCreate(""); err != nil {
		return nil, err
	}
	parent := c.Account()
	if parent == "" {
		parent = c.Identity.AccountID
	}
	doc, err := s.cfg.Accounts.Create(c.Context(), parent, data, c.Actor())
	if err != nil {
		return nil, err
	}
	a := accountAnswer(c, doc)
	a.Status, a.Location = http.StatusCreated, "/"+c.Version+"/accounts/"+url.PathEscape(doc.ID())
	return a, nil
}

// getAccount serves GET /v2/accounts/{A}.
func (s *Server) getAccount(c *web.Call) (*web.Answer, error) {
	doc, err := s.cfg.Accounts.Get(c.Context(), c.Account())
	if err != nil {
		return nil, err
	}
	a := accountAnswer(c, doc)
	a.ETag = doc.Rev()
	return a, nil
}

func (s *Server) replaceAccount(c *web.Call) (*web.Answer, error) {
	return changeAccount(c, s.cfg.Accounts.Replace)
}

func (s *Server) patchAccount(c *web.Call) (*web.Answer, error) {
	return changeAccount(c, s.cfg.Accounts.Patch)
}

// deleteAccount serves DELETE /v2/accounts/{A}: soft, unless
// should_soft_delete=false, which removes the databases.
func (s *Server) deleteAccount(c *web.Call) (*web.Answer, error) {
	if err := c.Identity.Administer(); err != nil {
		return nil, err
	}
	hard := !c.KazooFlag("should_soft_delete", true)
	a, err := changeAccount(c, func(ctx context.Context, w save.Write) (save.Saved, error) {
		doc, err := s.cfg.Accounts.Delete(ctx, w, hard)
		return save.Saved{Doc: doc}, err
	})
	if err != nil {
		return nil, err
	}
	return deleted(a), nil
}

func changeAccount(c *web.Call, change func(context.Context, save.Write) (save.Saved, error)) (*web.Answer, error) {
	data, err := accountData(c)
	if err != nil {
		return nil, err
	}
	result, err := change(c.Context(), save.Write{
		ID: c.Account(), Data: data, Check: c.Check, Actor: c.Actor(),
	})
	if err != nil {
		return nil, err
	}
	return accountAnswer(c, result.Doc).Warn(result.Warnings), nil
}

// moveAccount serves POST /v2/accounts/{A}/move (`to`). The caller must be
// above the account, and may touch the new parent.
func (s *Server) moveAccount(c *web.Call) (*web.Answer, error) {
	to := c.Value("to")
	if to == "" {
		return nil, web.Required("to")
	}
	if err := web.CheckAccountID(to); err != nil {
		return nil, err
	}
	if c.Identity.AccountID == c.Account() && !c.Identity.Superduper {
		return nil, &problem.Error{Code: problem.Forbidden, Msg: "an account cannot move itself"}
	}
	if err := c.Identity.Administer(); err != nil {
		return nil, err
	}
	if err := s.web.Authorise(c, to); err != nil {
		return nil, err
	}
	doc, err := s.cfg.Accounts.Move(c.Context(), c.Account(), to, c.Actor())
	if err != nil {
		return nil, err
	}
	return accountAnswer(c, doc), nil
}

// promoteAccount and demoteAccount serve PUT and DELETE
// /v2/accounts/{A}/reseller, for superduper admins alone as in Kazoo.
func (s *Server) promoteAccount(c *web.Call) (*web.Answer, error) { return s.setReseller(c, true) }

func (s *Server) demoteAccount(c *web.Call) (*web.Answer, error) { return s.setReseller(c, false) }

func (s *Server) setReseller(c *web.Call, on bool) (*web.Answer, error) {
	if !c.Identity.Superduper {
		return nil, &problem.Error{Code: problem.Forbidden, Msg: "only superduper admins make resellers"}
	}
	if err := c.Identity.Administer(); err != nil {
		return nil, err
	}
	doc, err := s.cfg.Accounts.Reseller(c.Context(), c.Account(), on)
	if err != nil {
		return nil, err
	}
	a := accountAnswer(c, doc)
	if on {
		a.Status = http.StatusCreated
	}
	return a, nil
}

// getAPIKey serves GET /v2/accounts/{A}/api_key.
func (s *Server) getAPIKey(c *web.Call) (*web.Answer, error) {
	if err := c.Identity.Administer(); err != nil {
		return nil, err
	}
	key, err := s.cfg.Accounts.APIKey(c.Context(), c.Account())
	if err != nil {
		return nil, err
	}
	return &web.Answer{Data: map[string]any{"api_key": key}}, nil
}

// renewAPIKey serves PUT /v2/accounts/{A}/api_key: the old key is void.
func (s *Server) renewAPIKey(c *web.Call) (*web.Answer, error) {
	if err := c.Identity.Administer(); err != nil {
		return nil, err
	}
	key, err := s.cfg.Accounts.RenewAPIKey(c.Context(), c.Account(), c.Actor())
	if err != nil {
		return nil, err
	}
	return &web.Answer{Status: http.StatusCreated, Data: map[string]any{"api_key": key}}, nil
}

func (s *Server) listChildren(c *web.Call) (*web.Answer, error) {
	return s.listAccounts(c, s.cfg.Accounts.Children)
}

func (s *Server) listDescendants(c *web.Call) (*web.Answer, error) {
	return s.listAccounts(c, s.cfg.Accounts.Descendants)
}

// listSiblings shows the accounts with the same parent, but only those that
// the caller may touch.
func (s *Server) listSiblings(c *web.Call) (*web.Answer, error) {
	return s.listAccounts(c, func(ctx context.Context, id string) ([]account.Item, error) {
		items, err := s.cfg.Accounts.Siblings(ctx, id)
		if c.Identity.Superduper {
			return items, err
		}
		return slices.DeleteFunc(items, func(item account.Item) bool {
			above, _ := item["tree"].([]any)
			return item["id"] != c.Identity.AccountID && !slices.Contains(above, any(c.Identity.AccountID))
		}), err
	})
}

// listAccounts pages through a list of accounts: start_key is an id.
func (s *Server) listAccounts(
	c *web.Call, list func(context.Context, string) ([]account.Item, error),
) (*web.Answer, error) {
	p, err := s.paging(c)
	if err != nil {
		return nil, err
	}
	items, err := list(c.Context(), c.Account())
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
		return &web.Answer{Data: items, Digest: true}, nil
	}
	return web.Page(items, startToken(start), next), nil
}

// from returns the list from the item with that id on. If the id is gone, it
// returns the whole list.
func from(items []account.Item, id string) []account.Item {
	for i, item := range items {
		if item["id"] == id {
			return items[i:]
		}
	}
	return items
}

// listParents and listTree serve GET /v2/accounts/{A}/parents and …/tree.
func (s *Server) listParents(c *web.Call) (*web.Answer, error) {
	return s.listAbove(c, s.cfg.Accounts.Parents)
}

func (s *Server) listTree(c *web.Call) (*web.Answer, error) {
	return s.listAbove(c, s.cfg.Accounts.Tree)
}

// listAbove shows the accounts above one, beginning with the caller's own.
// What is above the caller is left out.
func (s *Server) listAbove(c *web.Call, list func(context.Context, string) ([]account.Item, error)) (*web.Answer, error) {
	items, err := list(c.Context(), c.Account())
	if err != nil {
		return nil, err
	}
	for len(items) > 0 && !c.Identity.Superduper && items[0]["id"] != c.Identity.AccountID {
		items = items[1:]
	}
	return web.Page(items, "", ""), nil
}

// accountMetaflows are those of the account itself.
type accountMetaflows struct{ s *Server }

func (m accountMetaflows) read(c *web.Call) (document.Doc, error) {
	return m.s.cfg.Accounts.Get(c.Context(), c.Account())
}

func (m accountMetaflows) write(c *web.Call, doc document.Doc, read string) (document.Doc, error) {
	saved, err := m.s.cfg.Accounts.Replace(c.Context(), save.Write{
		ID: c.Account(), Data: doc, Check: unmoved(read), Actor: c.Actor(),
	})
	return saved.Doc, err
}
