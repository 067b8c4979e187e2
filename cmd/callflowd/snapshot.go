package main

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/pause"
)

// snapshotEvery is how old the snapshot of keys and accounts may be after a
// crash. The first ones follow sooner.
const (
	snapshotFirst = time.Second
	snapshotEvery = time.Minute
)

// authority is what authenticating and authorising needs while the database
// is away. It holds no secret.
type authority struct {
	Auth     auth.Snapshot        `json:"auth"`
	Accounts []account.Remembered `json:"accounts"`
}

// authorityFile keeps an authority in the data directory.
type authorityFile struct {
	path     string
	auth     *auth.Service
	accounts *account.Service
	log      *zap.Logger
}

// restore reads the file into memory. A missing file is fine.
func (f *authorityFile) restore() {
	raw, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var known authority
	if err == nil {
		err = json.Unmarshal(raw, &known)
	}
	if err == nil {
		f.accounts.Restore(known.Accounts)
		err = f.auth.Restore(known.Auth)
	}
	if err != nil {
		f.log.Warn("the snapshot of keys and accounts cannot be used", zap.Error(err))
		return
	}
	f.log.Info("going on with a snapshot of keys and accounts", zap.Time("taken", known.Auth.Taken))
}

// keep writes the file now and then, and once more when ctx ends.
func (f *authorityFile) keep(ctx context.Context) {
	for wait := snapshotFirst; ctx.Err() == nil; wait = min(2*wait, snapshotEvery) {
		pause.For(ctx, wait)
		if err := f.write(); err != nil {
			f.log.Warn("the snapshot of keys and accounts cannot be written", zap.Error(err))
		}
	}
}

// age is how old the file is; false if there is none.
func (f *authorityFile) age() (time.Duration, bool) {
	info, err := os.Stat(f.path)
	if err != nil {
		return 0, false
	}
	return time.Since(info.ModTime()), true
}

// write replaces the file as a whole or not at all.
func (f *authorityFile) write() error {
	raw, err := json.Marshal(authority{f.auth.Snapshot(), f.accounts.Snapshot()})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(f.path), "authority-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // renamed already if all went well
	_, err = file.Write(raw)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), f.path)
}
