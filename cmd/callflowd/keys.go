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
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/problem"
)

// onStorage runs a command on the databases, which must exist. Embedded
// ones belong to one process at a time, which has to be stopped first.
func onStorage(ctx context.Context, opts *options, log *zap.Logger, do func(*couch.Client) error) (err error) {
	if _, err := os.Stat(opts.DataDir); len(opts.CouchDBURL) == 0 && err != nil {
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
	return do(store.client)
}

// rotateKey makes a new key for signing tokens. Processes that serve on the
// same CouchDB sign with it as soon as they learn of it.
func rotateKey(ctx context.Context, opts *options, log *zap.Logger, stdout io.Writer) error {
	return onStorage(ctx, opts, log, func(client *couch.Client) error {
		tokens := &auth.Service{Couch: client, Accounts: &account.Service{Couch: client}, Log: log.Named("auth")}
		if err := tokens.Rotate(ctx); err != nil {
			return opts.blame(fmt.Errorf("make a key: %w", err))
		}
		_, err := fmt.Fprintln(stdout, "Tokens are signed with a new key from now on. Tokens issued before stay good until they expire.")
		return err
	})
}

// resetKey gives the master account a new API key and prints it, for operators
// who have lost the key.
func resetKey(ctx context.Context, opts *options, log *zap.Logger, stdout io.Writer) error {
	return onStorage(ctx, opts, log, func(client *couch.Client) error {
		accounts := &account.Service{Couch: client, Log: log.Named("account")}
		master, err := accounts.ResetMasterKey(ctx)
		if problem.Is(err, problem.BadIdentifier) || problem.Is(err, problem.MissingDatabase) {
			err = errors.New("there is no master account: the first start of 'callflowd serve' makes it")
		}
		if err != nil {
			return opts.blame(fmt.Errorf("reset the key: %w", err))
		}
		_, err = fmt.Fprintf(stdout, "The master account has a new API key. The old one is void, and so are the tokens it was exchanged for.\n\n"+
			"  account id  %s\n  API key     %s\n", master.ID, master.APIKey)
		return err
	})
}
