package callflow

import (
	"context"
	"slices"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// maxOverwritten bounds how many versions that others replaced are looked for
// behind one of them.
const maxOverwritten = 100

// byOthers reports whether a version was written by a program that keeps no
// history, such as Kazoo: our trace is missing in it, or is that of an older
// write.
func byOthers(version document.Doc) bool {
	return !version.Ours() || document.Doc(version.Object(document.TraceKey)).String("action") == ""
}

// untouched reports whether others wrote a version and left the private fields
// of the one before it, its time among them.
func untouched(version document.Doc) bool {
	trace := document.Doc(version.Object(document.TraceKey))
	return trace.String("action") != "" && trace.String("request_id") == version.String("pvt_request_id") && byOthers(version)
}

// mayBeByOthers is byOthers for the stored version. Earlier versions of callflowd
// wrote traces without a generation: another program may have edited such a
// document and kept its trace.
func mayBeByOthers(version document.Doc) bool {
	return byOthers(version) || document.Doc(version.Object(document.TraceKey))["generation"] == nil
}

// overwritten returns the versions before this one that no history has,
// newest first: those that others replaced, as far as the database has not
// forgotten them. The search ends at the first version of our own,
// since that write kept the version before it.
func (s *Service) overwritten(ctx context.Context, accountID string, version document.Doc) ([]document.Doc, error) {
	if !mayBeByOthers(version) || version.Generation() < 2 {
		return nil, nil
	}
	db := s.Couch.Account(accountID)
	ancestry, err := db.Ancestry(ctx, version.ID())
	if err != nil {
		return nil, absentIsNone(err)
	}
	revs := ancestorsOf(version.Rev(), ancestry)
	docs, err := db.GetRevs(ctx, version.ID(), revs[:min(len(revs), maxOverwritten)])
	if err != nil {
		return nil, absentIsNone(err)
	}
	slices.SortFunc(docs, newestFirst)
	for i, doc := range docs {
		if !byOthers(doc) {
			return docs[:i+1], nil
		}
	}
	return docs, nil
}

// absentIsNone returns nil for the error of a missing document: it has no
// ancestors.
func absentIsNone(err error) error {
	if problem.Is(err, problem.BadIdentifier) {
		return nil
	}
	return err
}

// ancestorsOf lists the ancestors of a revision, the latest first, from the first
// leaf that has it in its ancestry.
func ancestorsOf(rev string, ancestry map[string][]string) []string {
	for _, path := range ancestry {
		if i := slices.Index(path, rev); i >= 0 {
			return path[i+1:]
		}
	}
	return nil
}
