package main

import (
	"context"
	"encoding/json"
	"strings"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/schema"
)

// maxOverrides bounds the schemas of a site's own; Kazoo ships some 800.
const maxOverrides = 5000

// siteSchemas keeps a registry up to date with the database system_schemas, whose
// documents add to the embedded schemas or replace them.
type siteSchemas struct {
	embedded *schema.Registry
	live     *schema.Live
	db       *couch.DB
	log      *zap.Logger
}

// follow loads the schemas and loads them again after each change, until ctx
// ends. While the database is away the last ones are used.
func (s *siteSchemas) follow(ctx context.Context) {
	feed := couch.Follower{
		DB:    s.db,
		Begin: s.load,
		Take:  func(ctx context.Context, _ couch.ChangesPage) error { return s.load(ctx) },
		Lost: func(err error) {
			s.log.Warn("the site's own schemas cannot be read", zap.Error(err))
		},
	}
	feed.Run(ctx)
}

// load reads the site's schemas into the registry. A broken one is logged, and
// the one it would replace stays.
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
		s.log.Warn("a schema of the site is ignored", zap.Any("schema", w.Members["schema"]), zap.String("reason", w.Message))
	}
	s.live.Replace(registry)
	return nil
}
