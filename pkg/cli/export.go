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
	Tar              bool   `typed:"" help:"As a tar archive: the lines in account.jsonl, the documents' attachments beside it."`
}

// Run writes JSON Lines or a tar archive to stdout. An export that breaks off is an error.
func (x *Export) Run(ctx context.Context, e *Env) error {
	c, err := x.connect(e)
	if err != nil {
		return err
	}
	if x.From != "" {
		c.account = x.From
	}
	if x.Tar && e.Terminal {
		return &usageError{"a tar archive is not for a terminal: callflowd export --tar >account.tar"}
	}
	accept := asLines
	if x.Tar {
		accept = asTar
	}
	body, err := c.export(ctx, accept, "dependencies", on(x.WithDependencies), "history", on(x.History))
	if err != nil {
		return err
	}
	defer body.Close()
	if _, err := io.Copy(e.Stdout, body); err != nil {
		return fmt.Errorf("the export broke off: %w", err)
	}
	return nil
}

// The forms of an export.
const (
	asLines = "application/x-ndjson"
	asTar   = "application/x-tar"
)

// export opens the stream of an account's export. what are pairs of a query that
// say what is in it.
func (c *client) export(ctx context.Context, accept string, what ...string) (io.ReadCloser, error) {
	path, err := c.inAccount(ctx, "export")
	if err != nil {
		return nil, err
	}
	return c.stream(ctx, accept, func() (*http.Request, error) {
		return http.NewRequestWithContext(ctx, http.MethodGet, c.settings.Server+path+query(what...), http.NoBody)
	})
}

// stands reads what an account has, by id.
func (c *client) stands(ctx context.Context) (map[string]record, error) {
	body, err := c.export(ctx, asLines, "revisions", "true")
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
