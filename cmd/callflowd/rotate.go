package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/auth"
)

// rotateKey makes a new key for signing tokens. Processes that serve on the
// same CouchDB sign with it as soon as they learn of it; embedded databases
// belong to one process at a time, which has to be stopped first.
func rotateKey(ctx context.Context, opts *options, log *zap.Logger, stdout io.Writer) (err error) {
	if _, err := os.Stat(opts.DataDir); opts.CouchDBURL == "" && err != nil {
		return fmt.Errorf("--data-dir: %w", err)
	}
	store, err := openStorage(opts, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.close()) }()
	if err := store.client.Identify(ctx); err != nil {
		return opts.blame(err)
	}
	tokens := &auth.Service{Couch: store.client, Accounts: &account.Service{Couch: store.client}, Log: log.Named("auth")}
	if err := tokens.Rotate(ctx); err != nil {
		return opts.blame(fmt.Errorf("make a key: %w", err))
	}
	_, err = fmt.Fprintln(stdout, "Tokens are signed with a new key from now on. Those that are out stay good until they expire.")
	return err
}
