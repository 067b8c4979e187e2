package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/callflowd/callflowd/pkg/bench/load"
)

// couchlite measures documents read and written durably over HTTP, beside
// CouchDB where there is one.
func (b *bench) couchlite(ctx context.Context) (_ []Row, err error) {
	lite, err := b.lite(ctx, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lite.close()) }()
	lite.base = lite.embedded.couchdb // no proxy is needed
	lite.url = lite.embedded.couchURL()
	servers := []*server{lite}
	real, err := b.realCouchDB()
	if err != nil {
		return nil, err
	}
	if real != nil {
		servers = append(servers, real)
	}
	return b.documents(ctx, servers)
}

func (b *bench) documents(ctx context.Context, servers []*server) ([]Row, error) {
	var reads, writes []side
	for _, s := range servers {
		ids, body, err := b.directDocuments(ctx, s)
		if err != nil {
			return nil, err
		}
		reads = append(reads, s.side(s.name, load.Request{Path: "/" + directDB + "/{{line}}", Lines: ids}))
		writes = append(writes, s.side(s.name, load.Request{Method: http.MethodPut, Path: "/" + directDB + "/{{hex:32}}", Body: body}))
	}
	rows := []Row{
		{What: fmt.Sprintf("couchlite over HTTP, documents read, %d clients, beside CouchDB", clients), Bar: atLeast(10)},
		{What: fmt.Sprintf("couchlite over HTTP, documents written durably, %d clients, beside CouchDB", clients), Bar: atLeast(8)},
	}
	for i, sides := range [][]side{reads, writes} {
		got, err := b.race(ctx, clients, sides...)
		if err != nil {
			return nil, err
		}
		rows[i].Figure = rate(got[0].rate)
		rows[i].Note = fmt.Sprintf("p50 %s, p99 %s", load.Short(got[0].p50), load.Short(got[0].p99))
		if len(got) == 2 {
			rows[i].Baseline = rate(got[1].rate)
			continue
		}
		rows[i].Bar = Bar{}
		rows[i].Note += "; not compared: " + noCouchDB
	}
	return rows, nil
}

// directDocuments makes the documents that are read, and returns their ids
// and the body of those that are written.
func (b *bench) directDocuments(ctx context.Context, s *server) (ids []string, body string, err error) {
	client, err := storage(s.url)
	if err != nil {
		return nil, "", err
	}
	if err := client.CreateDB(ctx, directDB); err != nil {
		return nil, "", err
	}
	docs, err := callflows(accountID(0), 0, 1000)
	if err != nil {
		return nil, "", err
	}
	written := docs[0].Clone()
	delete(written, "_id")
	raw, err := json.Marshal(written)
	if err != nil {
		return nil, "", err
	}
	for _, doc := range docs {
		doc["_id"] = "read-" + doc.ID()
		ids = append(ids, doc.ID())
	}
	_, err = client.DB(directDB).Bulk(ctx, docs) // they may be there already
	return ids, string(raw), err
}
