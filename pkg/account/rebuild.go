package account

import (
	"context"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/problem"
)

// rebuild puts copies of accounts back that the database of copies has lost,
// from the accounts' own databases, which hold the definition. An account that
// is being created is left to whoever creates it, and a deleted one needs no
// copy. It returns how many came back.
func (s *Service) rebuild(ctx context.Context) (int, error) {
	names, err := s.Couch.AllDBs(ctx)
	if err != nil {
		return 0, err
	}
	var ids, wanted []string
	for _, name := range names {
		if id, month, ok := couch.AccountOf(name); ok && month == "" {
			ids, wanted = append(ids, id), append(wanted, id, intentPrefix+id)
		}
	}
	there, err := s.accounts().Current(ctx, wanted)
	if err != nil {
		return 0, err
	}
	rebuilt := 0
	for _, id := range ids {
		if there[id] != "" || there[intentPrefix+id] != "" {
			continue
		}
		own, err := s.Couch.Account(id).Get(ctx, id)
		if ignore(err, problem.BadIdentifier, problem.MissingDatabase) != nil {
			return rebuilt, err
		}
		if !isLive(own) {
			continue
		}
		if err := s.mirror(ctx, id); err != nil {
			return rebuilt, err
		}
		rebuilt++
		s.Log.Warn("an account's copy was lost and is put back", zap.String("account", id))
	}
	return rebuilt, nil
}
