package callflow

import (
	"context"

	"github.com/callflowd/callflowd/pkg/number"
)

// DialPlan returns an account's own dial plan, without the keys that do not
// compile; saving a callflow reports those.
func (s *Service) DialPlan(ctx context.Context, accountID string) (number.DialPlan, error) {
	plan, _, err := s.dialPlan(ctx, accountID)
	return plan, err
}
