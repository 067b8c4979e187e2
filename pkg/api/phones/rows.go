// Package phones serves the phone numbers of accounts, in the shapes of
// Kazoo's cb_phone_numbers.
package phones

import (
	"net/http"
	"slices"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/phone"
)

// API serves numbers of a service.
type API struct {
	Phones *phone.Service
	Most   int // numbers in one list or request
}

// all and one are where an account's numbers are.
const (
	all = "/accounts/{account_id}/phone_numbers"
	one = all + "/{number}"
)

// Rows are the numbers' part of the API's table of routes. Words stand before
// numbers.
func (a *API) Rows() []web.Row {
	list := []web.Row{
		{
			Method: http.MethodGet, Path: all, Handle: a.list, Access: web.OfAccount, Query: searchQuery(),
			Summary: "Phone numbers that the account owns or uses; with a prefix, those that are available, in the form of GET /phone_numbers", Data: "PhoneNumbers",
		},
		{
			Method: http.MethodGet, Path: all + "/classifiers", Handle: a.classifiers, Access: web.OfAccount,
			Summary: "Kinds of phone numbers", Data: "Classifiers",
		},
		{
			Method: http.MethodGet, Path: all + "/classifiers/{number}", Handle: a.classify, Access: web.OfAccount,
			Summary: "The kind of a phone number", Data: "Classified",
		},
		{
			Method: http.MethodGet, Path: all + "/carriers_info", Handle: a.carriersInfo, Access: web.OfAccount,
			Summary: "What can be searched for and added: local numbers only", Data: "CarriersInfo",
		},
		{
			Method: http.MethodPost, Path: all + "/fix", Handle: a.fix, Access: web.OfAccount,
			Summary: "Put right what a crash has left of the account's numbers", Data: "PhoneNumbers",
		},
	}
	return slices.Concat(list, a.searchRows(), a.collectionRows(), a.numberRows())
}

// collectionRows change many numbers at once.
func (a *API) collectionRows() []web.Row {
	row := func(method, path, summary string, choose func(*web.Call) action) web.Row {
		return web.Row{
			Method: method, Path: all + path, Handle: a.each(choose, statusOf(method)), Access: web.OfAccount, Summary: summary,
			Body: "NumberCollection", Data: "NumbersDone", Created: method == http.MethodPut,
		}
	}
	drop := row(http.MethodDelete, "/collection", "Release many numbers", a.release)
	drop.Flags = []string{"hard"}
	return []web.Row{
		row(http.MethodPut, "/collection", "Add many numbers", a.create),
		row(http.MethodPost, "/collection", "Replace the fields of many numbers", a.replace),
		row(http.MethodPatch, "/collection", "Change fields of many numbers", a.patch),
		drop,
		row(http.MethodPut, "/collection/activate", "Put many numbers in service", a.activate),
		row(http.MethodPut, "/collection/reserve", "Reserve many numbers", a.reserve),
	}
}

// numberRows read and change one number.
func (a *API) numberRows() []web.Row {
	row := func(method, path, summary, body string, handle web.Handler) web.Row {
		return web.Row{
			Method: method, Path: one + path, Handle: handle, Access: web.OfAccount, Summary: summary,
			Body: body, Data: "PhoneNumber", Created: method == http.MethodPut,
		}
	}
	drop := row(http.MethodDelete, "", "Release a number", "", a.single(a.release, http.StatusOK))
	drop.Flags = []string{"hard"}
	identify := row(http.MethodGet, "/identify", "The account that calls to a number belong to", "", a.identify)
	identify.Data = "NumberOwner"
	return []web.Row{
		row(http.MethodGet, "", "Read a number", "", a.get),
		row(http.MethodPut, "", "Add a number that nobody has", "NewNumber", a.single(a.create, http.StatusCreated)),
		row(http.MethodPost, "", "Replace a number's fields", "NewNumber", a.single(a.replace, http.StatusOK)),
		row(http.MethodPatch, "", "Change fields of a number", "NewNumber", a.single(a.patch, http.StatusOK)),
		drop,
		identify,
		row(http.MethodPut, "/activate", "Put a number in service", "", a.single(a.activate, http.StatusCreated)),
		row(http.MethodPut, "/reserve", "Reserve a number", "", a.single(a.reserve, http.StatusCreated)),
		row(http.MethodPut, "/port", "Add a number that comes from another carrier, which is not asked", "NewNumber", a.single(a.port, http.StatusCreated)),
	}
}

// statusOf is what a good answer to a method has (contract 10.4).
func statusOf(method string) int {
	if method == http.MethodPut {
		return http.StatusCreated
	}
	return http.StatusOK
}
