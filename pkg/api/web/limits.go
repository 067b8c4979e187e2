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
// verification included. Peers on the loopback are not limited, and lookups
// only where a rate for them is set (design section 7).
func (s *Server) takeTokens(c *Call) error {
	limiter, cost := s.limiter, 1
	if c.route != nil && c.route.Traits.has(Lookups) {
		limiter = s.lookups
	}
	if c.route != nil && c.route.Traits.has(Login) {
		cost = auth.AuthCost
	}
	if limiter == nil || c.Client.IsLoopback() {
		return nil
	}
	return c.take(limiter, auth.Bucket(c.Client.String(), c.Var("account_id")), cost)
}

// take takes cost tokens out of a bucket, or refuses the call.
func (c *Call) take(limiter *auth.Limiter, bucket string, cost int) error {
	ok, remaining, wait := limiter.Take(bucket, cost)
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
	if s.limiter == nil || c.Client.IsLoopback() || proof.Value == "" || s.cfg.Auth.Known(proof) {
		return nil
	}
	cost := 1
	if proof.Scheme == "basic" {
		cost = auth.AuthCost
	}
	return c.take(s.limiter, auth.Bucket(c.Client.String(), ""), cost)
}
