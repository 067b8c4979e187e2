// Package sites copies accounts to and from other sites. What is copied is
// said once, as a [Definition]; [Service] makes of it the documents of the
// database _replicator that copy each database, and keeps them in step with
// the accounts that there are. CouchDB runs those documents itself, and the
// scheduler of package replication does for embedded storage.
//
// Along with the databases of accounts and their months go what routing and
// logging in need at the other site: the copies in accounts, the numbers, and
// who is the master account. Tokens and signing keys go only when asked for.
// Design documents do not: each site makes its own.
package sites

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// database holds the definitions. It is never copied.
const database = "callflowd_replications"

const definitionType = "replication"

// The directions of a replication.
const (
	Push = "push"
	Pull = "pull"
	Both = "both"
)

// Definition says what is copied where.
type Definition struct {
	ID          string
	Remote      string // without credentials
	User        string
	Password    string
	Direction   string
	Accounts    Selection
	Continuous  bool
	Tokens      bool // revoked and opaque tokens go along
	SigningKeys bool // and the keys that sign tokens
}

// Selection are accounts: all, those of a subtree, or some.
type Selection struct {
	All     bool
	Subtree string
	IDs     []string
}

// MarshalJSON implements [json.Marshaler].
func (s Selection) MarshalJSON() ([]byte, error) {
	switch {
	case s.All:
		return []byte(`"all"`), nil
	case s.Subtree != "":
		return json.Marshal(map[string]string{"subtree": s.Subtree})
	}
	return json.Marshal(s.IDs)
}

// Parse reads a definition from a request's data. What a stored one says of
// the credentials stays, unless the request names others.
func Parse(data document.Doc, stored *Definition) (Definition, []problem.Violation) {
	d := Definition{Continuous: true}
	if stored != nil {
		d = *stored
	}
	var wrong []problem.Violation
	add := func(path, code, message string) {
		wrong = append(wrong, problem.Violation{Path: path, Code: code, Message: message})
	}
	for _, name := range slices.Sorted(maps.Keys(data)) {
		if err := d.set(name, data[name]); err != nil {
			add(name, "type", err.Error())
		}
	}
	if d.Remote == "" {
		add("remote", "required", "the remote's address is required: https://user:password@host:6984")
	}
	if d.Direction == "" {
		add("direction", "required", "the direction is required: push, pull or both")
	}
	if !d.Accounts.All && d.Accounts.Subtree == "" && len(d.Accounts.IDs) == 0 {
		add("accounts", "required", `the accounts are required: "all", {"subtree": ID} or [ID, …]`)
	}
	return d, wrong
}

// set takes one member of a request.
func (d *Definition) set(name string, value any) error {
	text, isText := value.(string)
	flag, isFlag := value.(bool)
	switch name {
	case "remote":
		return d.setRemote(text)
	case "user", "password":
		if !isText {
			return errors.New("must be a string")
		}
		if name == "user" {
			d.User = text
		} else {
			d.Password = text
		}
	case "direction":
		if text != Push && text != Pull && text != Both {
			return errors.New("must be push, pull or both")
		}
		d.Direction = text
	case "accounts":
		return d.Accounts.set(value)
	case "continuous", "tokens", "signing_keys":
		if !isFlag {
			return errors.New("must be true or false")
		}
		switch name {
		case "continuous":
			d.Continuous = flag
		case "tokens":
			d.Tokens = flag
		case "signing_keys":
			d.SigningKeys = flag
		}
	}
	return nil
}

// setRemote takes the address of a server; credentials may stand in it.
func (d *Definition) setRemote(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" {
		return errors.New("must be the address of a CouchDB or of another callflowd's --couchdb-listen, https://user:password@host:6984")
	}
	if u.User != nil {
		d.User = u.User.Username()
		d.Password, _ = u.User.Password()
	}
	u.User = nil
	d.Remote = strings.TrimSuffix(u.String(), "/")
	return nil
}

func (s *Selection) set(value any) error {
	wrong := errors.New(`must be all, the subtree of an account, or a list of account ids: "all", {"subtree": ID}, [ID, …]`)
	switch value := value.(type) {
	case string:
		if value != "all" {
			return wrong
		}
		*s = Selection{All: true}
	case map[string]any:
		id, _ := value["subtree"].(string)
		if !couch.IsAccountID(id) || len(value) != 1 {
			return wrong
		}
		*s = Selection{Subtree: id}
	case []any:
		var ids []string
		for _, item := range value {
			id, _ := item.(string)
			if !couch.IsAccountID(id) {
				return wrong
			}
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		*s = Selection{IDs: ids}
	default:
		return wrong
	}
	return nil
}

// ParseSelection reads a selection from a command line: all, subtree:ID, or
// ids with commas between them.
func ParseSelection(text string) (s Selection, err error) {
	if id, ok := strings.CutPrefix(text, "subtree:"); ok {
		err = s.set(map[string]any{"subtree": id})
		return s, err
	}
	if text == "all" {
		return Selection{All: true}, nil
	}
	var ids []any
	for id := range strings.SplitSeq(text, ",") {
		ids = append(ids, strings.TrimSpace(id))
	}
	err = s.set(ids)
	return s, err
}

// doc is the definition as it is stored.
func (d Definition) doc() document.Doc {
	return document.Doc{
		"_id": d.ID, "pvt_type": definitionType, "remote": d.Remote, "user": d.User, "pvt_password": d.Password, "direction": d.Direction,
		"accounts": d.Accounts, "continuous": d.Continuous, "tokens": d.Tokens, "signing_keys": d.SigningKeys,
	}
}

func definitionOf(doc document.Doc) Definition {
	data := maps.Clone(doc)
	if password, ok := data["pvt_password"].(string); ok {
		data["password"] = password
	}
	d, _ := Parse(data, nil)
	d.ID = doc.ID()
	return d
}

// Config is what a [Service] needs.
type Config struct {
	Couch *couch.Client
	// Local is an end of a replication document: a database of ours as the
	// server that runs the replication reaches it.
	Local func(db string) any
	Log   *zap.Logger
}

// Service keeps definitions and what follows from them.
type Service struct {
	Config
	wake chan struct{}

	mu       sync.Mutex
	problems map[string]error     // why a definition's databases could not be listed; guarded by mu
	current  map[string]time.Time // when a definition last had nothing pending; guarded by mu
}

// New makes a Service.
func New(cfg Config) *Service {
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	return &Service{Config: cfg, wake: make(chan struct{}, 1), problems: map[string]error{}, current: map[string]time.Time{}}
}

// Wake has the service look for new accounts soon.
func (s *Service) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *Service) db() *couch.DB { return s.Couch.DB(database) }

// Definitions lists what is to be copied, by id.
func (s *Service) Definitions(ctx context.Context) ([]Definition, error) {
	var all []Definition
	for row, err := range s.db().AllDocs(ctx, couch.Query{IncludeDocs: true}) {
		if problem.Is(err, problem.MissingDatabase) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if doc, err := row.Document(); err == nil && doc.Type() == definitionType {
			all = append(all, definitionOf(doc))
		}
	}
	return all, nil
}

// Get returns a definition.
func (s *Service) Get(ctx context.Context, id string) (Definition, error) {
	doc, err := s.db().Get(ctx, id)
	if problem.Is(err, problem.MissingDatabase) || err == nil && doc.Type() != definitionType {
		return Definition{}, &problem.Error{Code: problem.BadIdentifier, Data: map[string]any{"message": "bad identifier", "cause": id}, Msg: "no replication " + id}
	}
	if err != nil {
		return Definition{}, err
	}
	return definitionOf(doc), nil
}

// Create stores a definition and begins to copy.
func (s *Service) Create(ctx context.Context, d Definition) error {
	if err := s.Couch.CreateDB(ctx, database); err != nil {
		return err
	}
	if err := s.db().Put(ctx, d.doc()); err != nil {
		return err
	}
	s.Wake()
	return nil
}

// Delete ends a replication. What was copied stays.
func (s *Service) Delete(ctx context.Context, id string) error {
	if _, err := s.Get(ctx, id); err != nil {
		return err
	}
	doc, err := s.db().Get(ctx, id)
	if err != nil {
		return err
	}
	if _, err := s.db().Delete(ctx, id, doc.Rev()); err != nil {
		return err
	}
	return s.drop(ctx, id)
}
