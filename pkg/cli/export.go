package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// Export takes an account's callflows out.
type Export struct {
	Common
	From             string `arg:"" optional:"" name:"account-id" help:"The account; by default the one of the login."`
	WithDependencies bool   `typed:"" help:"Also the documents that callflows refer to."`
	History          bool   `typed:"" help:"Also older versions."`
}

// Run writes JSON Lines to stdout. An export that breaks off is an error.
func (x *Export) Run(ctx context.Context, e *Env) error {
	c, err := x.connect(e)
	if err != nil {
		return err
	}
	if x.From != "" {
		c.account = x.From
	}
	body, err := c.export(ctx, x.WithDependencies, x.History, false)
	if err != nil {
		return err
	}
	defer body.Close()
	if _, err := io.Copy(e.Stdout, body); err != nil {
		return fmt.Errorf("the export broke off: %w", err)
	}
	return nil
}

// export opens the stream of an account's export.
func (c *client) export(ctx context.Context, dependencies, history, revisions bool) (io.ReadCloser, error) {
	flag := func(on bool) string {
		if on {
			return "true"
		}
		return ""
	}
	path, err := c.inAccount(ctx, "export")
	if err != nil {
		return nil, err
	}
	path += query("dependencies", flag(dependencies), "history", flag(history), "revisions", flag(revisions))
	for range 2 {
		res, err := c.send(ctx, http.MethodGet, path, "application/x-ndjson", nil)
		if err != nil {
			return nil, err
		}
		if res.StatusCode == http.StatusOK {
			return res.Body, nil
		}
		_, err = readAnswer(res)
		if ExitCode(err) != Refused || res.StatusCode != http.StatusUnauthorized || !c.renew(ctx) {
			return nil, err
		}
	}
	return nil, &failure{status: http.StatusUnauthorized, message: "the login is no longer good"}
}

// stands reads what an account has, by id.
func (c *client) stands(ctx context.Context, dependencies bool) (map[string]record, error) {
	body, err := c.export(ctx, dependencies, false, true)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	list, err := readLines(body)
	if err != nil {
		return nil, fmt.Errorf("read what the account has: %w", err)
	}
	out := make(map[string]record, len(list))
	for _, r := range list {
		out[r.ID] = r
	}
	return out, nil
}
