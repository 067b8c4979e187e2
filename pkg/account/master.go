package account

import (
	"context"
	"errors"
	"math"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/reserve"
)

// Master is the account above all others.
type Master struct {
	ID      string
	APIKey  string
	Created bool // made by this very call: the one to tell the operator
}

// masterTries bounds the attempts to agree on the master account.
const masterTries = 10

// EnsureMaster prepares an empty server and returns its master account,
// making it if there is none. Processes that start at once agree: the id that
// wins in system_config/accounts (where Kazoo keeps it too) decides it, each
// completes the account of that id, and Created is true for exactly one. apiKey,
// if given, becomes the account's key when it is created.
func (s *Service) EnsureMaster(ctx context.Context, apiKey string) (Master, error) {
	s.init()
	if s.Couch.Observes() {
		return s.findMaster(ctx)
	}
	if err := s.EnsureSystem(ctx); err != nil {
		return Master{}, err
	}
	id, err := s.masterID(ctx)
	if err != nil {
		return Master{}, err
	}
	doc, err := s.accounts().Get(ctx, id)
	created := false
	if problem.Is(err, problem.BadIdentifier) { // a new server, or one that lost its copies
		_, failed := s.rebuild(ctx)
		doc, err = s.accounts().Get(ctx, id)
		if err != nil && failed != nil { // the master may be among those that cannot be read
			err = failed
		}
	}
	if problem.Is(err, problem.BadIdentifier) {
		doc, created, err = s.createMaster(ctx, id, apiKey)
	}
	if err != nil {
		return Master{}, err
	}
	s.master.Store(&id)
	return Master{ID: id, APIKey: doc.String("pvt_api_key"), Created: created}, nil
}

// findMaster is the master account of a server that is only observed: the one
// that system_config names, or the oldest without ancestors.
func (s *Service) findMaster(ctx context.Context) (Master, error) {
	config, err := s.Couch.DB("system_config").Get(ctx, accountsDB)
	if ignore(err, problem.BadIdentifier, problem.MissingDatabase) != nil {
		return Master{}, err
	}
	id, _ := config.Object("default")["master_account_id"].(string)
	if id == "" {
		id, err = s.oldestRoot(ctx)
		if ignore(err, problem.BadIdentifier, problem.MissingDatabase, problem.MissingView) != nil {
			return Master{}, err
		}
	}
	if id == "" {
		return Master{}, errors.New("there are no accounts to observe: 'callflowd serve' without --observe makes the first one")
	}
	doc, err := s.accounts().Get(ctx, id)
	if err != nil {
		return Master{}, err
	}
	s.master.Store(&id)
	return Master{ID: id, APIKey: doc.String("pvt_api_key")}, nil
}

// ResetMasterKey gives the master account a new API key. Where there is no
// master account yet the error is [problem.BadIdentifier] or
// [problem.MissingDatabase].
func (s *Service) ResetMasterKey(ctx context.Context) (Master, error) {
	s.init()
	doc, err := s.Couch.DB("system_config").Get(ctx, accountsDB)
	if err != nil {
		return Master{}, err
	}
	id, _ := doc.Object("default")["master_account_id"].(string)
	if !couch.IsAccountID(id) {
		return Master{}, unknown(id)
	}
	key, err := s.RenewAPIKey(ctx, id, Actor{})
	return Master{ID: id, APIKey: key}, err
}

// MasterID returns the master account's id, "" while it is not known.
func (s *Service) MasterID() string {
	if id := s.master.Load(); id != nil {
		return *id
	}
	return ""
}

// masterID reads who is master from system_config, or proposes one. Of several
// proposals one wins; it counts when that is decided, so that all processes go
// on with the same one.
func (s *Service) masterID(ctx context.Context) (string, error) {
	config := s.Couch.DB("system_config")
	for range masterTries {
		doc, err := config.Settled(ctx, accountsDB)
		if ignore(err, problem.BadIdentifier) != nil {
			return "", err
		}
		now := document.GregorianNumber(s.Now())
		if doc == nil {
			doc = document.Doc{"_id": accountsDB, "pvt_type": "config", "pvt_created": now}
		}
		defaults := doc.Object("default")
		if id, _ := defaults["master_account_id"].(string); id != "" {
			return id, nil
		}
		id, err := s.candidate(ctx)
		if err != nil {
			return "", err
		}
		if defaults == nil {
			defaults = map[string]any{}
		}
		defaults["master_account_id"] = id
		doc["default"], doc["pvt_modified"] = defaults, now
		if err := config.Put(ctx, doc); ignore(err, problem.Conflict) != nil {
			return "", err
		}
	}
	return "", &problem.Error{Code: problem.Unavailable, Err: errors.New("no agreement on the master account")}
}

// candidate is the account to be master: if none is known, not even from the
// accounts' own databases, a new id.
func (s *Service) candidate(ctx context.Context) (string, error) {
	best, err := s.oldestRoot(ctx)
	if err != nil || best != "" {
		return best, err
	}
	rebuilt, err := s.rebuild(ctx)
	if err == nil && rebuilt > 0 {
		best, err = s.oldestRoot(ctx)
	}
	if err == nil && best == "" {
		best = NewID()
	}
	return best, err
}

// oldestRoot is the oldest account without ancestors, one that may touch all
// others before one that may not; "" if there is none.
func (s *Service) oldestRoot(ctx context.Context) (string, error) {
	best, bestAge, bestSuper := "", int64(math.MaxInt64), false
	for row, err := range s.accounts().View(ctx, "accounts", "listing_by_simple_id", couch.Query{IncludeDocs: true}) {
		if err != nil {
			return "", err
		}
		doc, err := row.Document()
		if err != nil || doc == nil || len(tree(doc)) > 0 {
			continue
		}
		created, _ := doc.Seconds("pvt_created")
		super := document.Truthy(doc["pvt_superduper_admin"])
		if best == "" || super && !bestSuper || super == bestSuper && created < bestAge {
			best, bestAge, bestSuper = doc.ID(), created, super
		}
	}
	return best, nil
}

// createMaster makes the account of that id, or completes what another
// process began. Whoever writes the document in the account's own database has
// created it: a process that starts at the same time may take the copy for
// lost and write it first.
func (s *Service) createMaster(ctx context.Context, id, apiKey string) (document.Doc, bool, error) {
	if apiKey == "" {
		apiKey = NewAPIKey()
	}
	doc := s.draft(document.Doc{"name": "master", "realm": "master-" + id[:6] + "." + s.RealmSuffix}, document.Doc{})
	doc["_id"] = id
	doc["pvt_tree"] = []any{}
	doc["pvt_api_key"] = apiKey
	doc["pvt_superduper_admin"] = true
	doc["pvt_reseller"] = true
	doc["pvt_reseller_id"] = id
	s.stamp(doc, Actor{})
	stored, err := s.storeMaster(ctx, doc)
	if err != nil {
		return nil, false, err
	}
	var claims []*reserve.Claim
	for _, k := range claimsOf(stored) {
		claims = append(claims, &reserve.Claim{Key: k, Self: id})
	}
	if err := s.names().Take(ctx, claims); err != nil {
		return nil, false, err
	}
	err = s.accounts().Put(ctx, withoutRev(stored))
	if problem.Is(err, problem.Conflict) { // it may have been copied before it was decided
		err = s.mirror(ctx, id)
	}
	return stored, stored.String(secretKey) == doc.String(secretKey), err
}

// storeMaster makes the master account's database and stores the account in it,
// and returns which of several processes' documents won.
func (s *Service) storeMaster(ctx context.Context, doc document.Doc) (document.Doc, error) {
	db := s.Couch.Account(doc.ID())
	if err := s.Couch.CreateDB(ctx, db.Name()); err != nil {
		return nil, err
	}
	if _, err := s.createDB(ctx, doc, nil); ignore(err, problem.BadIdentifier) != nil {
		return nil, err
	}
	return db.Settled(ctx, doc.ID())
}
