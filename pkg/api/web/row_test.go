package web

import (
	"slices"
	"testing"
)

func TestWords(t *testing.T) {
	table := []Row{
		{Path: "/accounts/{account_id}/callflows"},
		{Path: "/accounts/{account_id}/callflows/{callflow_id}"},
		{Path: "/accounts/{account_id}/callflows/{callflow_id}/history/{revision}"},
		{Path: "/accounts/{account_id}/callflows/batch/status"},
		{Path: "/accounts/{account_id}/callflows/validate"},
		{Path: "/accounts/{account_id}/routes/{number}"},
		{Path: "/accounts/{account_id}/routes/impact"},
		{Path: "/search/multi"},
	}
	if got := Words(table); !slices.Equal(got, []string{"batch", "validate"}) {
		t.Errorf("words %v", got)
	}
}
