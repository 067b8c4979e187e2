// Package auth says who a request comes from and which accounts they may
// touch. Credentials become an [Identity] in [Service.Authenticate];
// [Service.Authorize] is the one place that decides on access.
//
// Tokens are JSON Web Tokens with the claims Kazoo's have (contract 1.3),
// signed with keys that lie in the database system_auth, so that every
// process accepts what another issued. Revocations lie beside them and reach
// every process by the change feed. No token, key, password or hash is ever
// part of an error.
//
// Errors are of type *[problem.Error].
package auth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/lru"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Service authenticates and authorises. Couch and Accounts are required, and
// [Service.Start] comes before everything else.
type Service struct {
	Couch    *couch.Client
	Accounts *account.Service
	Log      *zap.Logger
	Now      func() time.Time
	// TokenLife is how long a token is good; 0 means one hour, Kazoo's default.
	TokenLife time.Duration
	// FailedLoginRound is what the duration of a refused login is rounded up to,
	// so that it does not tell why; 0 means 100 ms.
	FailedLoginRound time.Duration
	// ClusterID is told to clients at login; it may be empty.
	ClusterID string
	// AcceptUnsignedIdentity takes tokens of Kazoo's that lack identity_sig, as
	// Kazoo does: a user's changed secret does not end them.
	AcceptUnsignedIdentity bool
	// AcceptOpaque looks up tokens of any other form in the database token_auth.
	AcceptOpaque bool

	once      sync.Once
	keys      atomic.Pointer[keyring]
	kazoo     kazoo
	reloading sync.Mutex
	tokens    *lru.Map[digest, verified]
	revoked   sync.Map // digest → expiry in Unix seconds
	following atomic.Bool
	again     couch.Gate // for credentials that were good before
	first     couch.Gate // for those whose signature is good
}

// Identity is who a request comes from.
type Identity struct {
	AccountID  string
	UserID     string // "" for an account's own token
	Method     string // how they logged in: cb_user_auth, cb_api_auth, …
	Superduper bool   // of an account that may touch every other
	Plain      bool   // a user that is no administrator of its account
	Expires    time.Time

	home   string  // the token's own account, before the claim as is applied
	token  digest  // what [Service.Revoke] revokes
	opaque *string // the id of an opaque token's document; a pointer is not printed

	session session // what else Revoke ends
	renewed bool    // the token is not the first of its session
}

// String names an identity for the log.
func (id Identity) String() string { return id.AccountID + "/" + id.UserID + " by " + id.Method }

// Credentials are what a request carries.
type Credentials struct {
	// Scheme is "token" (X-Auth-Token, auth_token), "bearer" or "basic";
	// anything else is refused.
	Scheme string
	Value  string // the token, or Basic's base64 text
	// Account is the account that the caller says the token is of
	// (X-Auth-Account-ID); "" if it names none.
	Account string

	sum    digest
	hashed bool
}

// digest is the SHA-256 of a credential, kept in its place in memory and
// documents.
type digest = [sha256.Size]byte

// verified is a credential that was checked before.
type verified struct {
	identity Identity
	checked  time.Time
	ahead    *atomic.Bool // it is being looked up again before it has to be
}

const (
	// tokenCacheSize bounds the verified credentials in memory.
	tokenCacheSize = 50_000
	// recheckAfter is how long a verified credential is not looked up again:
	// whether its user or API key is still the same. A changed password ends
	// its tokens after this time.
	recheckAfter = 5 * time.Second
	// recheckAlone is the same without the change feed, which announces
	// revocations.
	recheckAlone = 2 * time.Second
	// recheckLimit is how long a request waits while a credential that was good
	// before is looked up again; after that it counts as good.
	recheckLimit = 250 * time.Millisecond
	// firstCheckLimit is the same for a new one whose signature is good.
	firstCheckLimit = 3 * time.Second
	// trustFor is how long a verified credential stays good while the
	// database cannot be asked.
	trustFor = 24 * time.Hour
)

func (s *Service) init() {
	s.once.Do(func() {
		s.tokens = lru.New[digest, verified](tokenCacheSize)
		if s.Log == nil {
			s.Log = zap.NewNop()
		}
		if s.Now == nil {
			s.Now = time.Now
		}
		s.again.Server, s.first.Server = s.Couch, s.Couch
		if s.TokenLife <= 0 {
			s.TokenLife = time.Hour
		}
		if s.FailedLoginRound <= 0 {
			s.FailedLoginRound = 100 * time.Millisecond
		}
	})
}

// Start reads the signing keys, making the first one on an empty server, and
// the revocations. It needs the system databases.
func (s *Service) Start(ctx context.Context) error {
	s.init()
	s.reloading.Lock()
	err := s.loadKeys(ctx, true)
	s.reloading.Unlock()
	if err != nil {
		return err
	}
	if !s.Couch.Observes() {
		if err := s.makeSite(ctx); err != nil {
			return err
		}
	}
	return s.loadRevocations(ctx)
}

// Authenticate returns who the credentials are of. Without credentials, or
// with Basic ones that do not fit, the error is [problem.InvalidCredentials];
// a token that is unknown, expired, revoked or forged is
// [problem.TokenRejected]; an account that is disabled or expired, or below
// such a one, is [problem.Locked].
func (s *Service) Authenticate(ctx context.Context, c Credentials) (Identity, error) {
	s.init()
	if c.Value == "" {
		return Identity{}, invalidCredentials("no credentials", nil)
	}
	var identity Identity
	var err error
	switch c.Scheme {
	case "token", "bearer":
		identity, err = s.verify(ctx, c.key(), func(ctx context.Context) (Identity, error) {
			return s.readToken(ctx, c.Value)
		})
	case "basic":
		identity, err = s.verify(ctx, c.key(), func(ctx context.Context) (Identity, error) {
			return s.readBasic(ctx, c.Value)
		})
	default:
		return Identity{}, invalidCredentials("credentials of unknown scheme", nil)
	}
	if err != nil {
		return Identity{}, err
	}
	if c.Account != "" && identity.home != "" && c.Account != identity.home {
		return Identity{}, invalidCredentials("the token is of another account than the caller says", nil)
	}
	own, err := s.Accounts.State(ctx, identity.AccountID)
	if problem.Is(err, problem.BadIdentifier) {
		return Identity{}, tokenRejected("the token's account is gone", nil)
	}
	if err == nil {
		err = s.Accounts.Usable(ctx, own)
	}
	identity.Superduper = own.Superduper
	return identity, err
}

// Known reports whether this process has found these credentials right before.
func (s *Service) Known(c Credentials) bool {
	s.init()
	_, known := s.tokens.Get(c.key())
	return known
}

// Hashed returns the credentials with their hash, so that it is computed once for
// several calls.
func (c Credentials) Hashed() Credentials {
	c.sum, c.hashed = c.key(), true
	return c
}

// key is the hash under which credentials are kept in memory.
func (c Credentials) key() digest {
	if c.hashed {
		return c.sum
	}
	var room [1024]byte // most tokens fit, so that nothing is allocated
	text := room[:0]
	if c.Scheme == "basic" {
		text = append(text, "basic "...)
	}
	return sha256.Sum256(append(text, c.Value...))
}

// verify returns the identity from memory if it is recent enough; else it calls
// read.
func (s *Service) verify(ctx context.Context, key digest, read func(context.Context) (Identity, error)) (Identity, error) {
	held, ok := s.tokens.Get(key)
	now := s.Now()
	if ok && !now.Before(held.identity.Expires) { // Basic credentials are good for longer: read says
		s.tokens.Delete(key)
		ok = false
	}
	recheck := recheckAfter
	if !s.following.Load() {
		recheck = recheckAlone
	}
	if age := now.Sub(held.checked); ok && age < recheck {
		if age >= recheck/2 && held.ahead.CompareAndSwap(false, true) {
			s.checkAhead(ctx, key, read)
		}
		return held.identity, s.sessionHeld(held.identity)
	}
	if !ok || now.Sub(held.checked) >= trustFor {
		return s.check(ctx, key, read)
	}
	identity, err := couch.Ask(ctx, &s.again, recheckLimit, func(ctx context.Context) (Identity, error) { return s.check(ctx, key, read) })
	if unreachable(err) && ctx.Err() == nil {
		return held.identity, cmp.Or(s.notRevoked(key), s.sessionHeld(held.identity))
	}
	return identity, err
}

// checkAhead looks up again, in the background, a credential that is in use. So
// no request waits for that, even where storage hangs.
func (s *Service) checkAhead(ctx context.Context, key digest, read func(context.Context) (Identity, error)) {
	ctx = context.WithoutCancel(ctx)
	go func() {
		_, _ = couch.Ask(ctx, &s.again, recheckLimit, func(ctx context.Context) (Identity, error) { return s.check(ctx, key, read) })
	}()
}

// check calls read and keeps the outcome in memory.
func (s *Service) check(ctx context.Context, key digest, read func(context.Context) (Identity, error)) (Identity, error) {
	now := s.Now()
	err := s.checkRevoked(ctx, key)
	var identity Identity
	if err == nil {
		identity, err = read(ctx)
	}
	if err == nil {
		identity.token = key
		s.tokens.Put(key, verified{identity, now, new(atomic.Bool)})
		err = cmp.Or(s.notRevoked(key), s.sessionHeld(identity)) // while we were reading
	}
	if err != nil {
		if !unreachable(err) {
			s.tokens.Delete(key)
		}
		return Identity{}, err
	}
	return identity, nil
}

// Authorize decides whether a caller may touch an account: its own, one below
// it, or any for a superduper admin (contract 1.4). Otherwise the error is
// [problem.Forbidden]; for an account that does not exist,
// [problem.BadIdentifier]. If two accounts are below each other, as two sites
// that move them at once can leave them, neither may touch the other.
func (s *Service) Authorize(ctx context.Context, id Identity, accountID string) error {
	state, err := s.Accounts.State(ctx, accountID)
	if err != nil {
		return err
	}
	if id.Superduper || id.AccountID != "" && state.ID == id.AccountID {
		return nil
	}
	if id.AccountID != "" && state.Below(id.AccountID) {
		own, err := s.Accounts.State(ctx, id.AccountID)
		if err != nil || !own.Below(accountID) {
			return err
		}
	}
	return &problem.Error{Code: problem.Forbidden, Msg: "account " + id.AccountID + " may not touch " + accountID}
}

// Administer returns an error for users that are not administrators. It guards
// what concerns the whole account (contract 9.26): its API key, which would
// make them administrators, its removal, its parent account, whether it is a
// reseller.
func (id Identity) Administer() error {
	if id.Plain {
		return &problem.Error{Code: problem.Forbidden, Msg: "user " + id.UserID + " is not an administrator"}
	}
	return nil
}

func invalidCredentials(msg string, err error) error {
	return &problem.Error{Code: problem.InvalidCredentials, Msg: msg, Err: err}
}

func tokenRejected(msg string, err error) error {
	return &problem.Error{Code: problem.TokenRejected, Msg: msg, Err: err}
}

func unreachable(err error) bool {
	return problem.Is(err, problem.Unavailable) || problem.Is(err, problem.DatastoreFault) || problem.Is(err, problem.ReadOnly)
}
