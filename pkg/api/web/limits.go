package web

import (
	"math"
	"time"

	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Rate is a token bucket: Burst requests at once, refilled by PerSecond. A
// negative Burst is no limit.
type Rate struct {
	Burst     int
	PerSecond float64
}

// limiter makes the buckets of a rate; nil for one that limits nothing.
func (r Rate) limiter(now func() time.Time) *auth.Limiter {
	if r.Burst <= 0 {
		return nil
	}
	return &auth.Limiter{Burst: r.Burst, Refill: r.PerSecond, Now: now}
}

// bucketState is the envelope's tokens: the caller's rate limit.
type bucketState struct {
	Consumed   int `json:"consumed"`
	Remaining  int `json:"remaining"`
	retryAfter int // seconds
}

// takeTokens charges the caller before anything costly is done for it, token
// verification included. Peers on the loopback are limited where they log in
// only, and lookups only where a rate for them is set (design section 7).
func (s *Server) takeTokens(c *Call) error {
	limiter, cost, free := s.limiter, 1, s.local(c)
	if c.route != nil && c.route.Traits.has(Lookups) {
		limiter = s.lookups
	}
	if c.route != nil && c.route.Traits.has(Login) {
		cost, free = auth.AuthCost, false
	}
	if limiter == nil || free {
		return nil
	}
	return c.take(limiter, c.Var("account_id"), cost)
}

// local reports whether the caller is on the loopback itself, and not somebody
// whose address a proxy there failed to tell.
func (s *Server) local(c *Call) bool {
	return c.Client.IsLoopback() && (!s.trusted(c.Client) || len(c.Request.Header.Values("X-Forwarded-For")) == 0)
}

// take takes cost tokens out of the bucket of the caller and an account, or
// refuses the call.
func (c *Call) take(limiter *auth.Limiter, accountID string, cost int) error {
	ok, remaining, wait := limiter.TakeFrom(c.Client, accountID, cost)
	c.bucket = bucketState{Consumed: cost, Remaining: remaining}
	if !ok {
		c.bucket = bucketState{Remaining: remaining, retryAfter: max(1, int(math.Ceil(wait.Seconds())))}
		return &problem.Error{Code: problem.TooManyRequests}
	}
	return nil
}

// takeGuess charges credentials that are not known to be right: Basic ones as
// much as a login, a token as much as a request. The bucket is the client's
// alone, whatever account or route it names, since it may name any.
func (s *Server) takeGuess(c *Call, proof auth.Credentials) error {
	cost, free := 1, s.local(c)
	if proof.Scheme == "basic" {
		cost, free = auth.AuthCost, false
	}
	if s.limiter == nil || free || proof.Value == "" || s.cfg.Auth.Known(proof) {
		return nil
	}
	return c.take(s.limiter, "", cost)
}
