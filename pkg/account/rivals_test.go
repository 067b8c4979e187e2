package account_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
)

// rivalsOf are two documents of one id that processes made at the same time.
// The second one wins as long as it is not withdrawn.
func rivalsOf(id string, stays, goes document.Doc) []document.Doc {
	for hash, doc := range map[string]document.Doc{"0": stays, "f": goes} {
		doc["_id"], doc["_rev"] = id, "1-"+strings.Repeat(hash, 32)
		doc["pvt_created"] = document.GregorianNumber(time.Now())
	}
	return []document.Doc{stays, goes}
}

// withdrawal is the tombstone of the second one of rivals.
func withdrawal(id string) []document.Doc {
	next := strings.Repeat("e", 32)
	return []document.Doc{{
		"_id": id, "_rev": "2-" + next, "_deleted": true, "pvt_callflowd_withdrawn": true,
		"_revisions": map[string]any{"start": 2, "ids": []any{next, strings.Repeat("f", 32)}},
	}}
}

// While this process starts, two others have proposed a master account and made
// its document, and one of each two is withdrawn after it was first read.
func TestMasterIsWhatStays(t *testing.T) {
	address := couchtest.URL(t)
	others := couchtest.Open(t, address)
	id, stray := account.NewID(), account.NewID()
	config, own := others.DB("system_config"), others.Account(id)
	check(t, others.CreateDB(t.Context(), config.Name()))
	check(t, others.CreateDB(t.Context(), own.Name()))
	proposal := func(id string) document.Doc {
		return document.Doc{"pvt_type": "config", "default": map[string]any{"master_account_id": id}}
	}
	check(t, config.BulkRevisions(t.Context(), rivalsOf("accounts", proposal(id), proposal(stray))))
	master := func(key string) document.Doc {
		return document.Doc{
			"pvt_type": "account", "name": "master", "realm": "master.sip.local", "pvt_tree": []any{},
			"pvt_superduper_admin": true, "pvt_api_key": key, "pvt_signature_secret": key,
		}
	}
	made := rivalsOf(id, master("stays"), master("goes"))
	var proposals, documents atomic.Int32
	cluster := couchtest.Cluster(t, address, func(r *http.Request) {
		switch path := r.URL.Path; {
		case r.Method == http.MethodPut && strings.HasSuffix(path, id): // ours comes late
			check(t, own.BulkRevisions(r.Context(), made))
		case r.Method != http.MethodGet:
		case path == "/system_config/accounts" && proposals.Add(1) == 3:
			check(t, config.BulkRevisions(r.Context(), withdrawal("accounts")))
		case strings.HasSuffix(path, id) && !strings.HasPrefix(path, "/accounts/") && documents.Add(1) == 5:
			check(t, own.BulkRevisions(r.Context(), withdrawal(id)))
		}
	})
	s := &account.Service{Couch: couchtest.Open(t, cluster)}
	got := ensureMaster(t, s)
	if got != (account.Master{ID: id, APIKey: "stays"}) || s.MasterID() != id {
		t.Errorf("%v, want %s", got, id)
	}
	held, err := others.DB("accounts").Get(t.Context(), id)
	if err != nil || held.String("pvt_api_key") != "stays" {
		t.Errorf("the copy is %v, %v", held, err)
	}
	if names, err := others.AllDBs(t.Context()); err != nil || strings.Contains(strings.Join(names, " "), couch.AccountDB(stray)) {
		t.Errorf("databases %q, %v", names, err)
	}
}
