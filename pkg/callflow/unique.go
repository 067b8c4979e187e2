package callflow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/reserve"
	"github.com/callflowd/callflowd/pkg/route/names"
)

// Index knows, without asking a view, which callflows hold a number or a
// pattern. It may lag behind what other processes wrote.
type Index interface {
	// Holders returns the ids of the callflows that hold each of the numbers
	// and patterns; those that nobody holds may be left out.
	Holders(ctx context.Context, accountID string, numbers, patterns []string) (byNumber, byPattern map[string][]string, err error)
	// Apply updates the index with a document just written, also a deleted
	// one, so that this process reads its own writes.
	Apply(accountID string, doc document.Doc)
	// Together has do write documents and applies all that it returns at once:
	// no lookup sees some of them and not the others.
	Together(accountID string, do func() []document.Doc)
	// Advise returns findings about the routes of an account, as they would be if
	// doc were saved as the callflow, each at its path in doc.
	Advise(ctx context.Context, accountID, id string, doc document.Doc) ([]problem.Warning, error)
	// Names describes documents of the account, by id; those that do not exist
	// are left out. The descriptions must not be changed.
	Names(ctx context.Context, accountID string, ids []string) (map[string]names.Description, error)
}

func (s *Service) applied(accountID string, doc document.Doc) {
	if s.Index != nil {
		s.Index.Apply(accountID, doc)
	}
}

// keysOf lists the keys a document holds, each once.
func keysOf(doc document.Doc) []reserve.Key {
	if !doc.Live() {
		return nil
	}
	var keys []reserve.Key
	seen := map[key]bool{}
	for _, kind := range []string{numbersKey, patternsKey} {
		for _, text := range doc.Strings(kind) {
			k := key{kind, text}
			if !seen[k] {
				seen[k] = true
				keys = append(keys, k)
			}
		}
	}
	return keys
}

func (s *Service) holders(ctx context.Context, accountID string, keys []reserve.Key) (map[reserve.Key][]string, error) {
	if s.Index == nil {
		if err := s.prepareViews(ctx, accountID); err != nil {
			return nil, err
		}
		return viewHolders(ctx, s.Couch.Account(accountID), keys)
	}
	texts := textsOf(keys)
	byNumber, byPattern, err := s.Index.Holders(ctx, accountID, texts[numbersKey], texts[patternsKey])
	if err != nil {
		return nil, err
	}
	out := map[reserve.Key][]string{}
	for text, ids := range byNumber {
		out[key{numbersKey, text}] = ids
	}
	for text, ids := range byPattern {
		out[key{patternsKey, text}] = ids
	}
	return out, nil
}

// textsOf are the texts of keys by their kind.
func textsOf(keys []reserve.Key) map[string][]string {
	texts := map[string][]string{}
	for _, k := range keys {
		texts[k.Kind()] = append(texts[k.Kind()], k.Text())
	}
	return texts
}

// viewHolders reads the views that Kazoo's own check reads (contract 2.1-5).
func viewHolders(ctx context.Context, db *couch.DB, keys []reserve.Key) (map[reserve.Key][]string, error) {
	views := map[string]string{numbersKey: "listing_by_number", patternsKey: "listing_by_pattern"}
	out := map[reserve.Key][]string{}
	for kind, texts := range textsOf(keys) {
		asked := make([]any, len(texts))
		for i, text := range texts {
			asked[i] = text
		}
		for row, err := range db.View(ctx, "callflows", views[kind], couch.Query{Keys: asked}) {
			if err != nil {
				return nil, err
			}
			var text string
			if json.Unmarshal(row.Key, &text) == nil {
				k := key{kind, text}
				out[k] = append(out[k], row.ID)
			}
		}
	}
	return out, nil
}

// uniqueViolations makes violations of failed claims (contract 9.2): one for the
// numbers and one for the patterns, each naming every callflow that holds a key.
func uniqueViolations(ctx context.Context, db *couch.DB, claims []*reserve.Claim) ([]problem.Violation, error) {
	held := map[string][]*reserve.Claim{}
	suspects := map[string]bool{}
	for _, c := range claims {
		held[c.Key.Kind()] = append(held[c.Key.Kind()], c)
		for _, id := range c.Possible() {
			suspects[id] = true
		}
	}
	docs, err := db.GetMany(ctx, slices.Sorted(maps.Keys(suspects)))
	if err != nil {
		return nil, err
	}
	var out []problem.Violation
	for _, kind := range []string{numbersKey, patternsKey} {
		if len(held[kind]) > 0 {
			out = append(out, uniqueViolation(kind, held[kind], docs))
		}
	}
	return out, nil
}

func uniqueViolation(kind string, claims []*reserve.Claim, docs map[string]document.Doc) problem.Violation {
	noun, member := "Number", "number"
	if kind == patternsKey {
		noun, member = "Pattern", "pattern"
	}
	var message string
	causes := make([]any, 0, len(claims))
	for _, c := range claims {
		for _, id := range c.Possible() {
			if id != c.Holder && !c.Key.HeldBy(docs[id]) {
				continue
			}
			name := docs[id].String("name")
			if name == "" {
				name = id
			}
			if message == "" {
				message = fmt.Sprintf("%s %s exists in callflow %s %s", noun, c.Key.Text(), id, name)
			}
			causes = append(causes, map[string]any{member: c.Key.Text(), "id": id, "name": name})
		}
	}
	return problem.Violation{
		Path: kind, Code: "unique", Message: message,
		Members: map[string]any{"cause": claims[0].Key.Text(), "causes": causes},
	}
}

// Kind is what merging has to know of documents that are no callflows.
type Kind struct {
	Schema string // the name of their schema; documents without one are not judged
	// Keys lists what a document holds alone; nil for nothing. Holders finds
	// the documents that may hold a key. Taken is the violation where another
	// document has the key.
	Keys    func(doc document.Doc) []reserve.Key
	Holders func(ctx context.Context, db *couch.DB, key reserve.Key) ([]string, error)
	Taken   func(key reserve.Key) problem.Violation
}

// keys lists what a document of any kind holds alone.
func (s *Service) keys(doc document.Doc) []reserve.Key {
	if doc.Type() == Type {
		return keysOf(doc)
	}
	if list := s.Kinds[doc.Type()].Keys; list != nil && doc.Live() {
		return list(doc)
	}
	return nil
}

// claims makes a claim for each key that next has and the winner lacks, and
// looks who else has it; nothing is written. The holders are read from views,
// which know all that is stored: an index may not have seen yet what
// replication brought.
func (s *Service) claims(ctx context.Context, accountID string, winner, next document.Doc) ([]*reserve.Claim, error) {
	added := slices.DeleteFunc(s.keys(next), func(k reserve.Key) bool { return k.HeldBy(winner) })
	if len(added) == 0 {
		return nil, nil
	}
	if err := s.prepareViews(ctx, accountID); err != nil {
		return nil, err
	}
	db := s.Couch.Account(accountID)
	holders, err := s.storedHolders(ctx, db, next.Type(), added)
	if err != nil {
		return nil, err
	}
	claims := make([]*reserve.Claim, len(added))
	for i, k := range added {
		others := slices.DeleteFunc(holders[k], func(id string) bool { return id == winner.ID() })
		claims[i] = &reserve.Claim{Key: k, Self: winner.ID(), Others: others}
	}
	return claims, reserve.Store{DB: db, AccountID: accountID}.Look(ctx, claims)
}

// storedHolders tells which documents of a type hold each key, by its views.
func (s *Service) storedHolders(ctx context.Context, db *couch.DB, kind string, keys []reserve.Key) (map[reserve.Key][]string, error) {
	if kind == Type {
		return viewHolders(ctx, db, keys)
	}
	out := map[reserve.Key][]string{}
	for _, k := range keys {
		ids, err := s.Kinds[kind].Holders(ctx, db, k)
		if err != nil {
			return nil, err
		}
		out[k] = ids
	}
	return out, nil
}

// failedOf are the claims to keys that others hold.
func failedOf(claims []*reserve.Claim) []*reserve.Claim {
	return slices.DeleteFunc(slices.Clone(claims), func(c *reserve.Claim) bool { return !c.Failed() })
}

// mustBeFree refuses a document, other than a callflow, that brings keys along
// which others hold. A callflow is judged when it is saved.
func (s *Service) mustBeFree(ctx context.Context, accountID string, winner, next document.Doc) error {
	claims, err := s.claims(ctx, accountID, winner, next)
	if err != nil {
		return err
	}
	var violations []problem.Violation
	for _, c := range failedOf(claims) {
		violations = append(violations, s.Kinds[next.Type()].Taken(c.Key))
	}
	return problem.Validation(violations)
}

// prepareViews makes sure that the account's database has its views.
func (s *Service) prepareViews(ctx context.Context, accountID string) error {
	if s.Accounts == nil {
		return nil
	}
	return s.Accounts.Prepare(ctx, accountID)
}

// dropKey takes a number or pattern out of a callflow.
func dropKey(doc document.Doc, k reserve.Key) {
	list, _ := doc[k.Kind()].([]any)
	doc[k.Kind()] = slices.DeleteFunc(slices.Clone(list), func(v any) bool { return v == k.Text() })
}

// key is what a callflow may hold alone: a number or a pattern.
type key struct{ kind, text string }

// The kinds of keys, as the document's fields are called.
const (
	numbersKey  = "numbers"
	patternsKey = "patterns"
)

// reservationPrefix begins the ids of reservations.
const reservationPrefix = reserve.Type + "-"

// ReservationID is a digest because neither patterns nor the numbers that
// Kazoo lets pass make good document ids.
func (k key) ReservationID() string {
	sum := sha256.Sum256([]byte(k.kind + "\n" + k.text))
	return reservationPrefix + hex.EncodeToString(sum[:16])
}

// HeldBy reports whether a live callflow holds the key.
func (k key) HeldBy(doc document.Doc) bool {
	return doc.Type() == Type && doc.Live() && slices.Contains(doc.Strings(k.kind), k.text)
}

// Kind is the field that the key stands in.
func (k key) Kind() string { return k.kind }

// Text is the number or the pattern.
func (k key) Text() string { return k.text }
