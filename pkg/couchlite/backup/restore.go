package backup

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

// Progress is told of each file that is through, with the bytes so far.
type Progress func(files int, bytes int64)

// ArchiveSuffix ends the name of a backup in one file; any other name is a
// directory's.
const ArchiveSuffix = ".tar"

// Save writes an archive that is being received to target: to a file whose name
// ends in [ArchiveSuffix], or unpacked to a directory. Target must not exist, or
// be an empty directory; it appears whole or not at all.
func Save(archive io.Reader, target string, progress Progress) (*Manifest, error) {
	draft := filepath.Clean(target) + ".partial"
	if err := vacant(target); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(draft); err != nil {
		return nil, err
	}
	save := saveDir
	if strings.HasSuffix(target, ArchiveSuffix) {
		save = saveFile
	}
	m, err := save(archive, draft, progress)
	if err == nil {
		err = moveTo(draft, target)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(draft))
	}
	return m, nil
}

// vacant refuses a target that is there, but for an empty directory.
func vacant(target string) error {
	info, err := os.Stat(target)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is there already", target)
	case strings.HasSuffix(target, ArchiveSuffix):
		return fmt.Errorf("%s is a directory", target)
	}
	entries, err := os.ReadDir(target)
	if err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty", target)
	}
	return err
}

// moveTo renames a draft to what it is to be, durably.
func moveTo(draft, target string) error {
	if err := os.Remove(target); err != nil && !errors.Is(err, os.ErrNotExist) { // an empty directory
		return err
	}
	if err := os.Rename(draft, target); err != nil {
		return err
	}
	return syncPath(filepath.Dir(filepath.Clean(target)))
}

func saveFile(archive io.Reader, draft string, progress Progress) (*Manifest, error) {
	f, err := os.OpenFile(draft, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	passing := io.TeeReader(archive, f)
	m, err := read(tarSource{tar.NewReader(passing)}, counting(progress, func(_ string, r io.Reader) error {
		_, err := io.Copy(io.Discard, r)
		return err
	}))
	if err == nil {
		_, err = io.Copy(io.Discard, passing) // what pads the archive's end
	}
	if err == nil {
		err = f.Sync()
	}
	return m, errors.Join(err, f.Close())
}

func saveDir(archive io.Reader, draft string, progress Progress) (*Manifest, error) {
	return unpack(tarSource{tar.NewReader(archive)}, draft, progress)
}

// unpack writes the files of a backup to a new directory.
func unpack(from source, dir string, progress Progress) (*Manifest, error) {
	if err := os.MkdirAll(filepath.Join(dir, filesDir), 0o700); err != nil {
		return nil, err
	}
	m, err := read(from, counting(progress, func(name string, r io.Reader) error {
		return writeFile(filepath.Join(dir, filepath.FromSlash(name)), r)
	}))
	if err != nil {
		return nil, err
	}
	return m, errors.Join(syncPath(filepath.Join(dir, filesDir)), syncPath(dir))
}

// counting tells progress of each file that sink has taken.
func counting(progress Progress, sink func(string, io.Reader) error) func(string, io.Reader) error {
	files, bytes := 0, &counter{w: io.Discard}
	return func(name string, r io.Reader) error {
		err := sink(name, io.TeeReader(r, bytes))
		if err == nil && name != manifestName {
			files++
			progress(files, bytes.n)
		}
		return err
	}
}

func writeFile(path string, r io.Reader) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncPath(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Restore makes the directory of a store from a backup, an archive or a
// directory. The directory must not exist, or be empty. Nothing is put there
// before every checksum was found right.
//
// Each database gets a new incarnation: whoever follows its changes begins
// anew, since sequences that were seen will be given to other changes.
func Restore(ctx context.Context, backup, dir string, progress Progress) (*Manifest, error) {
	if err := vacant(dir); err != nil {
		return nil, err
	}
	draft := filepath.Clean(dir) + ".partial"
	if err := os.RemoveAll(draft); err != nil {
		return nil, err
	}
	m, err := restoreTo(ctx, backup, draft, progress)
	if err == nil {
		err = moveTo(draft, dir)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(draft))
	}
	return m, nil
}

func restoreTo(ctx context.Context, backup, draft string, progress Progress) (*Manifest, error) {
	from, stop, err := openBackup(backup)
	if err != nil {
		return nil, err
	}
	defer stop()
	m, err := unpack(from, draft, progress)
	if err != nil {
		return nil, err
	}
	for _, db := range m.Databases {
		path := filepath.Join(draft, filepath.FromSlash(db.File))
		if err := store.Renew(ctx, path); err != nil {
			return nil, fmt.Errorf("%s: %w", db.File, err)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return m, errors.Join(os.Remove(filepath.Join(draft, manifestName)), syncPath(draft))
}

func openBackup(path string) (source, func(), error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if info.IsDir() {
		from, err := newDirSource(path)
		if err != nil {
			return nil, nil, err
		}
		return from, from.close, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	return tarSource{tar.NewReader(f)}, func() { _ = f.Close() }, nil
}
