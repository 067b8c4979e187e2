package auth

import (
	"context"
	"time"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// defaultLanguage is told where neither the user nor the account has one.
const defaultLanguage = "en-us"

// about is what clients want to know of the account and the user of a token,
// at the login and whenever they ask about the token again (contract 1.3,
// 10.10). user is nil for an account's own token. A console reads capabilities
// before it opens the editor of a voicemail box.
func (s *Service) about(state account.State, user, doc document.Doc) map[string]any {
	data := map[string]any{
		"account_id": state.ID, "account_name": state.Name, "apps": []any{}, "language": languageOf(user, doc),
		"is_reseller": state.Reseller, "reseller_id": state.ResellerID, "is_master_account": len(state.Tree) == 0,
		"cluster_id": s.ClusterID, "ui_config": map[string]any{},
		"capabilities": map[string]any{
			"voicemail": map[string]any{"transcription": map[string]any{"available": false, "default": false}},
		},
	}
	if user != nil {
		data["owner_id"] = user.ID()
	}
	return data
}

// languageOf is the user's language, or else the account's.
func languageOf(user, doc document.Doc) string {
	for _, one := range []document.Doc{user, doc} {
		if language := one.String("language"); language != "" {
			return language
		}
	}
	return defaultLanguage
}

// Info describes any token, as POST /v2/auth/tokeninfo answers it.
// It is refused as [Service.Authenticate] refuses it.
func (s *Service) Info(ctx context.Context, token string) (map[string]any, error) {
	identity, err := s.Authenticate(ctx, Credentials{Scheme: "token", Value: token})
	if err != nil {
		return nil, err
	}
	return s.Describe(ctx, identity)
}

// Describe is what answers say of an identity: the data that its login gave,
// the claims of its token, and how many seconds it has left. Of an account
// that is gone they say the claims alone.
func (s *Service) Describe(ctx context.Context, id Identity) (map[string]any, error) {
	state, err := s.Accounts.State(ctx, id.AccountID)
	info := map[string]any{"account_id": id.AccountID}
	if err != nil && !problem.Is(err, problem.BadIdentifier) {
		return nil, err
	}
	if err == nil {
		user, doc, err := s.documentsOf(ctx, id)
		if err != nil {
			return nil, err
		}
		info = s.about(state, user, doc)
	}
	if id.UserID != "" {
		info["owner_id"] = id.UserID
	}
	info["iss"], info["method"], info["exp"] = issuer, id.Method, id.Expires.Unix()
	info["remaining"] = int64(id.Expires.Sub(s.Now()) / time.Second)
	return info, nil
}

// documentsOf reads the documents of an identity's user and account, those
// that are there. While the database is away the rest is known without them.
func (s *Service) documentsOf(ctx context.Context, id Identity) (user, doc document.Doc, err error) {
	var ids []string
	if id.UserID != "" {
		ids = append(ids, id.UserID)
	}
	docs, err := s.Couch.Account(id.AccountID).GetMany(ctx, append(ids, id.AccountID))
	if unreachable(err) || problem.Is(err, problem.MissingDatabase) {
		return nil, nil, nil
	}
	return docs[id.UserID], docs[id.AccountID], err
}
