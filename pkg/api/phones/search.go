package phones

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/phone"
	"github.com/callflowd/callflowd/pkg/problem"
)

// system is where numbers are searched for without an account.
const system = "/phone_numbers"

// searchRows find numbers that could be taken. They are the same for everybody,
// with an account in the path and without.
func (a *API) searchRows() []web.Row {
	rows := []web.Row{{
		Method: http.MethodGet, Path: system, Handle: a.search, Access: web.SignedIn, Query: searchQuery(),
		Summary: "Numbers that are available here; no carrier is asked for more", Data: "NumbersFound",
	}}
	for _, path := range []string{system, all} {
		access := web.SignedIn
		if path == all {
			access = web.OfAccount
		}
		rows = append(rows, web.Row{
			Method: http.MethodPost, Path: path + "/check", Handle: a.check, Access: access, Traits: web.Reads,
			Summary: "Which numbers could be taken now", Body: "NumberCollection", Data: "NumbersChecked",
		}, web.Row{
			Method: http.MethodGet, Path: path + "/prefix", Handle: needsProvider, Access: access,
			Summary: "Area codes of a city: 501, since no number provider is asked", Data: "Empty",
		}, web.Row{
			Method: http.MethodPost, Path: path + "/locality", Handle: needsProvider, Access: access, Traits: web.Reads,
			Summary: "Where numbers are: 501, since no number provider is asked", Body: "NumberCollection", Data: "Empty",
		})
	}
	return rows
}

func searchQuery() []string { return []string{"prefix", "quantity", "offset", "country"} }

// needsProvider answers what Kazoo asks a directory on the web for.
func needsProvider(*web.Call) (*web.Answer, error) {
	return nil, phone.NotSupported("to know where a number is takes a number provider, and callflowd asks none")
}

// search serves GET …/phone_numbers?prefix=.
func (a *API) search(c *web.Call) (*web.Answer, error) {
	prefix, err := prefixOf(c)
	if err != nil {
		return nil, err
	}
	quantity, err := whole(c, "quantity", 1, a.Most)
	if err != nil {
		return nil, err
	}
	offset, err := whole(c, "offset", 0, 0)
	if err != nil {
		return nil, err
	}
	if c.Value("blocks") != "" {
		return nil, phone.NotSupported("blocks of numbers are a carrier's, and callflowd asks none")
	}
	found, err := a.Phones.Search(c.Context(), prefix, quantity, offset)
	if err != nil {
		return nil, err
	}
	return &web.Answer{Data: found, Digest: true}, nil
}

// prefixOf is the beginning that numbers are to have, as they are stored: one
// without + is of the country, which can only be of the plan of North America.
func prefixOf(c *web.Call) (string, error) {
	prefix, country := strings.TrimSpace(c.Value("prefix")), strings.ToUpper(c.Value("country"))
	digits := strings.TrimPrefix(prefix, "+")
	switch {
	case prefix == "":
		return "", web.Required("prefix")
	case len(prefix) > 16 || strings.Trim(digits, "0123456789") != "" || digits == "":
		return "", badQuery("prefix", "pattern", "the beginning of a number, in digits, perhaps with a + in front", `^\+?[0-9]{1,15}$`, prefix)
	case country != "" && country != "US" && country != "CA" && prefix == digits:
		return "", badQuery("country", "enum", "only the prefixes of these countries are known: of another one begin with + and its code", []string{"US", "CA"}, country)
	case prefix != digits:
		return prefix, nil
	}
	return "+1" + digits, nil
}

// whole reads a count of the query, at least least, which is also what a missing
// one is. What is beyond most is cut off; 0 is no limit.
func whole(c *web.Call, name string, least, most int) (int, error) {
	text := c.Value(name)
	if text == "" {
		return least, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least {
		return 0, badQuery(name, "type", "must be an integer, at least "+strconv.Itoa(least), "integer", text)
	}
	if most > 0 {
		n = min(n, most)
	}
	return n, nil
}

func badQuery(name, code, message string, target any, value string) error {
	return problem.Validation([]problem.Violation{{
		Path: name, Code: code, Message: message, Members: map[string]any{"target": target, "value": web.Clip(value)},
	}})
}

// check serves POST …/phone_numbers/check, in the words of Kazoo's carriers.
func (a *API) check(c *web.Call) (*web.Answer, error) {
	data, err := c.Object()
	if err != nil {
		return nil, err
	}
	numbers, err := a.numbersIn(data)
	if err != nil {
		return nil, err
	}
	available, err := a.Phones.Available(c.Context(), numbers)
	if err != nil {
		return nil, err
	}
	words := map[string]string{}
	for n, yes := range available {
		words[n] = "error"
		if yes {
			words[n] = "success"
		}
	}
	return &web.Answer{Data: words}, nil
}

func (a *API) port(*web.Call) action { return action{do: a.Phones.Port} }
