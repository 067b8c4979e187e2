package account

import (
	"strings"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/save"
)

// shown are the public keys that stand for private ones in answers. Clients
// send them back; they are never stored.
func shown() []string {
	return []string{
		"id", "created", "enabled", "reseller_id", "is_reseller", "billing_mode", "superduper_admin",
		"wnm_allow_additions", "api_key", "notification_preference", "trial_time_left", "descendants_count", "metadata",
	}
}

// publicPart is what counts of what a client sent.
func publicPart(data document.Doc) document.Doc { return save.Public(data, shown()...) }

// Public is an account as clients see it: the public fields and those private
// ones that Kazoo shows (contract 7.1), the API key only when asked for.
func Public(doc document.Doc, includeAPIKey bool) document.Doc {
	out := doc.Public()
	if created, ok := doc["pvt_created"]; ok {
		out["created"] = created
	}
	out["enabled"] = enabled(doc)
	out["superduper_admin"] = document.Truthy(doc["pvt_superduper_admin"])
	out["wnm_allow_additions"] = document.Truthy(doc["pvt_wnm_allow_additions"])
	out["is_reseller"] = document.Truthy(doc["pvt_reseller"])
	out["billing_mode"] = "manual"
	ancestors := tree(doc)
	if id := doc.String("pvt_reseller_id"); id != "" {
		out["reseller_id"] = id
		if len(ancestors) > 0 && ancestors[0] == id || id == doc.ID() {
			out["billing_mode"] = "normal"
		}
	}
	if includeAPIKey {
		out["api_key"] = doc.String("pvt_api_key")
	}
	return out
}

// enabled is Kazoo's reading of pvt_enabled: only false and "false" disable.
func enabled(doc document.Doc) bool {
	switch v := doc["pvt_enabled"].(type) {
	case bool:
		return v
	case string:
		return !strings.EqualFold(v, "false")
	}
	return true
}

// withoutRev returns a copy that can be created in another database: without
// the revision and what else CouchDB keeps beside it.
func withoutRev(doc document.Doc) document.Doc {
	out := make(document.Doc, len(doc))
	for key, value := range doc {
		if key == "_id" || !strings.HasPrefix(key, "_") {
			out[key] = value
		}
	}
	return out
}
