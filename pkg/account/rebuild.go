package account

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/problem"
)

// rebuild puts copies of accounts back that the database of copies has lost,
// from the accounts' own databases, which hold the definition. An account that
// is being created is left to whoever creates it, and a deleted one needs no
// copy. It returns how many came back, and goes on where a database cannot be
// read.
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
	rebuilt, failed := 0, error(nil)
	for _, id := range ids {
		if there[id] != "" || there[intentPrefix+id] != "" {
			continue
		}
		own, err := s.Couch.Account(id).Get(ctx, id)
		if ignore(err, problem.BadIdentifier, problem.MissingDatabase) != nil {
			s.Log.Error("an account's copy cannot be put back", zap.String("account", id), zap.Error(err))
			failed = errors.Join(failed, err)
			continue
		}
		if !isLive(own) {
			continue
		}
		if err := s.mirror(ctx, id); err != nil {
			return rebuilt, errors.Join(failed, err)
		}
		rebuilt++
		s.Log.Warn("an account's copy was lost and is put back", zap.String("account", id))
	}
	return rebuilt, failed
}
