package couch

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
)

// Ancestry returns, for every leaf revision of a document, the revisions it
// descends from, itself first, as far back as the server remembers.
func (d *DB) Ancestry(ctx context.Context, id string) (map[string][]string, error) {
	found, err := d.revisions(ctx, id, url.Values{"open_revs": {"all"}, "revs": {"true"}})
	if err != nil {
		return nil, err
	}
	out := make(map[string][]string, len(found))
	for _, raw := range found {
		var leaf struct {
			Rev       string `json:"_rev"`
			Revisions struct {
				Start int      `json:"start"`
				IDs   []string `json:"ids"`
			} `json:"_revisions"`
		}
		if err := json.Unmarshal(raw, &leaf); err != nil {
			return nil, d.wrap(err, "decode", id)
		}
		path := make([]string, len(leaf.Revisions.IDs))
		for i, hash := range leaf.Revisions.IDs {
			path[i] = strconv.Itoa(leaf.Revisions.Start-i) + "-" + hash
		}
		out[leaf.Rev] = path
	}
	if len(out) == 0 {
		return nil, d.absent(id, "get the ancestry of")
	}
	return out, nil
}
