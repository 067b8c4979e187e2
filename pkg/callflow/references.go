package callflow

import (
	"context"

	"github.com/callflowd/callflowd/pkg/save"
)

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
