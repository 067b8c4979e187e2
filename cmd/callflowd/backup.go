package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/cmd/callflowd/host"
	"github.com/callflowd/callflowd/pkg/couchlite"
	"github.com/callflowd/callflowd/pkg/couchlite/backup"
)

// backupOptions are the settings of backup, restore and accept.
type backupOptions struct {
	DataDir string `default:"./callflowd-data" help:"Embedded databases."`
	Target  string `arg:"" help:"${target}"`
}

// databasesDir is where the data directory holds the embedded databases.
func databasesDir(dataDir string) string { return filepath.Join(dataDir, "couchdb") }

// countHeader tells a client of GET /backup how many databases will come.
const countHeader = "Callflowd-Databases"

// backupHandler serves GET /backup: every embedded database, as all of them
// were at one moment, as a tar archive. lite is nil where there are none.
func backupHandler(lite *couchlite.Server, log *zap.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodGet:
			w.Header().Set("Allow", http.MethodGet)
			http.Error(w, "only GET", http.StatusMethodNotAllowed)
			return
		case lite == nil:
			http.Error(w, "no databases are embedded; with --couchdb-url, back CouchDB up with its own tools", http.StatusNotFound)
			return
		}
		one, err := lite.Backup(version())
		if err != nil {
			log.Warn("backup", zap.Error(err))
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		defer func() { _ = one.Close() }() // only its scratch files would be left
		w.Header().Set("Content-Type", "application/x-tar")
		w.Header().Set("Content-Disposition", `attachment; filename="callflowd.tar"`)
		w.Header().Set(countHeader, strconv.Itoa(one.Len()))
		if err := one.Write(r.Context(), w); err != nil {
			log.Warn("backup was interrupted", zap.Error(err))
			panic(http.ErrAbortHandler) // the client must not take the archive for complete
		}
		log.Info("backup", zap.Int("databases", one.Len()))
	})
}

// controlPath is the socket on which a running program serves those who may
// read its data directory.
func controlPath(dataDir string) string { return filepath.Join(dataDir, "control") }

// listenControl opens the control socket. The caller holds the data
// directory's lock, so a socket that is there is a crashed program's.
func listenControl(ctx context.Context, dataDir string) (net.Listener, error) {
	path := controlPath(dataDir)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var cfg net.ListenConfig
	l, err := cfg.Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	return stallGuard{l}, os.Chmod(path, 0o600)
}

// backUp writes the embedded databases to opts.Target: the running program
// hands them over; where none runs, this one opens them.
func backUp(ctx context.Context, opts *backupOptions, log *zap.Logger, stdout io.Writer) error {
	if _, err := os.Stat(databasesDir(opts.DataDir)); err != nil {
		return fmt.Errorf("--data-dir: %s holds no embedded databases: %w", opts.DataDir, err)
	}
	archive, count, err := receiveBackup(ctx, opts.DataDir)
	if err != nil {
		archive, count, err = readBackup(ctx, opts.DataDir, log, err)
	}
	if err != nil {
		return err
	}
	m, err := backup.Save(archive, opts.Target, showProgress(stdout, count))
	if err = errors.Join(err, archive.Close()); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	fmt.Fprintf(stdout, "%d databases with %s, as they were at %s, are in %s\n", len(m.Databases), megabytes(m.Bytes()), m.At.Format("2006-01-02 15:04:05.000 MST"), opts.Target)
	if len(m.Damaged) > 0 {
		return fmt.Errorf("%d databases are damaged and NOT in the backup: %v", len(m.Damaged), m.Damaged)
	}
	return nil
}

// receiveBackup asks the program that runs in the data directory.
func receiveBackup(ctx context.Context, dataDir string) (archive io.ReadCloser, count int, err error) {
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", controlPath(dataDir))
		},
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://callflowd/backup", nil)
	if err != nil {
		return nil, 0, err
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, 0, err
	}
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10))
		return nil, 0, errors.Join(fmt.Errorf("the running callflowd answers %s: %s", res.Status, text), res.Body.Close())
	}
	count, _ = strconv.Atoi(res.Header.Get(countHeader)) // 0: unknown
	return res.Body, count, nil
}

// readBackup opens the databases itself, as nobody answers.
func readBackup(ctx context.Context, dataDir string, log *zap.Logger, unanswered error) (io.ReadCloser, int, error) {
	lock, err := host.LockDir(dataDir)
	if err != nil {
		return nil, 0, errors.Join(err, unanswered)
	}
	lite, err := couchlite.Open(couchlite.Options{Dir: databasesDir(dataDir), Log: log.Named("couchlite")})
	if err != nil {
		return nil, 0, errors.Join(err, lock.Close())
	}
	one, err := lite.Backup(version())
	if err != nil {
		return nil, 0, errors.Join(err, lite.Close(), lock.Close())
	}
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := one.Write(ctx, w)
		_ = w.CloseWithError(err) // nil is the end
		ended <- errors.Join(one.Close(), lite.Close(), lock.Close())
	}()
	return closing{r, func() error {
		_ = r.Close()
		return <-ended
	}}, one.Len(), nil
}

// closing is a reader whose Close does more.
type closing struct {
	io.Reader
	stop func() error
}

func (c closing) Close() error { return c.stop() }

// restore fills an empty data directory from a backup.
func restore(ctx context.Context, opts *backupOptions, stdout io.Writer) (err error) {
	lock, err := host.LockDir(opts.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := emptyDataDir(opts.DataDir); err != nil {
		return err
	}
	m, err := backup.Restore(ctx, opts.Target, databasesDir(opts.DataDir), showProgress(stdout, 0))
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	fmt.Fprintf(stdout, "%d databases with %s, as they were at %s, are in %s\n", len(m.Databases), megabytes(m.Bytes()), m.At.Format("2006-01-02 15:04:05.000 MST"), opts.DataDir)
	for _, damaged := range m.Damaged {
		fmt.Fprintf(stdout, "%s is NOT there: it was damaged when the backup was made\n", damaged.Name)
	}
	return nil
}

// emptyDataDir refuses a data directory with anything in it but the lock and
// what a restore that was cut short has left.
func emptyDataDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("--data-dir: %w", err)
	}
	for _, e := range entries {
		switch e.Name() {
		case "lock", "control", "lost+found", filepath.Base(databasesDir(dir)) + ".partial":
		default:
			return fmt.Errorf("--data-dir: %s is not empty, it holds %s; restore fills an empty one", dir, e.Name())
		}
	}
	return nil
}

// accept makes a database usable again that is refused as a mixed, old or
// incomplete copy, with the documents that are left.
func accept(ctx context.Context, opts *backupOptions, log *zap.Logger, stdout io.Writer) (err error) {
	if _, err := os.Stat(databasesDir(opts.DataDir)); err != nil {
		return fmt.Errorf("--data-dir: %s holds no embedded databases: %w", opts.DataDir, err)
	}
	lock, err := host.LockDir(opts.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	lite, err := couchlite.Open(couchlite.Options{Dir: databasesDir(opts.DataDir), Log: log.Named("couchlite")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lite.Close()) }()
	docs, err := lite.Accept(ctx, opts.Target)
	if err != nil {
		return fmt.Errorf("accept: %w", err)
	}
	_, err = fmt.Fprintf(stdout, "%s is accepted as it is, with %d documents. Lost documents do not come back.\n", opts.Target, docs)
	return err
}

// showProgress shows the progress on a terminal, in one line.
func showProgress(stdout io.Writer, of int) backup.Progress {
	if !isTerminal(stdout) {
		return func(int, int64) {}
	}
	return func(files int, bytes int64) {
		total := ""
		if of > 0 {
			total = fmt.Sprintf(" of %d", of)
		}
		fmt.Fprintf(stdout, "\r%d%s databases, %s \x1b[K", files, total, megabytes(bytes))
		if files == of {
			fmt.Fprint(stdout, "\r\x1b[K")
		}
	}
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
