package cli

import (
	"bufio"
	"context"
	"crypto/md5" //nolint:gosec // Kazoo's form of credentials, not a secret's protection
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Login stores a server and how to log in to it.
type Login struct {
	Server      string `arg:"" placeholder:"URL" help:"The server, such as http://127.0.0.1:8000."`
	APIKey      string `name:"api-key" placeholder:"KEY" help:"The account's API key. Without it and without --user it is asked for."`
	User        string `typed:"" placeholder:"NAME" help:"A user of the account, instead of its key; the password is asked for."`
	AccountName string `typed:"" placeholder:"NAME" help:"The name of the user's account."`
	Account     string `short:"a" placeholder:"ID" help:"The account that commands mean; by default the one that logs in."`
}

// Run logs in.
func (l *Login) Run(ctx context.Context, e *Env) error {
	server, err := url.Parse(l.Server)
	if err != nil || server.Host == "" || server.Scheme != "http" && server.Scheme != "https" {
		return &usageError{fmt.Sprintf("%q is not of the form http://host:port", l.Server)}
	}
	s := settings{Server: strings.TrimRight(l.Server, "/"), APIKey: l.APIKey, AccountName: l.AccountName}
	if err := l.secrets(e, &s); err != nil {
		return err
	}
	if err := s.authenticate(ctx, &client{env: e}); err != nil {
		return err
	}
	if l.Account != "" {
		s.Account = l.Account
	}
	if err := s.store(e); err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.Stdout, "logged in to %s, account %s\n", s.Server, s.Account)
	return err
}

// secrets asks for what the flags do not have.
func (l *Login) secrets(e *Env, s *settings) error {
	switch {
	case l.User != "" && l.AccountName == "":
		return &usageError{"--user: needs --account-name"}
	case l.User != "":
		password, err := ask(e, "password: ")
		sum := md5.Sum([]byte(l.User + ":" + password)) //nolint:gosec // see above
		s.Credentials = hex.EncodeToString(sum[:])
		return err
	case l.APIKey == "":
		key, err := ask(e, "API key: ")
		s.APIKey = key
		return err
	}
	return nil
}

// ask reads a secret: from the terminal unseen, or a line of stdin.
func ask(e *Env, prompt string) (string, error) {
	fmt.Fprint(e.Stderr, prompt)
	if e.Password != nil {
		secret, err := e.Password()
		fmt.Fprintln(e.Stderr)
		return secret, err
	}
	line, err := bufio.NewReader(e.Stdin).ReadString('\n')
	if err != nil && (err != io.EOF || line == "") {
		return "", &usageError{"nothing was given for " + strings.TrimSuffix(prompt, ": ")}
	}
	fmt.Fprintln(e.Stderr)
	return strings.TrimRight(line, "\r\n"), nil
}

// authenticate gets a token for what the settings have. An account that was
// chosen before stays.
func (s *settings) authenticate(ctx context.Context, c *client) error {
	path, data := "/v2/api_auth", map[string]any{"api_key": s.APIKey}
	if s.Credentials != "" {
		path, data = "/v2/user_auth", map[string]any{"credentials": s.Credentials, "account_name": s.AccountName}
	}
	asking := client{env: c.env, given: true, settings: settings{Server: s.Server}}
	got, err := asking.call(ctx, http.MethodPut, path, data)
	if failed, ok := errors.AsType[*failure](err); ok && failed.status == http.StatusNotFound {
		failed.status, failed.message, failed.data = http.StatusUnauthorized, "no account has this key, or no account is called that", nil // as Kazoo answers
	}
	if err != nil {
		return err
	}
	var session struct {
		AccountID string `json:"account_id"`
	}
	if err := decode(got.Data, &session); err != nil {
		return err
	}
	if s.Token = got.AuthToken; s.Account == "" {
		s.Account = session.AccountID
	}
	return nil
}
