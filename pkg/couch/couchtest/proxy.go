package couchtest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// universe gives its clients a server of their own on a shared one: every
// database name gets a prefix on the way in and loses it on the way out.
type universe struct {
	target *url.URL
	prefix string
	slash  string // what stands for "/" in names on the server
}

// handler is the reverse proxy.
func (u *universe) handler() http.Handler {
	return &httputil.ReverseProxy{
		Rewrite:        u.rewrite,
		ModifyResponse: u.modify,
		FlushInterval:  -1,
	}
}

// outer and inner translate a database's name to the server's and back.
func (u *universe) outer(name string) string {
	return u.prefix + strings.ReplaceAll(name, "/", u.slash)
}

func (u *universe) inner(name string) (string, bool) {
	rest, ok := strings.CutPrefix(name, u.prefix)
	return strings.ReplaceAll(rest, u.slash, "/"), ok
}

// serverEndpoints are the first path segments that name no database.
func serverEndpoints() []string {
	return []string{
		"", "_all_dbs", "_db_updates", "_up", "_session", "_uuids", "_active_tasks", "_dbs_info",
		"_membership", "_node", "_scheduler", "_utils", "_replicate", "_cluster_setup",
	}
}

func (u *universe) rewrite(r *httputil.ProxyRequest) {
	segment, rest, _ := strings.Cut(strings.TrimPrefix(r.In.URL.EscapedPath(), "/"), "/")
	name, err := url.PathUnescape(segment)
	escaped := "/" + segment
	if err == nil && !slices.Contains(serverEndpoints(), name) {
		escaped = "/" + strings.ReplaceAll(url.PathEscape(u.outer(name)), "+", "%2B")
		if r.In.Method == http.MethodPut && rest == "" {
			query := r.Out.URL.Query()
			query.Set("q", "1") // one shard is made faster than two
			r.Out.URL.RawQuery = query.Encode()
		}
	}
	if name == "_all_dbs" {
		r.Out.URL.RawQuery = u.rangeOf(r.Out.URL.Query()).Encode()
	}
	if rest != "" || strings.HasSuffix(r.In.URL.EscapedPath(), "/") && segment != "" {
		escaped += "/" + rest
	}
	r.Out.URL.Scheme, r.Out.URL.Host = u.target.Scheme, u.target.Host
	r.Out.Host = u.target.Host
	r.Out.URL.RawPath = u.target.Path + escaped
	r.Out.URL.Path, _ = url.PathUnescape(r.Out.URL.RawPath)
	r.Out.Header.Del("Accept-Encoding") // answers are read here
	if user := u.target.User; user != nil && r.In.Header.Get("Authorization") == "" {
		password, _ := user.Password()
		r.Out.SetBasicAuth(user.Username(), password)
	}
}

// rangeOf translates the bounds of a list of databases.
func (u *universe) rangeOf(query url.Values) url.Values {
	for _, bound := range []string{"startkey", "endkey"} {
		var name string
		if json.Unmarshal([]byte(query.Get(bound)), &name) == nil {
			query.Set(bound, strconv.Quote(u.outer(name)))
		}
	}
	return query
}

// modify translates the answers that name databases.
func (u *universe) modify(res *http.Response) error {
	if res.StatusCode != http.StatusOK || res.Request.Method != http.MethodGet {
		return nil
	}
	path := strings.TrimPrefix(res.Request.URL.EscapedPath(), u.target.Path)
	switch segments := strings.Split(strings.Trim(path, "/"), "/"); {
	case segments[0] == "_all_dbs":
		return u.replace(res, u.allDBs)
	case segments[0] == "_db_updates" && res.Request.URL.Query().Get("feed") == "continuous":
		res.Body = u.updateLines(res.Body)
	case segments[0] == "_db_updates":
		return u.replace(res, u.updatesPage)
	case len(segments) == 1 && !slices.Contains(serverEndpoints(), segments[0]):
		return u.replace(res, u.info)
	}
	return nil
}

func (u *universe) replace(res *http.Response, change func([]byte) ([]byte, error)) error {
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	_ = res.Body.Close()
	if body, err = change(body); err != nil {
		return err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	res.ContentLength = int64(len(body))
	res.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}

func (u *universe) allDBs(body []byte) ([]byte, error) {
	var names []string
	if err := json.Unmarshal(body, &names); err != nil {
		return nil, err
	}
	own := []string{}
	for _, name := range names {
		if name, ok := u.inner(name); ok {
			own = append(own, name)
		}
	}
	return json.Marshal(own)
}

func (u *universe) info(body []byte) ([]byte, error) {
	var info map[string]any
	if err := json.Unmarshal(body, &info); err != nil {
		return nil, err
	}
	if name, ok := info["db_name"].(string); ok {
		info["db_name"], _ = u.inner(name)
	}
	return json.Marshal(info)
}

// row translates one row of _db_updates; false if it is another universe's.
func (u *universe) row(row map[string]any) bool {
	name, _ := row["db_name"].(string)
	inner, ok := u.inner(name)
	row["db_name"] = inner
	return ok
}

func (u *universe) updatesPage(body []byte) ([]byte, error) {
	var page struct {
		Results []map[string]any `json:"results"`
		LastSeq any              `json:"last_seq"`
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return nil, err
	}
	page.Results = slices.DeleteFunc(page.Results, func(row map[string]any) bool { return !u.row(row) })
	if page.Results == nil {
		page.Results = []map[string]any{}
	}
	return json.Marshal(page)
}

// updateLines translates a continuous feed line by line; heartbeats pass.
func (u *universe) updateLines(body io.ReadCloser) io.ReadCloser {
	out, in := io.Pipe()
	go func() {
		lines := bufio.NewReader(body)
		for {
			line, err := lines.ReadBytes('\n')
			if translated := u.updateLine(line); len(translated) > 0 {
				if _, werr := in.Write(translated); werr != nil {
					err = werr
				}
			}
			if err != nil {
				_ = body.Close()
				_ = in.CloseWithError(err)
				return
			}
		}
	}()
	return struct {
		io.Reader
		io.Closer
	}{out, closers{out, body}}
}

func (u *universe) updateLine(line []byte) []byte {
	var row map[string]any
	if json.Unmarshal(line, &row) != nil || row["db_name"] == nil {
		return line
	}
	if !u.row(row) {
		return nil
	}
	translated, err := json.Marshal(row)
	if err != nil {
		return nil
	}
	return append(translated, '\n')
}

type closers []io.Closer

func (c closers) Close() error {
	var first error
	for _, closer := range c {
		if err := closer.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}
