package auth

import (
	"context"
	"encoding/hex"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// revokedPrefix begins the ids of revocations in system_auth; after it comes
// the token's SHA-256, from which the token cannot be found.
const revokedPrefix = "callflowd-revoked-"

func revocationID(key digest) string { return revokedPrefix + hex.EncodeToString(key[:]) }

// Revoke makes the token that an identity came with void, here at once and in
// every other process within seconds, and all other tokens of its session: the
// renewed ones as soon, the first one within seconds. An opaque token's
// document goes too. Basic credentials cannot be revoked, and nothing happens.
func (s *Service) Revoke(ctx context.Context, id Identity) error {
	s.init()
	if id.token == (digest{}) || id.Method == methodBasic {
		return nil
	}
	for key, expires := range id.revocations() {
		doc := document.Doc{
			"_id": revocationID(key), "pvt_type": "callflowd_revocation", "exp": expires,
			"pvt_account_id": id.AccountID, "pvt_created": document.GregorianNumber(s.Now()),
		}
		if err := s.db().Put(ctx, doc); err != nil && !problem.Is(err, problem.Conflict) {
			return err
		}
		s.revoke(key, expires)
	}
	if id.opaque == nil {
		return nil
	}
	opaque, err := s.Couch.DB("token_auth").Get(ctx, *id.opaque)
	if err == nil {
		_, err = s.Couch.DB("token_auth").Delete(ctx, *id.opaque, opaque.Rev())
	}
	if problem.Is(err, problem.BadIdentifier) || problem.Is(err, problem.Conflict) {
		return nil
	}
	return err
}

// revocations are what has to be revoked to end an identity's token and its
// session, and until when.
func (id Identity) revocations() map[digest]int64 {
	out := map[digest]int64{id.token: id.Expires.Unix()}
	if id.session.id != "" {
		out[id.session.key()] = id.session.ends().Unix()
	}
	return out
}

// checkSession refuses a token whose session was revoked.
func (s *Service) checkSession(ctx context.Context, id Identity) error {
	if id.session.id == "" {
		return nil
	}
	return s.checkRevoked(ctx, id.session.key())
}

// sessionHeld is checkSession by memory alone, for a token that memory knows. It
// looks at renewed tokens only. The first token of a session is most often
// revoked itself; if another one was, the first is refused when it is looked up
// again.
func (s *Service) sessionHeld(id Identity) error {
	if !id.renewed {
		return nil
	}
	return s.notRevoked(id.session.key())
}

func (s *Service) revoke(key digest, expires int64) {
	s.revoked.Store(key, expires)
	s.tokens.Delete(key)
}

// checkRevoked looks in memory and, while there is no change feed that updates
// it, in the database. If the database cannot be read, memory alone decides.
func (s *Service) checkRevoked(ctx context.Context, key digest) error {
	if err := s.notRevoked(key); err != nil || s.following.Load() {
		return err
	}
	doc, err := couch.Ask(ctx, &s.first, firstCheckLimit, func(ctx context.Context) (document.Doc, error) {
		return s.db().Get(ctx, revocationID(key))
	})
	if err == nil {
		s.noteRevocation(doc)
		return tokenRejected("the token was revoked", nil)
	}
	return nil
}

// notRevoked looks in memory.
func (s *Service) notRevoked(key digest) error {
	if _, gone := s.revoked.Load(key); gone {
		s.tokens.Delete(key)
		return tokenRejected("the token was revoked", nil)
	}
	return nil
}

// noteRevocation takes a revocation document into memory.
func (s *Service) noteRevocation(doc document.Doc) {
	raw, err := hex.DecodeString(strings.TrimPrefix(doc.ID(), revokedPrefix))
	if err != nil || len(raw) != len(digest{}) {
		return
	}
	expires, _ := doc.Seconds("exp")
	if expires > s.Now().Unix() {
		s.revoke(digest(raw), expires)
	}
}

func (s *Service) loadRevocations(ctx context.Context) error {
	q := couch.Query{StartKey: revokedPrefix, EndKey: revokedPrefix + "\ufff0", IncludeDocs: true}
	for row, err := range s.db().AllDocs(ctx, q) {
		if err != nil {
			return err
		}
		if doc, err := row.Document(); err == nil && doc != nil {
			s.noteRevocation(doc)
		}
	}
	return nil
}

// Purge removes revocations of tokens that have expired, from the database
// and from memory, and keys whose tokens have all expired. Call it now and then.
func (s *Service) Purge(ctx context.Context) error {
	s.init()
	now := s.Now().Unix()
	s.revoked.Range(func(key, expires any) bool {
		if expires.(int64) <= now {
			s.revoked.Delete(key)
		}
		return true
	})
	var old []document.Doc
	q := couch.Query{StartKey: revokedPrefix, EndKey: revokedPrefix + "\ufff0", IncludeDocs: true, Limit: 10_000}
	for row, err := range s.db().AllDocs(ctx, q) {
		if err != nil {
			return err
		}
		doc, err := row.Document()
		if err != nil || doc == nil {
			continue
		}
		if expires, _ := doc.Seconds("exp"); expires <= now {
			old = append(old, document.Doc{"_id": doc.ID(), "_rev": doc.Rev(), "_deleted": true})
		}
	}
	if _, err := s.db().Bulk(ctx, old); err != nil {
		return err
	}
	return s.purgeKeys(ctx)
}

// longpoll is how long the change feed is silent at most before it is asked
// again, so that a dead connection is noticed soon.
const longpoll = 5 * time.Second

// Follow keeps keys and revocations current by the change feed of system_auth
// until ctx is done. Without it each token is looked up every two seconds.
func (s *Service) Follow(ctx context.Context) {
	s.init()
	defer s.following.Store(false)
	feed := couch.Follower{
		DB: s.db(), IncludeDocs: true, Longpoll: longpoll,
		Take: s.takeChanges,
		Begin: func(ctx context.Context) error {
			s.kazoo.forgetKeys()
			return s.Start(ctx)
		},
		Current: func(time.Time) { s.following.Store(true) },
		Lost: func(err error) {
			s.following.Store(false)
			s.Log.Warn("the change feed of keys and revocations is lost", zap.Error(err))
		},
	}
	feed.Run(ctx)
}

// takeChanges takes keys and revocations from the change feed.
func (s *Service) takeChanges(ctx context.Context, page couch.ChangesPage) error {
	for _, change := range page.Changes {
		doc, err := (couch.Row{Doc: change.Doc}).Document()
		if err != nil {
			continue
		}
		switch {
		case kidForm.MatchString(change.ID):
			s.kazoo.forget(change.ID)
		case strings.HasPrefix(change.ID, keyPrefix) && (change.Deleted || doc != nil):
			if change.Deleted {
				doc = nil
			}
			if err := s.keyChanged(ctx, change.ID, doc); err != nil {
				return err
			}
		case strings.HasPrefix(change.ID, revokedPrefix) && doc != nil:
			s.noteRevocation(doc)
		}
	}
	return nil
}
