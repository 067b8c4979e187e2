package replicator

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Filter chooses the documents that are copied. At most one of DocIDs,
// Selector and Function is set.
type Filter struct {
	DocIDs   []string
	Selector json.RawMessage
	Function string // design document/name, of the source
	Params   map[string]string
}

// change is one line of the source's _changes: a document and its leaves.
type change struct {
	ID      string          `json:"id"`
	Seq     json.RawMessage `json:"seq"`
	Changes []struct {
		Rev string `json:"rev"`
	} `json:"changes"`
}

// changesPage is an answer of _changes.
type changesPage struct {
	Results []change        `json:"results"`
	LastSeq json.RawMessage `json:"last_seq"`
	Pending int64           `json:"pending"`
}

// longpoll is how long the source is asked to wait for changes.
const longpoll = 25 * time.Second

// graceOfLongpoll is how much longer the answer may take.
const graceOfLongpoll = 5 * time.Second

// page reads the changes behind since; with wait it waits for some.
func (r *Replication) page(ctx context.Context, since json.RawMessage, wait bool) (page changesPage, err error) {
	query := url.Values{"style": {"all_docs"}, "limit": {strconv.Itoa(r.opts.PageChanges)}, "since": {seqText(since)}}
	limited := ctx
	if wait {
		patience := r.patience()
		query.Set("feed", "longpoll")
		query.Set("timeout", strconv.FormatInt(patience.Milliseconds(), 10))
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, patience+graceOfLongpoll)
		defer cancel()
	}
	page.Pending = -1
	err = r.source.json(limited, r.changesCall(query), r.filterBody(), &page)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return r.page(ctx, since, false) // tells a server that ends no longpoll from one that hangs
	}
	if err == nil && page.LastSeq == nil {
		err = fmt.Errorf("%w: _changes without last_seq", errMalformed)
	}
	return page, err
}

// patience is how long to wait for changes: not long while a checkpoint is
// due.
func (r *Replication) patience() time.Duration {
	if s := r.Stats(); s.Through != s.Checkpointed && !r.opts.NoCheckpoints {
		return min(r.opts.Checkpoint, longpoll)
	}
	return longpoll
}

// changesCall is the request for changes through the filter.
func (r *Replication) changesCall(query url.Values) call {
	c := call{method: http.MethodGet, path: "_changes", query: query}
	for name, value := range r.opts.Params {
		query.Set(name, value)
	}
	switch {
	case r.opts.DocIDs != nil:
		c.method = http.MethodPost
		query.Set("filter", "_doc_ids")
	case r.opts.Selector != nil:
		c.method = http.MethodPost
		query.Set("filter", "_selector")
	case r.opts.Function != "":
		query.Set("filter", r.opts.Function)
	}
	return c
}

func (r *Replication) filterBody() any {
	switch {
	case r.opts.DocIDs != nil:
		return map[string]any{"doc_ids": r.opts.DocIDs}
	case r.opts.Selector != nil:
		return map[string]any{"selector": r.opts.Selector}
	}
	return nil
}

// seqText is a sequence as a query parameter: a string without its quotes, a
// number or an array as it is.
func seqText(seq json.RawMessage) string {
	var text string
	if json.Unmarshal(seq, &text) == nil {
		return text
	}
	if len(seq) == 0 || string(seq) == "null" {
		return "0"
	}
	return string(seq)
}

// identify computes the replication's id from what makes it another one:
// whose it is, both ends and the filter with its code.
func (r *Replication) identify(code string) string {
	ids := slices.Sorted(slices.Values(r.opts.DocIDs))
	var selector bytes.Buffer
	_ = json.Compact(&selector, r.opts.Selector) // "" if there is none
	text, _ := json.Marshal([]any{
		r.opts.Owner, r.source.String(), r.target.String(), ids, selector.String(), code, r.opts.Params,
	})
	sum := md5.Sum(text)
	return hex.EncodeToString(sum[:])
}

// readFilter reads the filter function's code: with another one, the
// checkpoints no longer count.
func (r *Replication) readFilter(ctx context.Context) error {
	if r.opts.Function == "" {
		return nil
	}
	design, name, ok := strings.Cut(r.opts.Function, "/")
	if !ok {
		return fmt.Errorf("%w: a filter must have the form design/name", errMalformed)
	}
	var doc struct {
		Filters map[string]string `json:"filters"`
	}
	if err := r.source.json(ctx, call{method: http.MethodGet, path: docPath("_design/" + design)}, nil, &doc); err != nil {
		return err
	}
	id := r.identify(doc.Filters[name])
	r.mu.Lock()
	defer r.mu.Unlock()
	r.id = id
	return nil
}
