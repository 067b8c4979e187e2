package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"github.com/callflowd/callflowd/pkg/couch"
)

// What programs of a bench have in common. The limits are an operator's for a
// switch behind a proxy: they judge every request and refuse none.
const (
	masterKey   = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	couchUser   = "bench"
	couchPass   = "bench-password"
	clientIP    = "192.0.2.1"
	unreachable = "10000000"
	jsonType    = "application/json"
)

// program is a callflowd that has started.
type program struct {
	*process
	api, admin, couchdb string // host:port; couchdb is "" on another server
	token, master       string
	client              *http.Client // for what is not measured
}

// startEmbedded starts a program on databases of its own, which it also
// serves over CouchDB's protocol.
func (c *Common) startEmbedded(ctx context.Context, name, dataDir string) (*program, error) {
	secret := filepath.Join(c.WorkDir, "couchdb-admin")
	if err := os.WriteFile(secret, []byte(couchUser+":"+couchPass+"\n"), 0o600); err != nil {
		return nil, err
	}
	return c.start(ctx, name, dataDir, "--couchdb-listen=127.0.0.1:0", "--couchdb-admin-file="+secret)
}

// startOn starts a program on a CouchDB server.
func (c *Common) startOn(ctx context.Context, name, couchURL string) (*program, error) {
	dir, err := c.place(name)
	if err != nil {
		return nil, err
	}
	return c.start(ctx, name, dir, "--couchdb-url="+couchURL)
}

// serveArgs are the arguments that every program has.
func serveArgs(dataDir string) []string {
	return []string{
		"serve", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--data-dir=" + dataDir,
		"--log-format=json", "--log-level=info", "--master-api-key=" + masterKey, "--trusted-proxy=127.0.0.0/8",
		"--rate-burst=" + unreachable, "--rate-per-second=" + unreachable,
		"--lookup-burst=" + unreachable, "--lookup-per-second=" + unreachable,
	}
}

func (c *Common) start(ctx context.Context, name, dataDir string, args ...string) (*program, error) {
	child, err := c.spawn(ctx, name, append(serveArgs(dataDir), args...)...)
	if err != nil {
		return nil, err
	}
	p := &program{process: child, client: plainClient()}
	if err := child.await(ctx, child.stderr, p.started); err != nil {
		child.kill()
		return nil, err
	}
	if err := p.login(ctx); err != nil {
		child.kill()
		return nil, err
	}
	return p, nil
}

// started reads the log record that says where the program listens.
func (p *program) started(line []byte) bool {
	var record struct {
		Msg       string            `json:"msg"`
		Listening map[string]string `json:"listening"`
	}
	if json.Unmarshal(line, &record) != nil || record.Msg != "started" {
		return false
	}
	p.api, p.admin, p.couchdb = record.Listening["api"], record.Listening["admin"], record.Listening["couchdb"]
	return true
}

func (p *program) login(ctx context.Context) error {
	var session struct {
		Token string `json:"auth_token"`
		Data  struct {
			AccountID string `json:"account_id"`
		} `json:"data"`
	}
	body := map[string]any{"data": map[string]any{"api_key": masterKey}}
	if err := p.call(ctx, http.MethodPut, "/v2/api_auth", body, &session); err != nil {
		return err
	}
	p.token, p.master = session.Token, session.Data.AccountID
	return nil
}

// newAccount makes an account below the master account.
func (p *program) newAccount(ctx context.Context, name string) (string, error) {
	var made struct {
		Data struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	body := map[string]any{"data": map[string]any{"name": name}}
	err := p.call(ctx, http.MethodPut, "/v2/accounts/"+p.master, body, &made)
	return made.Data.ID, err
}

// header is what every request to the API carries: as through a proxy, so
// that the limits on requests apply.
func (p *program) header() http.Header {
	h := http.Header{"X-Forwarded-For": {clientIP}}
	if p.token != "" {
		h.Set("X-Auth-Token", p.token)
	}
	return h
}

// statusError is an answer that is no success.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string { return e.text }

// statusOf returns the status of an answer that was an error, or 0.
func statusOf(err error) int {
	var answer *statusError
	if errors.As(err, &answer) {
		return answer.status
	}
	return 0
}

// call sends one request to the API, for what is not measured.
func (p *program) call(ctx context.Context, method, path string, body, into any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if body == nil {
		raw = nil
	}
	res, err := p.send(ctx, method, path, jsonType, raw)
	if err != nil {
		return err
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(res.body, into)
}

// fetched is an answer as it came.
type fetched struct {
	header http.Header
	body   []byte
}

func (p *program) send(ctx context.Context, method, path, contentType string, body []byte) (*fetched, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+p.api+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header = p.header()
	if body != nil {
		r.Header.Set("Content-Type", contentType)
	}
	res, err := p.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 400 {
		err = &statusError{res.StatusCode, fmt.Sprintf("%s %s: %d %.200s", method, path, res.StatusCode, raw)}
	}
	return &fetched{res.Header, raw}, err
}

// plainClient asks for answers as they are, not compressed.
func plainClient() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16}}
}

// couchURL is the address of the databases that the program serves.
func (p *program) couchURL() string { return couchURL(p.couchdb) }

func couchURL(address string) string {
	u := url.URL{Scheme: "http", Host: address, User: url.UserPassword(couchUser, couchPass)}
	return u.String()
}

// storage is a client of a server of documents.
func storage(address string) (*couch.Client, error) {
	return couch.Open(couch.Config{URL: address})
}
