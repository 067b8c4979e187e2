package phone

import (
	"context"
	"slices"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Foreign lists those of some numbers that the number databases assign to
// somebody outside an account and its descendants. Numbers that are in no
// database are allowed, as in Kazoo.
func Foreign(ctx context.Context, c *couch.Client, accountID string, numbers []string) ([]string, error) {
	byDB := map[string][]string{}
	for _, n := range numbers {
		if db := couch.NumberDB(n); db != "" && number.Reconcilable(n) {
			byDB[db] = append(byDB[db], n)
		}
	}
	var out []string
	for db, some := range byDB {
		docs, err := numberDocs(ctx, c, db, some)
		if err != nil {
			return nil, err
		}
		for n, d := range docs {
			mine, err := mayUse(ctx, c, accountID, d)
			if err != nil {
				return nil, err
			}
			if !mine {
				out = append(out, n)
			}
		}
	}
	slices.Sort(out)
	return out, nil
}

// numberDocs reads number documents. It first asks, without a body, whether their
// database exists: CouchDB closes the connection on a body sent to a missing one.
func numberDocs(ctx context.Context, c *couch.Client, db string, numbers []string) (map[string]document.Doc, error) {
	if there, err := c.HasDB(ctx, db); !there || err != nil {
		return nil, err
	}
	docs, err := c.DB(db).GetMany(ctx, numbers)
	if problem.Is(err, problem.MissingDatabase) {
		return nil, nil
	}
	return docs, err
}

// mayUse checks one number document: it must be available, or assigned to the
// account or a descendant, or reserved by an ancestor.
func mayUse(ctx context.Context, c *couch.Client, accountID string, n document.Doc) (bool, error) {
	owner := n.String(assignedTo)
	state := n.String(stateKey)
	if owner == "" || owner == accountID || state == Available || !n.Live() {
		return true, nil
	}
	docs, err := c.DB("accounts").GetMany(ctx, []string{owner, accountID})
	if err != nil && !problem.Is(err, problem.MissingDatabase) {
		return false, err
	}
	if slices.Contains(docs[owner].Strings("pvt_tree"), accountID) {
		return true, nil
	}
	return state == Reserved && slices.Contains(docs[accountID].Strings("pvt_tree"), owner), nil
}
