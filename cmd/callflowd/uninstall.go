package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/callflowd/callflowd/pkg/cli"
	"github.com/callflowd/callflowd/pkg/uninstall"
)

// uninstallCommand is `callflowd uninstall`.
type uninstallCommand struct {
	cluster `set:"couchdb=The CouchDB to leave, http://user:password@host:5984; may be repeated for the nodes of one cluster."`

	DryRun       bool `typed:"" help:"Show what would be removed, and remove nothing."`
	Yes          bool `typed:"" short:"y" help:"Do not ask."`
	KeepHistory  bool `typed:"" help:"Keep the history of callflows."`
	EndTokens    bool `typed:"" help:"Remove signing keys now. Without it they stay until the last token that they signed has expired."`
	KazooStopped bool `typed:"" help:"Remove this month's databases too, if they are empty. Kazoo must not run meanwhile."`
}

// Run shows what callflowd has left in the CouchDB, asks, removes it, and looks
// whether it is gone.
func (c *uninstallCommand) Run(ctx context.Context, e *cli.Env) error {
	client, err := c.open("must name the CouchDB to leave; embedded databases go with their --data-dir")
	if err != nil {
		return err
	}
	if err := client.Identify(ctx); err != nil {
		return fmt.Errorf("--couchdb-url: %w", err)
	}
	work := &uninstall.Uninstall{Couch: client, KeepHistory: c.KeepHistory, EndTokens: c.EndTokens, KazooStopped: c.KazooStopped}
	if err := refuseWhileRunning(ctx, work, e); err != nil {
		return err
	}
	work.Progress = cli.Progress(e, "databases looked at")
	found, err := work.List(ctx)
	if err != nil {
		return err
	}
	if err := found.Text(e.Stdout); err != nil {
		return err
	}
	switch {
	case found.Empty():
		_, err := fmt.Fprintln(e.Stdout, "There is nothing to remove.")
		return err
	case c.DryRun:
		return nil
	}
	if err := c.confirm(e); err != nil {
		return err
	}
	work.Progress = cli.Progress(e, "databases cleared")
	if _, err := work.Remove(ctx); err != nil {
		return fmt.Errorf("not all is removed; run this again to go on: %w", err)
	}
	return c.check(ctx, work, e)
}

// refuseWhileRunning fails if a callflowd runs on the CouchDB, as far as that
// can be told.
func refuseWhileRunning(ctx context.Context, work *uninstall.Uninstall, e *cli.Env) error {
	running, err := work.Running(ctx)
	if errors.Is(err, uninstall.ErrCannotTell) {
		_, err = fmt.Fprintln(e.Stderr, "Note:", err)
	}
	if err != nil {
		return err
	}
	if len(running) > 0 {
		return fmt.Errorf("callflowd runs on this CouchDB (%s): stop it first, it would write again what is removed", strings.Join(running, ", "))
	}
	return nil
}

// confirm asks on a terminal.
func (c *uninstallCommand) confirm(e *cli.Env) error {
	if c.Yes {
		return nil
	}
	if e.Password == nil {
		return errors.New("nothing was removed: --yes is needed where nobody can be asked")
	}
	fmt.Fprint(e.Stderr, "Type uninstall to remove it: ")
	line, _ := bufio.NewReader(e.Stdin).ReadString('\n') // no answer is a no
	if strings.TrimSpace(line) != "uninstall" {
		return errors.New("nothing was removed")
	}
	return nil
}

// check looks once more: what is there again, somebody has written.
func (c *uninstallCommand) check(ctx context.Context, work *uninstall.Uninstall, e *cli.Env) error {
	work.Progress = cli.Progress(e, "databases checked")
	left, err := work.List(ctx)
	if err != nil {
		return err
	}
	if !left.Empty() {
		if err := left.Text(e.Stdout); err != nil {
			return err
		}
		return errors.New("this was written again while it was removed: another callflowd runs, or another site replicates here")
	}
	_, err = fmt.Fprintln(e.Stdout, "Removed.")
	return err
}
