// Package console answers what a web console asks at every login and before it
// edits an account, about parts of Kazoo that callflowd does not have: billing,
// carriers, call records, second factors. The answers have Kazoo's shapes and
// are empty, or zero, or Kazoo's defaults, so that the console goes on.
package console

import (
	"cmp"
	"net/http"
	"time"

	"github.com/callflowd/callflowd/pkg/api/web"
)

// Rows are the answers' part of the API's table of routes. tokenLife is how
// long a login lasts, an hour if it is 0.
func Rows(tokenLife time.Duration) []web.Row {
	const acct = "/accounts/{account_id}"
	row := func(path, data, summary string, answer func(*web.Call) *web.Answer) web.Row {
		return web.Row{
			Method: http.MethodGet, Path: acct + path, Access: web.OfAccount, Summary: summary, Data: data,
			Handle: func(c *web.Call) (*web.Answer, error) { return answer(c), nil },
		}
	}
	return []web.Row{
		row("/limits", "Limits", "How many calls the account may make at once: no trunks are sold here", limits),
		row("/ledgers/total", "LedgerTotal", "What the account owes: nothing", total),
		row("/multi_factor", "MultiFactor", "Second factors of logins: none", multiFactor),
		row("/security", "Security", "How users may log in", security(cmp.Or(tokenLife, time.Hour))),
		row("/apps_store/blacklist", "AppsBlacklist", "Apps that are kept from the account: none", blacklist),
		row("/service_plans", "Items", "Service plans: none", nothing),
		row("/storage", "StorageSettings", "Where else attachments are stored: nowhere", storage),
		row("/entitlements", "Empty", "What the account's licence entitles it to: nothing is licensed here", empty),
		row("/cdrs/interaction", "Items", "Records of calls: none", nothing),
		row("/lists", "Items", "Lists of numbers: none", nothing),
		row("/resources", "Items", "Carriers of the account: none", nothing),
	}
}

// object answers with an object, which stays the same.
func object(data map[string]any) *web.Answer { return &web.Answer{Data: data, Digest: true} }

func nothing(*web.Call) *web.Answer { return web.Page([]any{}, "", "") }

func empty(*web.Call) *web.Answer { return object(map[string]any{}) }

// limits are those of an account whose trunks nobody has set.
func limits(*web.Call) *web.Answer {
	return object(map[string]any{
		"id": "limits", "allow_prepay": true, "inbound_trunks": 0, "outbound_trunks": 0, "twoway_trunks": 0, "burst_trunks": 0,
	})
}

func total(*web.Call) *web.Answer { return object(map[string]any{"amount": 0}) }

func multiFactor(*web.Call) *web.Answer {
	return object(map[string]any{"configured": []any{}, "multi_factor_providers": []any{}})
}

func blacklist(*web.Call) *web.Answer { return object(map[string]any{"blacklist": []any{}}) }

func storage(c *web.Call) *web.Answer {
	return &web.Answer{Data: map[string]any{
		"id": c.Account(), "attachments": map[string]any{}, "connections": map[string]any{}, "plan": map[string]any{},
	}}
}

// security tells which ways to log in there are, and that none asks for a
// second factor.
func security(tokenLife time.Duration) func(*web.Call) *web.Answer {
	modules := map[string]any{}
	for _, name := range []string{"cb_user_auth", "cb_api_auth"} {
		modules[name] = map[string]any{
			"enabled": true, "token_auth_expiry_s": int(tokenLife / time.Second), "log_failed_attempts": true, "log_successful_attempts": true,
			"multi_factor": map[string]any{"enabled": false},
		}
	}
	return func(*web.Call) *web.Answer {
		return object(map[string]any{"account": map[string]any{}, "inherited_config": map[string]any{"auth_modules": modules}})
	}
}
