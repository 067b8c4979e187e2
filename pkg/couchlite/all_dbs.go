package couchlite

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
)

// allDatabases serves /_all_dbs.
func (q *request) allDatabases() error {
	rq, err := q.listingQuery()
	if err != nil {
		return err
	}
	return writeJSON(q.w, http.StatusOK, rq.Cut(q.s.store.Names()))
}

// databasesInfo serves /_dbs_info: all databases with GET, those named in
// keys with POST.
func (q *request) databasesInfo() error {
	names, err := q.askedDatabases()
	if err != nil {
		return err
	}
	if len(names) > maxInfos {
		return fault.BadRequest("Too many databases at once.")
	}
	infos := []json.RawMessage{}
	for _, name := range names {
		info, err := q.databaseInfo(name)
		if err != nil {
			return err
		}
		infos = append(infos, info)
	}
	return writeJSON(q.w, http.StatusOK, infos)
}

// askedDatabases lists the databases that _dbs_info is asked about.
func (q *request) askedDatabases() ([]string, error) {
	if q.Method != http.MethodPost {
		rq, err := q.listingQuery()
		return rq.Cut(q.s.store.Names()), err
	}
	if err := q.jsonOnly(); err != nil {
		return nil, err
	}
	var in struct{ Keys []string }
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	if in.Keys == nil {
		return nil, fault.BadRequest("`keys` member must exist.")
	}
	return in.Keys, nil
}

// maxInfos bounds how many databases one request may open.
const maxInfos = 1000

func (q *request) databaseInfo(name string) (json.RawMessage, error) {
	db, err := q.s.store.Acquire(q.Context(), name)
	var f *fault.Error
	if errors.As(err, &f) {
		return json.Marshal(map[string]string{"key": name, "error": f.Code})
	}
	if err != nil {
		return nil, err
	}
	defer q.s.store.Release(db)
	return json.Marshal(map[string]any{"key": name, "info": db.Info()})
}
