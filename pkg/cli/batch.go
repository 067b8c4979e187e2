package cli

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// batchItem is one change of a batch.
type batchItem struct {
	Op      string         `json:"op"`
	ID      string         `json:"id"`
	Data    map[string]any `json:"data,omitempty"`
	IfMatch string         `json:"if_match,omitempty"` // the revision that is to be changed
}

// batchDone is what became of it.
type batchDone struct {
	ID       string         `json:"id"`
	Status   int            `json:"status"`
	Revision string         `json:"revision"`
	Document map[string]any `json:"document"` // as it would be stored, of a dry run
	Warnings []warning      `json:"warnings"`
}

// perBatch is how many changes are sent at a time.
const perBatch = 250

// batch sends changes, in parts that are each made whole or not at all. With
// dry nothing is saved. The problems of all parts are told together, by the ids
// of documents.
func (c *client) batch(ctx context.Context, items []batchItem, dry bool, done func(n int)) ([]batchDone, error) {
	path, err := c.inAccount(ctx, "callflows", "batch")
	if err != nil {
		return nil, err
	}
	path += "?atomic=true"
	if dry {
		path += "&dry_run=true"
	}
	var out []batchDone
	var wrong *failure
	for start := 0; start < len(items); start += perBatch {
		part := items[start:min(start+perBatch, len(items))]
		got, err := c.call(ctx, http.MethodPost, path, part)
		if failed := refusal(err, part); failed != nil && dry {
			if wrong == nil {
				wrong = &failure{status: failed.status, message: failed.message, data: map[string]any{}}
			}
			for field, rules := range failed.data {
				wrong.data[field] = rules
			}
			done(len(part))
			continue
		} else if failed != nil {
			return out, failed
		}
		if err != nil {
			return out, err
		}
		var list []batchDone
		if err := decode(got.Data, &list); err != nil {
			return out, err
		}
		out = append(out, list...)
		done(len(part))
	}
	if wrong != nil {
		return nil, wrong
	}
	return out, nil
}

// refusal puts ids where the server has places: 3.numbers becomes
// sales.numbers. It is nil for other errors.
func refusal(err error, items []batchItem) *failure {
	failed, ok := err.(*failure) //nolint:errorlint // as call returns it
	if !ok || failed.status != http.StatusBadRequest {
		return nil
	}
	data, status := map[string]any{}, failed.status
	for field, rules := range failed.data {
		list, _ := rules.(map[string]any)
		if list["precondition_failed"] != nil || list["datastore_conflict"] != nil {
			status = http.StatusConflict
		}
		place, rest, _ := strings.Cut(field, ".")
		if n, err := strconv.Atoi(place); err == nil && n < len(items) {
			field = strings.TrimSuffix(items[n].ID+"."+rest, ".")
		}
		data[field] = rules
	}
	return &failure{status: status, message: failed.message, data: data}
}

// counts words how many of each there are, in a fixed order.
func counts(n map[string]int, words ...string) string {
	parts := make([]string, len(words))
	for i, w := range words {
		parts[i] = fmt.Sprintf("%d %s", n[w], w)
	}
	return strings.Join(parts, ", ")
}
