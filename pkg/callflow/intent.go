package callflow

import (
	"context"
	"encoding/json"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/save"
)

// batchPrefix begins the ids of intents: documents about batches under way. They
// are in the database accounts, so that the databases of all accounts need not be
// searched for them.
const batchPrefix = "callflowd-batch-"

// abandonedAfter is the age at which a batch under way counts as interrupted.
const abandonedAfter = 2 * time.Minute

func (s *Service) intents() *couch.DB { return s.Couch.DB("accounts") }

// noteBatch gives a group the functions that write its intent and finish it.
func (s *Service) noteBatch(g *save.Group, accountID string) {
	intent := intentOf(g.Attempts, accountID, s.now())
	g.Begin = func(ctx context.Context) error { return s.putIntent(ctx, intent) }
	g.End = func(ctx context.Context) error {
		_, err := s.intents().Delete(ctx, intent.ID(), intent.Rev())
		if problem.Is(err, problem.BadIdentifier) || problem.Is(err, problem.Conflict) {
			return nil // it has been finished
		}
		return err
	}
	g.Finish = func(ctx context.Context) ([]document.Doc, error) { return s.finishBatch(ctx, intent) }
	g.Hold = func(do func() []document.Doc) {
		if s.Index == nil {
			do()
			return
		}
		s.Index.Together(accountID, do)
	}
}

// putIntent writes an intent, whose id nobody else has: one that is there
// already is this one, written by a request that was sent twice.
func (s *Service) putIntent(ctx context.Context, intent document.Doc) error {
	err := s.intents().Put(ctx, intent)
	if !problem.Is(err, problem.Conflict) {
		return err
	}
	stored, err := s.intents().Get(ctx, intent.ID())
	if err == nil {
		intent.SetRev(stored.Rev())
	}
	return err
}

// intentOf says what a batch is about to write, and over which revisions.
func intentOf(attempts []*save.Attempt, accountID string, now time.Time) document.Doc {
	items := make([]any, len(attempts))
	for i, a := range attempts {
		doc := a.Doc.Clone()
		delete(doc, "_rev")
		items[i] = map[string]any{"before": a.Stored.Rev(), "doc": map[string]any(doc)}
	}
	return document.Doc{
		"_id": batchPrefix + save.NewID(), "pvt_type": "callflowd_batch", "account_id": accountID,
		"items": items, "pvt_created": document.GregorianNumber(now),
	}
}

// RecoverBatches finishes or undoes the batches that a crash interrupted: those
// that began some minutes ago, or with all every one, which is for databases
// that no other process uses.
func (s *Service) RecoverBatches(ctx context.Context, all bool) error {
	q := couch.Query{StartKey: batchPrefix, EndKey: batchPrefix + "\ufff0", IncludeDocs: true}
	var found []document.Doc
	for row, err := range s.intents().AllDocs(ctx, q) {
		if problem.Is(err, problem.MissingDatabase) {
			return nil
		}
		if err != nil {
			return err
		}
		var doc document.Doc
		if json.Unmarshal(row.Doc, &doc) == nil && doc != nil {
			found = append(found, doc)
		}
	}
	for _, intent := range found {
		since, _ := intent.Seconds("pvt_created")
		if !all && document.Gregorian(s.now())-since < int64(abandonedAfter.Seconds()) {
			continue
		}
		docs, err := s.finishBatch(ctx, intent)
		if err != nil && !problem.Is(err, problem.MissingDatabase) {
			return err
		}
		s.log().Info("an interrupted batch is settled", zap.String("account", intent.String("account_id")), zap.Bool("finished", docs != nil))
	}
	return nil
}

// planned is one document of an interrupted batch.
type planned struct {
	before string // the revision it replaces
	want   document.Doc
	stored document.Doc // nil if there is none
}

// state says how far a document has come.
func (p planned) written() bool {
	if p.stored == nil {
		return false
	}
	a, b := p.want.Clone(), p.stored.Clone()
	delete(a, "_rev")
	delete(b, "_rev")
	return document.Equal(map[string]any(a), map[string]any(b))
}

func (p planned) waiting() bool { return p.stored.Rev() == p.before }

// finishBatch ends a batch that was interrupted. If none of its documents was
// written, it removes the intent; if some were, it writes the rest.
// It returns the documents as they are stored, nil where nothing was written.
func (s *Service) finishBatch(ctx context.Context, intent document.Doc) ([]document.Doc, error) {
	accountID := intent.String("account_id")
	list, err := s.planned(ctx, accountID, intent)
	if err != nil {
		return nil, err
	}
	var waiting []document.Doc
	attempts := make([]*save.Attempt, len(list))
	begun := false
	for i, p := range list {
		attempts[i] = s.newEdit(Write{AccountID: accountID, ID: p.want.ID()}, actionUpdated, s.now()).Attempt
		switch {
		case p.written():
			begun = true
		case p.waiting():
			doc := p.want.Clone()
			if p.before != "" {
				doc.SetRev(p.before)
			}
			waiting = append(waiting, doc)
		}
	}
	if begun && len(waiting) > 0 {
		g := save.Group{Attempts: attempts}
		if _, err := g.Place(ctx, waiting); err != nil {
			return nil, err
		}
	}
	if _, err := s.intents().Delete(ctx, intent.ID(), intent.Rev()); err != nil && !problem.Is(err, problem.BadIdentifier) && !problem.Is(err, problem.Conflict) {
		return nil, err
	}
	if !begun {
		return nil, nil
	}
	return s.storedOf(ctx, accountID, list)
}

// storedOf reads the documents of a batch again, and tells the index of them.
func (s *Service) storedOf(ctx context.Context, accountID string, list []planned) ([]document.Doc, error) {
	docs := make([]document.Doc, len(list))
	for i, p := range list {
		leaves, err := s.Couch.Account(accountID).Leaves(ctx, p.want.ID())
		if err != nil {
			return nil, err
		}
		docs[i] = leaves[0]
	}
	return docs, nil
}

// planned reads the documents that an intent is about.
func (s *Service) planned(ctx context.Context, accountID string, intent document.Doc) ([]planned, error) {
	items, _ := intent["items"].([]any)
	var list []planned
	for _, v := range items {
		item, _ := v.(map[string]any)
		doc, _ := item["doc"].(map[string]any)
		if doc == nil {
			continue
		}
		p := planned{before: document.Doc(item).String("before"), want: doc}
		stored, err := s.Couch.Account(accountID).Get(ctx, p.want.ID())
		if err != nil && !problem.Is(err, problem.BadIdentifier) {
			return nil, err
		}
		p.stored = stored
		list = append(list, p)
	}
	return list, nil
}
