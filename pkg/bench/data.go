package bench

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/callflowd/callflowd/couchviews"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
)

// bulkSize is how many documents go into one request.
const bulkSize = 1000

// newCallflow is a callflow as a console writes it: a menu, a ring group, a
// mailbox behind each user. It has about 1 kB.
func newCallflow(name, number string) string {
	const id = "463e7431cd7248dea28645c267b03262"
	const mailbox = `{"module":"voicemail","data":{"id":"` + id + `"},"children":{}}`
	const user = `{"module":"user","data":{"id":"` + id + `","timeout":20,"can_call_self":false},"children":{"_":` + mailbox + `}}`
	const group = `{"module":"ring_group","data":{"name":"sales","timeout":25,"endpoints":[{"id":"` + id +
		`","endpoint_type":"user","delay":0,"timeout":20},{"id":"` + id + `","endpoint_type":"device","delay":5,"timeout":15}]},"children":{"_":` + user + `}}`
	const flow = `{"module":"menu","data":{"id":"` + id + `"},"children":{"1":` + user + `,"2":` + group + `,"_":` + user + `}}`
	return `{"name":"` + name + `","numbers":["` + number + `"],"flow":` + flow + `}`
}

// accountID is the id of the n-th account made for a bench; like real ones,
// the ids spread over all databases' prefixes.
func accountID(n int) string { return idOf("account", n) }

// callflowID is the id of the n-th callflow of the account.
func callflowID(n int) string { return idOf("callflow", n) }

func idOf(kind string, n int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "callflowd bench %s %d", kind, n))
	return hex.EncodeToString(sum[:16])
}

// An area code holds numbers whose fourth digit is not 0 or 1.
const (
	areaSize  = 8_000_000
	firstLine = 2_000_000
)

// numberOf is the number of the n-th callflow of a bench, in E.164: area code
// 200 and up, as North America numbers them.
func numberOf(n int) string { return fmt.Sprintf("+1%d%07d", 200+n/areaSize, firstLine+n%areaSize) }

// dialled is the same number as a person dials it.
func dialled(n int) string { return numberOf(n)[2:] }

// callflows returns the documents of the callflows from n up, in the form in
// which callflowd and Kazoo store them.
func callflows(account string, n, count int) ([]document.Doc, error) {
	docs := make([]document.Doc, count)
	for i := range docs {
		var doc document.Doc
		if err := json.Unmarshal([]byte(newCallflow(fmt.Sprintf("Extension %d", n+i), numberOf(n+i))), &doc); err != nil {
			return nil, err
		}
		stamp(doc, "callflow", account)
		doc["_id"] = callflowID(n + i)
		docs[i] = doc
	}
	return docs, nil
}

func stamp(doc document.Doc, kind, account string) {
	document.Stamp{
		Type: kind, AccountID: account, AccountDB: couch.EncodedDB(couch.AccountDB(account)),
		RequestID: "callflowd-bench", Now: time.Now(),
	}.Apply(doc)
}

// fill puts callflows straight into an account's database.
func fill(ctx context.Context, client *couch.Client, account string, first, count int) error {
	for from := 0; from < count; from += bulkSize {
		docs, err := callflows(account, first+from, min(bulkSize, count-from))
		if err == nil {
			err = put(ctx, client.Account(account), docs)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// put stores documents, every one of them.
func put(ctx context.Context, db *couch.DB, docs []document.Doc) error {
	results, err := db.Bulk(ctx, docs)
	for _, result := range results {
		err = errors.Join(err, result.Err)
	}
	return err
}

// newAccount is the document of the n-th account, a child of parent.
func newAccount(n int, parent string) document.Doc {
	doc := document.Doc{
		"_id": accountID(n), "name": fmt.Sprintf("Customer %d", n), "realm": fmt.Sprintf("customer%d.bench.example", n),
		"timezone": "Europe/Berlin", "pvt_enabled": true, "pvt_superduper_admin": false, "pvt_reseller": false,
		"pvt_api_key": accountID(n) + accountID(-1-n), "pvt_tree": []any{parent}, "pvt_reseller_id": parent,
	}
	stamp(doc, "account", accountID(n))
	return doc
}

// fillers is how many accounts are made at a time.
const fillers = 8

// fillAccounts makes the accounts from first to last, the latter excluded,
// with their databases, design documents and callflows, straight in storage
// and as callflowd makes them.
func fillAccounts(ctx context.Context, client *couch.Client, parent string, first, last, callflowsEach int) error {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(fillers)
	for n := first; n < last && groupCtx.Err() == nil; n++ {
		group.Go(func() error { return fillAccount(groupCtx, client, n, parent, callflowsEach) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for from := first; from < last; from += bulkSize {
		var copies []document.Doc
		for n := from; n < min(from+bulkSize, last); n++ {
			copies = append(copies, newAccount(n, parent))
		}
		if err := put(ctx, client.DB("accounts"), copies); err != nil {
			return err
		}
	}
	return nil
}

func fillAccount(ctx context.Context, client *couch.Client, n int, parent string, callflowsEach int) error {
	id := accountID(n)
	if err := client.CreateDB(ctx, couch.AccountDB(id)); err != nil {
		return err
	}
	docs, err := couchviews.Designs("account")
	if err != nil {
		return err
	}
	if err := put(ctx, client.Account(id), append(docs, newAccount(n, parent))); err != nil {
		return err
	}
	return fill(ctx, client, id, n*callflowsEach, callflowsEach)
}
