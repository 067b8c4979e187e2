package couchlite

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
)

// allDatabases serves /_all_dbs.
func (q *request) allDatabases() error {
	rq, err := q.listingQuery()
	if err != nil {
		return err
	}
	return writeJSON(q.w, http.StatusOK, rq.cut(q.s.names()))
}

// cut returns the names that the query's range, skip and limit leave.
func (rq rangeQuery) cut(names []string) []string {
	kept := []string{}
	if rq.descending {
		slices.Reverse(names)
	}
	start, end := idBound(rq.start), idBound(rq.end)
	for _, name := range names {
		if start.given && before(name, start, rq.descending) || end.given && past(name, end, rq) {
			continue
		}
		kept = append(kept, name)
	}
	kept = kept[min(rq.skip, len(kept)):]
	if rq.limit >= 0 {
		kept = kept[:min(rq.limit, len(kept))]
	}
	return kept
}

// compare orders a name against the bound.
func (b bound) compare(name string) int {
	if b.below {
		return 1
	}
	return strings.Compare(name, b.id)
}

func before(name string, start bound, descending bool) bool {
	c := start.compare(name)
	return c < 0 && !descending || c > 0 && descending
}

func past(name string, end bound, rq rangeQuery) bool {
	c := end.compare(name)
	if c == 0 {
		return rq.exclusiveEnd
	}
	return c > 0 != rq.descending
}

// databasesInfo serves /_dbs_info: all databases with GET, those named in
// keys with POST.
func (q *request) databasesInfo() error {
	names, err := q.askedDatabases()
	if err != nil {
		return err
	}
	if len(names) > maxInfos {
		return badRequest("Too many databases at once.")
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
		return rq.cut(q.s.names()), err
	}
	if err := q.jsonOnly(); err != nil {
		return nil, err
	}
	var in struct{ Keys []string }
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	if in.Keys == nil {
		return nil, badRequest("`keys` member must exist.")
	}
	return in.Keys, nil
}

// maxInfos bounds how many databases one request may open.
const maxInfos = 1000

func (q *request) databaseInfo(name string) (json.RawMessage, error) {
	sl, err := q.s.acquire(q.Context(), name)
	var f *failure
	if errors.As(err, &f) {
		return json.Marshal(map[string]string{"key": name, "error": f.Code})
	}
	if err != nil {
		return nil, err
	}
	defer q.s.release(sl)
	return json.Marshal(map[string]any{"key": name, "info": sl.db.info()})
}
