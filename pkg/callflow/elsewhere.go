package callflow

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Past is a version that a callflow had before the stored one.
type Past struct {
	Revision string
	Action   string
	At       time.Time // zero where it is not known
	Data     document.Doc
}

// Past lists the versions of a callflow before the stored one, the newest
// first. Those whose content was not kept are left out.
func (s *Service) Past(ctx context.Context, accountID, id string) ([]Past, error) {
	versions, err := s.versions(ctx, accountID, id)
	if err != nil {
		return nil, err
	}
	var out []Past
	for _, v := range versions[1:] {
		if incomplete(v) {
			continue
		}
		p := Past{Revision: v.Rev(), Action: describeVersion(v).Action, Data: publicOf(v)}
		if at, known := v.Seconds("pvt_modified"); known {
			p.At = document.FromGregorian(at)
		}
		out = append(out, p)
	}
	return out, nil
}

var revision = regexp.MustCompile(`^[1-9][0-9]{0,8}-[0-9a-f]{32}$`)

// Check says what is wrong with the revision or the action; "" for nothing.
func (p Past) Check() string {
	actions := []action{actionCreated, actionUpdated, actionDeleted, actionRestored, actionMerged}
	switch {
	case !revision.MatchString(p.Revision):
		return "a revision is a number, a dash and 32 hexadecimal digits: " + strconv.Quote(p.Revision)
	case !slices.Contains(actions, action(p.Action)):
		return "an action is created, updated, deleted, restored or merged: " + strconv.Quote(p.Action)
	}
	return ""
}

// PutPast gives a callflow that is about to be created the versions that it had
// elsewhere. They go to history, and the id gets a tombstone of the newest
// one's revision, so that the callflow, once created, comes after them. Doing
// it again changes nothing.
func (s *Service) PutPast(ctx context.Context, accountID, id string, list []Past) error {
	if len(list) == 0 {
		return nil
	}
	month := s.now()
	db, err := s.monthDB(ctx, accountID, month)
	if err != nil {
		return err
	}
	var newest document.Doc
	for _, p := range list {
		version := versionFrom(accountID, id, p)
		if newest.Generation() < version.Generation() {
			newest = version
		}
		if _, err := s.putEntry(ctx, db, entryOf(accountID, month, version)); err != nil {
			return err
		}
	}
	generation, hash, _ := strings.Cut(newest.Rev(), "-")
	tomb := document.Doc{
		"_id": id, "_rev": newest.Rev(), "_deleted": true, "pvt_type": Type, document.TraceKey: newest[document.TraceKey],
		"_revisions": map[string]any{"start": json.Number(generation), "ids": []any{hash}},
		// Creating the callflow keeps the tombstone in history, where it must
		// not take the version's place.
		incompleteKey: true,
	}
	err = s.Couch.Account(accountID).BulkRevisions(ctx, []document.Doc{tomb})
	if problem.Is(err, problem.Conflict) {
		return nil
	}
	return err
}

// versionFrom is a version as history keeps it.
func versionFrom(accountID, id string, p Past) document.Doc {
	version := p.Data.Clone()
	version["_id"] = id
	document.Stamp{Type: Type, AccountID: accountID, AccountDB: couch.EncodedDB(couch.AccountDB(accountID)), Now: p.At}.Apply(version)
	version["_rev"] = p.Revision
	if p.At.IsZero() {
		delete(version, "pvt_modified")
	}
	delete(version, "pvt_created")
	version[document.TraceKey] = map[string]any{
		"action": p.Action, "request_id": "", "generation": json.Number(strconv.Itoa(version.Generation())),
	}
	if p.Action == string(actionDeleted) {
		version["pvt_deleted"] = true
		if len(p.Data) == 0 {
			version["_deleted"] = true
		}
	}
	return version
}
