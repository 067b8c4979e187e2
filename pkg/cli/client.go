package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// client speaks to the API of a server.
type client struct {
	env      *Env
	settings settings
	given    bool   // the token was given, so nothing may replace it
	account  string // "" until asked for
	http     http.Client
	patient  http.Client // without a time limit, for exports and imports
}

// answer is an envelope.
type answer struct {
	Status       string          `json:"status"`
	Message      string          `json:"message"`
	Data         json.RawMessage `json:"data"`
	AuthToken    string          `json:"auth_token"`
	Revision     string          `json:"revision"`
	NextStartKey string          `json:"next_start_key"`
	LastSeq      string          `json:"last_seq"`
	Warnings     []warning       `json:"warnings"`
}

type warning struct {
	Path    string `json:"path"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// answerLimit is how long an answer may take: longer than the server waits
// for changes.
const answerLimit = 5 * time.Minute

// connect finds out which server and which login a command means. What the
// command line or the environment names wins.
func (c *Server) connect(e *Env) (*client, error) {
	known, err := load(e)
	if err != nil {
		return nil, err
	}
	cl := &client{env: e, http: http.Client{Timeout: answerLimit}}
	server := strings.TrimRight(c.URL, "/")
	switch {
	case c.Token != "":
		cl.given = true
		cl.settings = settings{Server: cmp.Or(server, known.Server), Token: c.Token}
		if c.URL == "" {
			cl.account = known.Account
		}
	case server == "" || server == known.Server:
		cl.settings, cl.account = known, known.Account
	default:
		return nil, &usageError{"there is no login for " + server + ": callflowd login " + server}
	}
	if cl.settings.Server == "" {
		return nil, &usageError{"no server is known: callflowd login URL, or set CALLFLOWD_URL and CALLFLOWD_TOKEN"}
	}
	cl.account = cmp.Or(c.Account, cl.account)
	return cl, nil
}

// inAccount is a path below the account: its id comes from the command line,
// the login, or the token.
func (c *client) inAccount(ctx context.Context, parts ...string) (string, error) {
	if c.account == "" {
		var token struct {
			AccountID string `json:"account_id"`
		}
		got, err := c.call(ctx, http.MethodGet, "/v2/token_auth", nil)
		if err == nil {
			err = decode(got.Data, &token)
		}
		if err != nil {
			return "", err
		}
		c.account = token.AccountID
	}
	path := "/v2/accounts/" + url.PathEscape(c.account)
	for _, part := range parts {
		path += "/" + url.PathEscape(part)
	}
	return path, nil
}

// call sends data in an envelope, nil for no body, and returns the envelope
// that comes back. A token that has expired is renewed once.
func (c *client) call(ctx context.Context, method, path string, data any) (answer, error) {
	return c.callWith(ctx, method, path, data, nil)
}

// callWith is call with other members of the envelope, such as revision.
func (c *client) callWith(ctx context.Context, method, path string, data any, members map[string]any) (answer, error) {
	var body []byte
	if data != nil {
		envelope := map[string]any{"data": data}
		for name, value := range members {
			envelope[name] = value
		}
		var err error
		if body, err = json.Marshal(envelope); err != nil {
			return answer{}, err
		}
	}
	got, err := c.once(ctx, method, path, body)
	var failed *failure
	if errors.As(err, &failed) && failed.status == http.StatusUnauthorized && c.renew(ctx) {
		got, err = c.once(ctx, method, path, body)
	}
	return got, err
}

// renew gets a new token with what the login left, and remembers it.
func (c *client) renew(ctx context.Context) bool {
	s := &c.settings
	if c.given || s.APIKey == "" && s.Credentials == "" {
		return false
	}
	if err := s.authenticate(ctx, c); err != nil {
		return false
	}
	_ = s.store(c.env) // the next command then renews it again
	return true
}

func (c *client) once(ctx context.Context, method, path string, body []byte) (answer, error) {
	res, err := c.send(ctx, method, path, "application/json", body)
	if err != nil {
		return answer{}, err
	}
	return readAnswer(res)
}

// readAnswer reads an envelope. Its error is what the envelope tells of.
func readAnswer(res *http.Response) (answer, error) {
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}, &failure{err: err}
	}
	var got answer
	if err := json.Unmarshal(raw, &got); err != nil {
		return answer{}, &failure{status: res.StatusCode, message: "the answer is not callflowd's: " + res.Status, err: err}
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		failed := &failure{status: res.StatusCode, message: got.Message}
		_ = decode(got.Data, &failed.data) // data that is no object tells nothing more
		return got, failed
	}
	return got, nil
}

// send sends one request. An error means that no answer came.
func (c *client) send(ctx context.Context, method, path, accept string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.settings.Server+path, bytes.NewReader(body))
	if err != nil {
		return nil, &usageError{err.Error()}
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	return c.do(&c.http, req, accept)
}

// stream sends what request makes, and returns the body of the answer, which
// may take any time to come. A token that has expired is renewed once; the
// request is then made anew.
func (c *client) stream(ctx context.Context, accept string, request func() (*http.Request, error)) (io.ReadCloser, error) {
	for range 2 {
		req, err := request()
		if err != nil {
			return nil, &usageError{err.Error()}
		}
		res, err := c.do(&c.patient, req, accept)
		if err != nil {
			return nil, err
		}
		if res.StatusCode == http.StatusOK {
			return res.Body, nil
		}
		_, err = readAnswer(res)
		if res.StatusCode != http.StatusUnauthorized || !c.renew(ctx) {
			return nil, err
		}
	}
	return nil, &failure{status: http.StatusUnauthorized, message: "the login is no longer good"}
}

// do adds the headers that every request has, and sends it.
func (c *client) do(by *http.Client, req *http.Request, accept string) (*http.Response, error) {
	req.Header.Set("Accept", accept)
	if c.settings.Token != "" {
		req.Header.Set("X-Auth-Token", c.settings.Token)
	}
	res, err := by.Do(req)
	if err != nil {
		return nil, &failure{err: err}
	}
	return res, nil
}

// decode reads JSON and keeps numbers as they are written.
func decode(raw []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return d.Decode(v)
}

// query is a query string of those of the pairs that have a value.
func query(pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}
