package sites

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/replication/replicator"
)

// lookEvery is how often new databases are looked for, besides when this
// process makes one.
const lookEvery = 10 * time.Second

// Run keeps the documents of _replicator in step with the definitions until
// ctx ends.
func (s *Service) Run(ctx context.Context) {
	s.Couch.OnWrite(func(w couch.Wrote) {
		if w.Created && w.DB != database {
			s.Wake()
		}
	})
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	watched := watchers{}
	defer watched.keep(nil)
	for {
		all, err := s.reconcile(ctx)
		if err != nil && ctx.Err() == nil {
			s.Log.Warn("replications cannot be looked after", zap.Error(err))
		}
		if err == nil {
			s.watch(ctx, watched, all)
		}
		select {
		case <-ticker.C:
		case <-s.wake:
		case <-ctx.Done():
			return
		}
	}
}

// watchers end the feeds of remotes, by the definition's id.
type watchers map[string]context.CancelFunc

// keep ends the feeds of all definitions but these.
func (w watchers) keep(ids map[string]bool) {
	for id, cancel := range w {
		if !ids[id] {
			cancel()
			delete(w, id)
		}
	}
}

// watch has the remotes tell of databases that are made there, as far as they
// do: others are asked now and then.
func (s *Service) watch(ctx context.Context, watched watchers, all []Definition) {
	ids := map[string]bool{}
	for _, d := range all {
		if d.Direction == Push || !d.Continuous {
			continue
		}
		ids[d.ID] = true
		client, err := d.client()
		if watched[d.ID] != nil || err != nil {
			continue
		}
		feed, cancel := context.WithCancel(ctx)
		watched[d.ID] = cancel
		go func() {
			_ = client.FollowUpdates(feed, couch.Updates{ // an error is told by what is asked of the remote besides
				Begin: s.Wake, Lost: func(error) {},
				Take: func(u couch.DBUpdate) {
					if u.Type == "created" {
						s.Wake()
					}
				},
			})
		}()
	}
	watched.keep(ids)
}

func (s *Service) reconcile(ctx context.Context) ([]Definition, error) {
	all, err := s.Definitions(ctx)
	if err != nil {
		return nil, err
	}
	var failed []error
	for _, d := range all {
		err := s.align(ctx, d)
		s.mu.Lock()
		s.problems[d.ID] = err
		s.mu.Unlock()
		if err != nil && !errors.Is(err, errRemote) {
			failed = append(failed, err)
		}
	}
	return all, errors.Join(failed...)
}

// errRemote marks what the other site refuses, which is told by GET.
var errRemote = errors.New("the remote cannot be asked for its databases")

// replicatorDB holds the documents that a server's replicator runs.
const replicatorDB = "_replicator"

// prefix begins the ids of the documents of a definition.
func prefix(id string) string { return "callflowd-" + id + "-" }

// align writes the documents that a definition needs, and removes others of
// it.
func (s *Service) align(ctx context.Context, d Definition) error {
	wanted, err := s.wanted(ctx, d)
	stored, serr := s.stored(ctx, d.ID)
	if serr != nil {
		return serr
	}
	db := s.Couch.DB(replicatorDB)
	var changed []document.Doc
	for id, doc := range wanted {
		had, ok := stored[id]
		delete(stored, id)
		if ok && !differs(had, doc) {
			continue
		}
		if ok {
			doc.SetRev(had.Rev())
		}
		changed = append(changed, doc)
	}
	for chunk := range slices.Chunk(changed, 200) {
		if _, err := db.Bulk(ctx, chunk); err != nil {
			return err
		}
	}
	if err != nil {
		return err // what is listed is not all: nothing is removed
	}
	for id, doc := range stored {
		if _, err := db.Delete(ctx, id, doc.Rev()); err != nil && !problem.Is(err, problem.Conflict) {
			return err
		}
	}
	return nil
}

// differs reports whether a stored document is another than the one wanted,
// apart from what the replicator adds to it.
func differs(stored, wanted document.Doc) bool {
	text, err := json.Marshal(wanted)
	if err != nil {
		return true
	}
	var plain document.Doc
	if json.Unmarshal(text, &plain) != nil {
		return true
	}
	for name, value := range plain {
		if !reflect.DeepEqual(stored[name], value) {
			return true
		}
	}
	return false
}

// stored are the documents of a definition by id.
func (s *Service) stored(ctx context.Context, id string) (map[string]document.Doc, error) {
	docs := map[string]document.Doc{}
	q := couch.Query{StartKey: prefix(id), EndKey: prefix(id) + "\ufff0", IncludeDocs: true}
	for row, err := range s.Couch.DB(replicatorDB).AllDocs(ctx, q) {
		if problem.Is(err, problem.MissingDatabase) {
			return docs, s.Couch.CreateDB(ctx, replicatorDB)
		}
		if err != nil {
			return nil, err
		}
		if doc, err := row.Document(); err == nil && strings.HasPrefix(row.ID, prefix(id)) {
			docs[row.ID] = doc
		}
	}
	return docs, nil
}

// drop removes all documents of a definition.
func (s *Service) drop(ctx context.Context, id string) error {
	docs, err := s.stored(ctx, id)
	if err != nil {
		return err
	}
	for id, doc := range docs {
		if _, err := s.Couch.DB(replicatorDB).Delete(ctx, id, doc.Rev()); err != nil && !problem.Is(err, problem.Conflict) {
			return err
		}
	}
	return nil
}

// wanted are the documents that copy what a definition says. With an error
// they are those that are known to be needed.
func (s *Service) wanted(ctx context.Context, d Definition) (map[string]document.Doc, error) {
	docs := map[string]document.Doc{}
	if d.Direction != Pull {
		list, err := Databases(ctx, s.Couch, d)
		if err != nil {
			return nil, err
		}
		for _, db := range list {
			d.add(docs, Push, db, s.Local(db.Name), d.remoteEnd(db.Name))
		}
	}
	if d.Direction == Push {
		return docs, nil
	}
	remote, err := d.client()
	if err != nil {
		return docs, err
	}
	list, err := Databases(ctx, remote, d)
	if err != nil {
		return docs, errors.Join(errRemote, err)
	}
	for _, db := range list {
		d.add(docs, Pull, db, d.remoteEnd(db.Name), s.Local(db.Name))
	}
	return docs, nil
}

// client asks the other site.
func (d Definition) client() (*couch.Client, error) {
	return couch.Open(couch.Config{URL: d.address(), Timeout: 10 * time.Second})
}

// address is the remote's, with the credentials.
func (d Definition) address() string {
	if d.User == "" {
		return d.Remote
	}
	scheme, rest, _ := strings.Cut(d.Remote, "://")
	return scheme + "://" + escapeUser(d.User, d.Password) + "@" + rest
}

// remoteEnd is a database of the other site as an end of a replication.
func (d Definition) remoteEnd(db string) any {
	end := map[string]any{"url": d.Remote + "/" + couch.EncodedDB(db)}
	if d.User != "" {
		end["auth"] = map[string]any{"basic": map[string]any{"username": d.User, "password": d.Password}}
	}
	return end
}

func (d Definition) add(docs map[string]document.Doc, direction string, db Database, source, target any) {
	sum := sha256.Sum256([]byte(db.Name))
	id := prefix(d.ID) + direction + "-" + hex.EncodeToString(sum[:8])
	doc := document.Doc{
		"_id": id, "source": source, "target": target, "create_target": true, "continuous": d.Continuous,
		"callflowd_replication": d.ID, "callflowd_database": db.Name,
	}
	if db.IDs != nil {
		doc["doc_ids"] = db.IDs
	} else {
		doc["selector"] = json.RawMessage(worthCopying)
	}
	docs[id] = doc
}

// Database is one to be copied, all of it or some documents.
type Database struct {
	Name string
	IDs  []string // nil: all that is worth copying
}

// worthCopying selects all documents but design documents and what a site has
// begun and not finished: another site must not finish it.
const worthCopying = `{"_id":{"$regex":"^[^_]"},"$nor":[{"_id":{"$regex":"^callflowd-(intent|batch)-"}}]}`

// Filter is what of the database a replicator copies.
func (db Database) Filter() replicator.Filter {
	if db.IDs != nil {
		return replicator.Filter{DocIDs: db.IDs}
	}
	return replicator.Filter{Selector: json.RawMessage(worthCopying)}
}

// Databases lists what a definition copies from a server.
func Databases(ctx context.Context, source *couch.Client, d Definition) ([]Database, error) {
	chosen, err := accountsOf(ctx, source, d.Accounts)
	if err != nil {
		return nil, err
	}
	names, err := source.AllDBs(ctx)
	if err != nil && chosen != nil && !problem.Is(err, problem.Unavailable) {
		names, err = probe(ctx, source, chosen) // a user who is no admin may not list all
	}
	if err != nil {
		return nil, err
	}
	var list []Database
	for _, name := range names {
		id, _, isAccount := couch.AccountOf(name)
		switch {
		case isAccount && (chosen == nil || chosen[id]), chosen == nil && strings.HasPrefix(name, "numbers"):
			list = append(list, Database{Name: name})
		case name == "accounts" && chosen == nil, name == "token_auth" && d.Tokens, name == "system_auth" && d.SigningKeys:
			list = append(list, Database{Name: name})
		case name == "accounts":
			list = append(list, Database{name, sortedKeys(chosen)})
		case name == "system_config" && chosen == nil:
			list = append(list, Database{name, []string{"accounts"}}) // who is the master account
		}
	}
	return list, nil
}

// probedMonths is how many months back a user who may not list databases
// looks for an account's history.
const probedMonths = 12

// probe looks for the databases of accounts, and for that of their copies, one
// by one.
func probe(ctx context.Context, source *couch.Client, chosen map[string]bool) ([]string, error) {
	now := time.Now().UTC()
	first := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	var candidates []string
	for _, id := range sortedKeys(chosen) {
		candidates = append(candidates, couch.AccountDB(id))
		for month := range probedMonths {
			candidates = append(candidates, couch.MonthDB(id, first.AddDate(0, -month, 0)))
		}
	}
	candidates = append(candidates, "accounts") // the copies of the accounts' documents, last
	var names []string
	for _, name := range candidates {
		_, err := source.DB(name).UpdateSeq(ctx)
		if problem.Is(err, problem.MissingDatabase) || problem.Is(err, problem.DatastoreFault) {
			continue // not there, or not for us
		}
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

func sortedKeys(set map[string]bool) []string {
	keys := []string{}
	for key := range set {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// accountsOf are the accounts of a selection; nil stands for all.
func accountsOf(ctx context.Context, source *couch.Client, s Selection) (map[string]bool, error) {
	if s.All {
		return nil, nil
	}
	chosen := map[string]bool{}
	for _, id := range s.IDs {
		chosen[id] = true
	}
	if s.Subtree == "" {
		return chosen, nil
	}
	chosen[s.Subtree] = true
	for row, err := range source.DB("accounts").AllDocs(ctx, couch.Query{IncludeDocs: true}) {
		if problem.Is(err, problem.MissingDatabase) {
			break
		}
		if err != nil {
			return nil, err
		}
		doc, err := row.Document()
		if err != nil || doc == nil {
			continue
		}
		tree, _ := doc["pvt_tree"].([]any)
		if slices.Contains(tree, any(s.Subtree)) {
			chosen[row.ID] = true
		}
	}
	return chosen, nil
}
