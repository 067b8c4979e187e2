package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Accounts are the commands about accounts.
type Accounts struct {
	List   AccountsList   `cmd:"" help:"List the accounts below this one."`
	Tree   AccountsTree   `cmd:"" help:"Show which account is below which."`
	Create AccountsCreate `cmd:"" help:"Create an account below this one."`
}

// AccountsList lists accounts.
type AccountsList struct{ Common }

// item is an account in a listing.
type item struct {
	ID    string   `json:"id"`
	Name  string   `json:"name"`
	Realm string   `json:"realm"`
	Tree  []string `json:"tree"`
}

// below reads the accounts below the command's, as sent and decoded.
func below(ctx context.Context, c *client) (json.RawMessage, []item, error) {
	path, err := c.inAccount(ctx, "descendants")
	if err != nil {
		return nil, nil, err
	}
	got, err := c.call(ctx, http.MethodGet, path+"?paginate=false", nil)
	if err != nil {
		return nil, nil, err
	}
	var items []item
	err = decode(got.Data, &items)
	return got.Data, items, err
}

// Run lists them by name.
func (l *AccountsList) Run(ctx context.Context, e *Env) error {
	c, err := l.connect(e)
	if err != nil {
		return err
	}
	raw, items, err := below(ctx, c)
	if err != nil {
		return err
	}
	return l.emit(e, raw, func() error {
		t := newTable("ID", "NAME", "REALM")
		for _, i := range items {
			t.add(i.ID, i.Name, i.Realm)
		}
		return t.print(e)
	})
}

// AccountsTree shows the tree.
type AccountsTree struct{ Common }

// Run shows it.
func (a *AccountsTree) Run(ctx context.Context, e *Env) error {
	c, err := a.connect(e)
	if err != nil {
		return err
	}
	raw, items, err := below(ctx, c)
	if err != nil {
		return err
	}
	path, err := c.inAccount(ctx)
	if err != nil {
		return err
	}
	got, err := c.call(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	var top item
	if err := decode(got.Data, &top); err != nil {
		return err
	}
	return a.emit(e, raw, func() error {
		_, err := fmt.Fprint(e.Stdout, drawTree(top, items))
		return err
	})
}

// drawTree draws accounts below top. An account's tree lists those above it,
// the nearest last.
func drawTree(top item, items []item) string {
	children := map[string][]item{}
	for _, i := range items {
		parent := top.ID
		if n := len(i.Tree); n > 0 {
			parent = i.Tree[n-1]
		}
		children[parent] = append(children[parent], i)
	}
	var b strings.Builder
	seen := map[string]bool{}
	var draw func(i item, first, rest string)
	draw = func(i item, first, rest string) {
		if seen[i.ID] {
			return // a tree that contradicts itself
		}
		seen[i.ID] = true
		fmt.Fprintf(&b, "%s%s  %s\n", first, oneLine(i.Name), i.ID)
		list := children[i.ID]
		slices.SortStableFunc(list, func(a, b item) int { return strings.Compare(a.Name, b.Name) })
		for n, child := range list {
			if n == len(list)-1 {
				draw(child, rest+"└─ ", rest+"   ")
				continue
			}
			draw(child, rest+"├─ ", rest+"│  ")
		}
	}
	draw(top, "", "")
	return b.String()
}

// AccountsCreate creates an account.
type AccountsCreate struct {
	Common
	Name  string `arg:"" help:"Its name."`
	Realm string `typed:"" placeholder:"REALM" help:"Its SIP realm; by default the server makes one."`
}

// Run creates it.
func (a *AccountsCreate) Run(ctx context.Context, e *Env) error {
	c, err := a.connect(e)
	if err != nil {
		return err
	}
	path, err := c.inAccount(ctx)
	if err != nil {
		return err
	}
	data := map[string]any{"name": a.Name}
	if a.Realm != "" {
		data["realm"] = a.Realm
	}
	got, err := c.call(ctx, http.MethodPut, path, data)
	if err != nil {
		return err
	}
	var made item
	if err := decode(got.Data, &made); err != nil {
		return err
	}
	return a.emit(e, got.Data, func() error {
		t := newTable("ID", "NAME", "REALM")
		t.add(made.ID, made.Name, made.Realm)
		return t.print(e)
	})
}
