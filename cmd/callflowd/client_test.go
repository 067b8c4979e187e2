package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"
)

// caller speaks to the API with a token.
type caller struct {
	t     testing.TB
	base  string // http://127.0.0.1:PORT
	token string
}

// envelope is an answer of the API.
type envelope struct {
	Status    int             `json:"-"` // of HTTP
	Data      json.RawMessage `json:"data"`
	AuthToken string          `json:"auth_token"`
	Revision  string          `json:"revision"`
}

// login exchanges an API key for a token, and tells which account it is for.
func login(t testing.TB, p *program, key string) (c caller, account string) {
	t.Helper()
	c = caller{t: t, base: p.api}
	env := c.must(http.StatusCreated, "PUT", "/v2/api_auth", map[string]any{"api_key": key})
	var data struct {
		AccountID string `json:"account_id"`
	}
	env.decode(t, &data)
	c.token = env.AuthToken
	return c, data.AccountID
}

// try sends data in an envelope; nil data sends no body. A failed connection
// is an error, an answer of whatever status is not.
func (c caller) try(method, path string, data any) (envelope, error) {
	var body bytes.Buffer
	if data != nil {
		if err := json.NewEncoder(&body).Encode(map[string]any{"data": data}); err != nil {
			return envelope{}, err
		}
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, &body)
	if err != nil {
		return envelope{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Auth-Token", c.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return envelope{}, err
	}
	defer res.Body.Close()
	env := envelope{Status: res.StatusCode}
	if err := json.NewDecoder(res.Body).Decode(&env); err != nil {
		return envelope{}, fmt.Errorf("%s %s answered %d with no envelope: %w", method, path, res.StatusCode, err)
	}
	return env, nil
}

// must is try where a certain status is expected.
func (c caller) must(status int, method, path string, data any) envelope {
	c.t.Helper()
	env, err := c.try(method, path, data)
	if err != nil {
		c.t.Fatal(err)
	}
	if env.Status != status {
		c.t.Fatalf("%s %s: %d, want %d: %s", method, path, env.Status, status, env.Data)
	}
	return env
}

func (e envelope) decode(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(e.Data, v); err != nil {
		t.Fatalf("data %s: %v", e.Data, err)
	}
}

// createAccount makes an account below the caller's own and returns its path,
// /v2/accounts/ID.
func (c caller) createAccount(data any) string {
	c.t.Helper()
	var created struct {
		ID string `json:"id"`
	}
	c.must(http.StatusCreated, "PUT", "/v2/accounts", data).decode(c.t, &created)
	return "/v2/accounts/" + created.ID
}

// routed is what a lookup answers, as far as these tests look.
type routed struct {
	Match struct {
		Kind          string            `json:"kind"`
		Key           string            `json:"key"`
		CaptureGroup  string            `json:"capture_group"`
		CaptureGroups map[string]string `json:"capture_groups"`
	} `json:"match"`
	CallflowID string `json:"callflow_id"`
	Callflow   struct {
		Name string `json:"name"`
	} `json:"callflow"`
}

// lookup asks which callflow takes a dialled number.
func (c caller) lookup(account, dialled string) (routed, int) {
	c.t.Helper()
	env, err := c.try("GET", account+"/routes/"+url.PathEscape(dialled), nil)
	if err != nil {
		c.t.Fatal(err)
	}
	var r routed
	if env.Status == http.StatusOK {
		env.decode(c.t, &r)
	}
	return r, env.Status
}
