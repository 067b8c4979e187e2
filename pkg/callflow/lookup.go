package callflow

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/route"
)

// Route is where a dialled number goes.
type Route struct {
	Number     string // as dialled
	Normalized string
	Match      route.Match
	Callflow   document.Doc    // with private keys
	Skipped    []route.Skipped // patterns that could not be tried
}

// Lookup asks the views which callflow takes a dialled number (contract 5.1,
// 9.15). Nothing does: [problem.NotFound]. A number with control characters is
// [problem.Invalid].
func (s *Service) Lookup(ctx context.Context, accountID, dialled string) (Route, error) {
	if err := checkDialled(dialled); err != nil {
		return Route{}, err
	}
	plan, _, err := s.dialPlan(ctx, accountID)
	if err != nil {
		return Route{}, err
	}
	if err := s.prepareViews(ctx, accountID); err != nil {
		return Route{}, err
	}
	l := lookup{db: s.Couch.Account(accountID), Route: Route{Number: dialled, Normalized: number.Normalize(dialled, plan)}}
	if err := l.find(ctx); err != nil {
		return Route{}, err
	}
	if l.Callflow == nil {
		return l.Route, &problem.Error{Code: problem.NotFound, Msg: "no callflow takes " + dialled}
	}
	return l.Route, nil
}

// lookup is one question to the views.
type lookup struct {
	Route
	db *couch.DB
}

// find tries one way after the other until one leads to a callflow.
func (l *lookup) find(ctx context.Context) error {
	if l.Number == "" {
		return nil
	}
	forms := []struct{ form, number string }{{route.FormDialled, l.Number}, {route.FormNormalized, l.Normalized}}
	if l.Normalized == l.Number {
		forms = forms[:1]
	}
	for _, f := range forms {
		kind := route.KindNumber
		if f.number == route.NoMatch {
			kind = route.KindNoMatch
		}
		if found, err := l.exact(ctx, route.Match{Kind: kind, Key: f.number, Form: f.form}); found || err != nil {
			return err
		}
	}
	if l.Number == route.NoMatch {
		return nil
	}
	rows, docs, err := l.patterns(ctx)
	if err != nil {
		return err
	}
	for _, f := range forms {
		match, skipped := route.SelectPattern(rows, f.number)
		l.Skipped = skipped
		if match.CallflowID != "" {
			match.Form = f.form
			l.Match, l.Callflow = match, docs[match.CallflowID]
			return nil
		}
	}
	if strings.Trim(strings.TrimLeft(l.Number, "+"), "0123456789") != "" {
		return nil
	}
	_, err = l.exact(ctx, route.Match{Kind: route.KindNoMatch, Key: route.NoMatch})
	return err
}

// exact looks for the first callflow with the match's key as a number.
func (l *lookup) exact(ctx context.Context, match route.Match) (found bool, err error) {
	q := couch.Query{Key: match.Key, Limit: 1, IncludeDocs: true}
	for row, err := range l.db.View(ctx, "callflows", "listing_by_number", q) {
		if err != nil {
			return false, err
		}
		doc, err := row.Document()
		if err != nil || doc == nil {
			continue // gone since the view was built
		}
		match.CallflowID = row.ID
		l.Match, l.Callflow = match, doc
		return true, nil
	}
	return false, nil
}

// patterns reads the account's patterns in view order, with their callflows.
func (l *lookup) patterns(ctx context.Context) ([]route.PatternRow, map[string]document.Doc, error) {
	var rows []route.PatternRow
	docs := map[string]document.Doc{}
	for row, err := range l.db.View(ctx, "callflows", "listing_by_pattern", couch.Query{IncludeDocs: true}) {
		if err != nil {
			return nil, nil, err
		}
		var text string
		doc, err := row.Document()
		if err != nil || doc == nil || json.Unmarshal(row.Key, &text) != nil {
			continue
		}
		docs[row.ID] = doc
		rows = append(rows, route.PatternRow{CallflowID: row.ID, Pattern: text})
	}
	return rows, docs, nil
}

// prepareViews makes sure that the account's database has its views.
func (s *Service) prepareViews(ctx context.Context, accountID string) error {
	if s.Accounts == nil {
		return nil
	}
	return s.Accounts.Prepare(ctx, accountID)
}
