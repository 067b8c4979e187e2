package main

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/schema"
)

// maxOverrides bounds the schemas of a site's own; Kazoo ships some 800.
const maxOverrides = 5000

// siteSchemas keeps a registry in step with the database system_schemas,
// whose documents add to the embedded schemas or stand in their place.
type siteSchemas struct {
	embedded *schema.Registry
	live     *schema.Live
	db       *couch.DB
	log      *zap.Logger
}

// follow loads the schemas and loads them again after each change, until ctx
// ends. While the database is away the last ones stay in force.
func (s *siteSchemas) follow(ctx context.Context) {
	since, loaded := "", false
	for ctx.Err() == nil {
		at, err := s.wait(ctx, since)
		if err == nil && (at != since || !loaded) {
			err = s.load(ctx)
			loaded = err == nil
		}
		if err == nil {
			since = at
			continue
		}
		if ctx.Err() == nil {
			s.log.Warn("the site's own schemas cannot be read", zap.Error(err))
		}
		select {
		case <-ctx.Done():
		case <-time.After(lastRetry):
		}
	}
}

// wait returns where the change feed stands: at once at the beginning, and
// after a change or a silence from then on.
func (s *siteSchemas) wait(ctx context.Context, since string) (string, error) {
	if since == "" {
		return s.db.UpdateSeq(ctx)
	}
	page, err := s.db.Changes(ctx, couch.ChangesOptions{Since: since, Longpoll: true})
	if err != nil || len(page.Changes) == 0 {
		return since, err
	}
	return page.LastSeq, nil
}

// load puts the site's schemas in force. A broken one is logged, and the one
// it would replace stays.
func (s *siteSchemas) load(ctx context.Context) error {
	overrides := map[string]document.Doc{}
	for row, err := range s.db.AllDocs(ctx, couch.Query{IncludeDocs: true, Limit: maxOverrides}) {
		if err != nil {
			return err
		}
		var doc document.Doc
		if strings.HasPrefix(row.ID, "_design/") {
			continue
		}
		if err := json.Unmarshal(row.Doc, &doc); err != nil {
			return err
		}
		overrides[row.ID] = doc
	}
	registry, warnings := s.embedded.With(overrides)
	for _, w := range warnings {
		s.log.Warn("a schema of the site's own does not count", zap.Any("schema", w.Members["schema"]), zap.String("reason", w.Message))
	}
	s.live.Replace(registry)
	return nil
}
