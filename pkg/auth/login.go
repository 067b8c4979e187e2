package auth

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"strings"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/pause"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Session is a successful login.
type Session struct {
	Token    string
	Data     map[string]any // account_id, owner_id, account_name, language, apps, … (contract 1.3, 10.10)
	Identity Identity
}

// login is whom a session is opened for: an account, one of its users if user
// is not nil, and whom the token acts as instead.
type login struct {
	account, user document.Doc
	method        string
	as            *as
	session       session // that is renewed; empty at a login
}

// buyer is the document of the credential that was given.
func (l login) buyer() document.Doc {
	if l.user != nil {
		return l.user
	}
	return l.account
}

// apiKeyLength is the length of every API key.
const apiKeyLength = 64

// APIAuth logs an account in by its API key: data.api_key. A malformed
// request is [problem.Invalid], an unknown key [problem.MalformedIdentifier].
func (s *Service) APIAuth(ctx context.Context, data document.Doc) (session Session, err error) {
	s.init()
	if err := checkAPIAuth(data); err != nil {
		return Session{}, err
	}
	defer s.roundFailure(ctx, s.Now(), &err)
	doc, err := s.accountByKey(ctx, data.String("api_key"))
	if err != nil {
		return Session{}, err
	}
	return s.open(ctx, login{account: doc, method: methodAPI, as: asOf(data)})
}

func checkAPIAuth(data document.Doc) error {
	vs := textField(data, "api_key", apiKeyLength, apiKeyLength, true)
	for key, value := range data {
		if key != "api_key" && key != "as" {
			vs = append(vs, problem.Violation{
				Path: problem.Join("", key), Code: "additionalProperties", Message: "there is no such field",
				Members: map[string]any{"value": value},
			})
		}
	}
	return problem.Validation(append(vs, checkAs(data)...))
}

func (s *Service) accountByKey(ctx context.Context, key string) (document.Doc, error) {
	fits := func(doc document.Doc) bool {
		return doc.Type() == "account" && subtle.ConstantTimeCompare([]byte(doc.String("pvt_api_key")), []byte(key)) == 1
	}
	docs, err := s.find(ctx, search{s.Couch.DB("accounts"), "accounts", "listing_by_api", key, 1, fits})
	if err != nil {
		return nil, err
	}
	for _, doc := range docs {
		if fits(doc) {
			return doc, nil
		}
	}
	return nil, &problem.Error{
		Code: problem.MalformedIdentifier, Msg: "unknown API key", Data: map[string]any{"cause": "api_key"}, // the key itself is a secret
	}
}

// UserAuth logs a user in: data.credentials is the hex MD5 or SHA-1
// (data.method: md5 or sha) of the lower-case user name, a colon and the
// password; the account is named by data.phone_number, data.account_realm
// (or realm) or data.account_name, in this order. A malformed request is
// [problem.Invalid]; whatever else does not fit [problem.InvalidCredentials].
func (s *Service) UserAuth(ctx context.Context, data document.Doc) (session Session, err error) {
	s.init()
	if err := checkUserAuth(data); err != nil {
		return Session{}, err
	}
	defer s.roundFailure(ctx, s.Now(), &err)
	accounts, err := s.accountsNamed(ctx, data)
	if err != nil {
		return Session{}, err
	}
	view := "creds_by_md5"
	if data.String("method") == "sha" {
		view = "creds_by_sha"
	}
	for _, doc := range accounts {
		user, err := s.userBy(ctx, doc.ID(), view, data.String("credentials"))
		if err != nil {
			return Session{}, err
		}
		if user != nil {
			return s.open(ctx, login{account: doc, user: user, method: methodUser, as: asOf(data)})
		}
	}
	return Session{}, invalidCredentials("no such user", nil)
}

func checkUserAuth(data document.Doc) error {
	vs := textField(data, "credentials", 1, 64, true)
	if method, given := data["method"]; given && method != "md5" && method != "sha" {
		vs = append(vs, problem.Violation{
			Path: "method", Code: "enum", Message: "the method must be md5 or sha",
			Members: map[string]any{"target": []any{"md5", "sha"}, "value": method},
		})
	}
	named := false
	for _, key := range []string{"phone_number", "account_realm", "realm", "account_name"} {
		vs = append(vs, textField(data, key, 1, 253, false)...)
		named = named || data.String(key) != ""
	}
	if !named {
		vs = append(vs, problem.Violation{
			Path: "account_name", Code: "required", Message: "account_name, account_realm or phone_number is required",
		})
	}
	return problem.Validation(append(vs, checkAs(data)...))
}

// checkAs wants data.as, if it is given, to name an account and a user: whom
// the token acts as (kazoo-facts B.6).
func checkAs(data document.Doc) (vs []problem.Violation) {
	value, given := data["as"]
	if !given {
		return nil
	}
	as, isObject := value.(map[string]any)
	if !isObject {
		return []problem.Violation{{Path: "as", Code: "type", Message: "the field must be an object", Members: map[string]any{"target": "object"}}}
	}
	for _, key := range []string{"account_id", "owner_id"} {
		for _, v := range textField(as, key, 1, 253, true) {
			v.Path = "as." + v.Path
			vs = append(vs, v)
		}
	}
	return vs
}

func asOf(data document.Doc) *as {
	value, given := data["as"].(map[string]any)
	if !given {
		return nil
	}
	return &as{document.Doc(value).String("account_id"), document.Doc(value).String("owner_id")}
}

// textField wants a string of that many bytes. Its value, a credential, is
// not repeated.
func textField(data document.Doc, key string, least, most int, required bool) []problem.Violation {
	value, given := data[key]
	text, isText := value.(string)
	v := problem.Violation{Path: key, Members: map[string]any{}}
	switch {
	case !given && !required:
		return nil
	case !given:
		v.Code, v.Message = "required", "the field is required"
	case !isText:
		v.Code, v.Message, v.Members["target"] = "type", "the field must be a string", "string"
	case len(text) < least:
		v.Code, v.Message, v.Members["target"] = "minLength", "the text is too short", least
	case len(text) > most:
		v.Code, v.Message, v.Members["target"] = "maxLength", "the text is too long", most
	default:
		return nil
	}
	return []problem.Violation{v}
}

// maxNamed bounds the accounts that one login is tried on: Kazoo can be told
// to allow several of one name.
const maxNamed = 4

// accountsNamed finds the accounts that a login names. If there is none, it
// looks for a user in the master account and ignores the outcome, so that the
// login takes as long as one to an existing account.
func (s *Service) accountsNamed(ctx context.Context, data document.Doc) (docs []document.Doc, err error) {
	switch realm := data.String("account_realm") + data.String("realm"); {
	case data.String("phone_number") != "":
		docs, err = s.accountByNumber(ctx, data.String("phone_number"))
	case realm != "":
		realm = strings.ToLower(realm)
		docs, err = s.accountsListed(ctx, "listing_by_realm", realm, func(doc document.Doc) bool { return strings.ToLower(doc.String("realm")) == realm })
	default:
		name := document.Alphanumeric(data.String("account_name"))
		docs, err = s.accountsListed(ctx, "listing_by_name", name, func(doc document.Doc) bool { return name != "" && document.Alphanumeric(doc.String("name")) == name })
	}
	if err == nil && len(docs) == 0 {
		_, err = s.userBy(ctx, s.Accounts.MasterID(), "creds_by_md5", "")
	}
	return docs, err
}

func (s *Service) accountsListed(ctx context.Context, view, key string, fits func(document.Doc) bool) ([]document.Doc, error) {
	isOne := func(doc document.Doc) bool { return doc.Type() == "account" && fits(doc) }
	return s.find(ctx, search{s.Couch.DB("accounts"), "accounts", view, key, maxNamed, isOne})
}

// accountByNumber asks the number's document (contract 6.1), which a Kazoo
// cluster keeps: numbers/+1415 for +14158867900.
func (s *Service) accountByNumber(ctx context.Context, phone string) ([]document.Doc, error) {
	normal := number.Normalize(phone, number.DialPlan{})
	db := couch.NumberDB(normal)
	if db == "" {
		return nil, nil
	}
	assigned, err := s.Couch.DB(db).Get(ctx, normal)
	if problem.Is(err, problem.BadIdentifier) || problem.Is(err, problem.MissingDatabase) || problem.Is(err, problem.Invalid) {
		return nil, nil
	}
	id := assigned.String("pvt_assigned_to")
	if err != nil || !couch.IsAccountID(id) {
		return nil, err
	}
	doc, err := s.Couch.DB("accounts").Get(ctx, id)
	if problem.Is(err, problem.BadIdentifier) || err == nil && !doc.Live() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return []document.Doc{doc}, nil
}

// userBy finds the enabled user with a credential hash, nil if there is none.
func (s *Service) userBy(ctx context.Context, accountID, view, hash string) (document.Doc, error) {
	if !couch.IsAccountID(accountID) {
		return nil, nil
	}
	if err := s.Accounts.Prepare(ctx, accountID); problem.Is(err, problem.MissingDatabase) {
		return nil, s.lost(ctx, accountID, err)
	} else if err != nil && !problem.Is(err, problem.DatastoreFault) { // find can do without the view
		return nil, err
	}
	field := map[string]string{"creds_by_md5": "pvt_md5_auth", "creds_by_sha": "pvt_sha1_auth"}[view]
	hash = strings.ToLower(hash)
	fits := func(user document.Doc) bool {
		return hash != "" && user.Type() == "user" && subtle.ConstantTimeCompare([]byte(user.String(field)), []byte(hash)) == 1
	}
	users, err := s.find(ctx, search{s.Couch.Account(accountID), "users", view, hash, 1, fits})
	if err != nil {
		return nil, err
	}
	for _, user := range users {
		if user["enabled"] != false && fits(user) {
			return user, nil
		}
	}
	return nil, nil
}

// readBasic checks Basic credentials: base64 of the account's id, a colon and
// the hex MD5 or SHA-1 of "user:password" (contract 1.3).
func (s *Service) readBasic(ctx context.Context, encoded string) (identity Identity, err error) {
	defer s.roundFailure(ctx, s.Now(), &err)
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return Identity{}, invalidCredentials("Basic credentials that are no base64", nil)
	}
	accountID, hash, _ := strings.Cut(string(raw), ":")
	view := "creds_by_md5"
	if len(hash) == 40 {
		view = "creds_by_sha"
	}
	user, err := s.userBy(ctx, accountID, view, hash)
	if err != nil {
		return Identity{}, err
	}
	if user == nil || hash == "" {
		return Identity{}, invalidCredentials("no such user", nil)
	}
	return Identity{AccountID: accountID, UserID: user.ID(), Method: methodBasic, Plain: plain(user), Expires: s.Now().Add(s.TokenLife)}, nil
}

// open issues the token of a successful login and describes the account to the
// client. A disabled or expired account is [problem.Locked].
func (s *Service) open(ctx context.Context, l login) (Session, error) {
	state, err := s.Accounts.State(ctx, l.account.ID())
	if err != nil {
		return Session{}, err
	}
	if err := s.Accounts.Usable(ctx, state); err != nil {
		return Session{}, err
	}
	token, identity, err := s.issue(ctx, l)
	if err != nil {
		return Session{}, err
	}
	identity.Superduper = state.Superduper && l.as == nil
	return Session{Token: token, Data: s.about(state, l.user, l.account), Identity: identity}, nil
}

// roundFailure delays a failed call until a multiple of FailedLoginRound since
// start, so that its duration does not tell whether an account, a user or a key
// exists. It does not wait for a caller who has left.
func (s *Service) roundFailure(ctx context.Context, start time.Time, err *error) {
	if *err == nil {
		return
	}
	pause.For(ctx, s.FailedLoginRound-s.Now().Sub(start)%s.FailedLoginRound)
}
