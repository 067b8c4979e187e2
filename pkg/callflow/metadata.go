package callflow

import (
	"context"
	"maps"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/route/names"
	"github.com/callflowd/callflowd/pkg/save"
	"github.com/callflowd/callflowd/pkg/schema"
)

// Metadata describes the documents that a callflow's flow refers to, by id:
// {name?, numbers?, pvt_type} (contract 2.3). It is never nil. Ids
// that cannot be read are left out.
func (s *Service) Metadata(ctx context.Context, accountID string, doc document.Doc) map[string]any {
	out := map[string]any{}
	ids := referencedIDs(doc)
	if len(ids) == 0 {
		return out
	}
	found, err := s.names(ctx, accountID, ids)
	if err != nil {
		s.log().Warn("metadata of a callflow", zap.String("callflow", doc.ID()), zap.Error(err))
		return out
	}
	for id, d := range found {
		out[id] = d.Fields
	}
	return out
}

// Names describes documents by id, as [Service.Metadata] does; one that is
// deleted has "deleted". It reports whether they could be read.
func (s *Service) Names(ctx context.Context, accountID string, ids []string) (named map[string]any, ok bool) {
	out := map[string]any{}
	if len(ids) == 0 {
		return out, true
	}
	found, err := s.names(ctx, accountID, ids)
	if err != nil {
		s.log().Warn("names for a picture", zap.String("account", accountID), zap.Error(err))
		return nil, false
	}
	for id, d := range found {
		fields := d.Fields
		if d.Deleted {
			fields = maps.Clone(fields)
			fields["deleted"] = true
		}
		out[id] = fields
	}
	return out, true
}

// names asks the index, which has most names in memory, or the database.
func (s *Service) names(ctx context.Context, accountID string, ids []string) (map[string]names.Description, error) {
	if s.Index != nil {
		return s.Index.Names(ctx, accountID, ids)
	}
	docs, err := s.Couch.Account(accountID).GetMany(ctx, ids)
	found := make(map[string]names.Description, len(docs))
	for id, d := range docs {
		found[id] = names.Describe(d)
	}
	return found, err
}

// referencedIDs lists the ids a flow may refer to, each once: data.id, the
// values of data keys that contain "_id", and branch names of two characters
// or more but "_".
func referencedIDs(doc document.Doc) []string {
	var ids []string
	seen := map[string]bool{}
	add := func(v any) {
		id, ok := v.(string)
		if ok && id != "" && !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	for n := range schema.Walk(doc) {
		if n.Metaflow {
			continue
		}
		for _, k := range slices.Sorted(maps.Keys(n.Data)) {
			if k == "id" || strings.Contains(k, "_id") {
				add(n.Data[k])
			}
		}
		for _, branch := range slices.Sorted(maps.Keys(n.Children)) {
			if branch != "_" && len(branch) >= 2 {
				add(branch)
			}
		}
	}
	return ids
}

// References lists where live documents of the account mention a callflow. A
// missing callflow is [problem.BadIdentifier].
func (s *Service) References(ctx context.Context, accountID, id string) ([]save.Reference, error) {
	if _, err := s.Get(ctx, accountID, id); err != nil {
		return nil, err
	}
	return s.references(ctx, accountID, id)
}

func (s *Service) references(ctx context.Context, accountID, id string) ([]save.Reference, error) {
	if err := s.prepareViews(ctx, accountID); err != nil {
		return nil, err
	}
	return save.References(ctx, s.Couch.Account(accountID), id)
}
