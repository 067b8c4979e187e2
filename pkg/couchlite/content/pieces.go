// Package content keeps the bytes of attachments in a database's file, and reads
// them, without holding those of one in memory as a whole.
package content

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// pieceSize is how many bytes of an attachment are in one row. One that has no
// more is whole in its row of the table attachments, as all of them were in
// earlier versions. A larger one has pieces, and an empty row there.
const pieceSize = inMemory

// Layout is the version of the layout of a file that has pieces. An earlier
// version of the program would take a large attachment for an empty one, and
// refuses such a file.
const Layout = 3

const makePieces = `
CREATE TABLE IF NOT EXISTS pieces(attachment INTEGER NOT NULL, n INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY(attachment, n));
UPDATE state SET version = %d`

// Add writes the bytes of a new attachment and returns its row.
func Add(ctx context.Context, conn *sql.Conn, in *Spool) (num int64, err error) {
	whole := []byte{}
	if in.Size() <= pieceSize {
		if whole, err = io.ReadAll(in.Reader()); err != nil {
			return 0, err
		}
	}
	res, err := conn.ExecContext(ctx, `INSERT INTO attachments(sha, data) VALUES(?, ?)`, in.SHA256(), whole)
	if err != nil {
		return 0, err
	}
	if num, err = res.LastInsertId(); err != nil || in.Size() <= pieceSize {
		return num, err
	}
	return num, addPieces(ctx, conn, num, in.Reader())
}

func addPieces(ctx context.Context, conn *sql.Conn, num int64, src io.Reader) error {
	if _, err := conn.ExecContext(ctx, fmt.Sprintf(makePieces, Layout)); err != nil {
		return err
	}
	buf := make([]byte, pieceSize)
	for n := 0; ; n++ {
		k, err := io.ReadFull(src, buf)
		if k > 0 {
			if _, err := conn.ExecContext(ctx, `INSERT INTO pieces(attachment, n, data) VALUES(?, ?, ?)`, num, n, buf[:k]); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// Sweep deletes the bytes that no revision refers to any more and nobody reads.
func Sweep(ctx context.Context, conn *sql.Conn, reading *Readers) error {
	_, err := conn.ExecContext(ctx, `DELETE FROM attachments WHERE num NOT IN
		(SELECT json_extract(item.value, '$.num') FROM bodies, json_each(bodies.attachments) item WHERE bodies.attachments IS NOT NULL)
		AND num NOT IN (SELECT value FROM json_each(?))`, reading.list())
	if err != nil {
		return err
	}
	var pieces int
	err = conn.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_master WHERE name = 'pieces'`).Scan(&pieces)
	if err == nil && pieces > 0 {
		_, err = conn.ExecContext(ctx, `DELETE FROM pieces WHERE attachment NOT IN (SELECT num FROM attachments)`)
	}
	return err
}

// Readers are the attachments of a database that are being read. The zero value
// has none.
type Readers struct {
	mu   sync.Mutex
	nums map[int64]int
}

// add counts one reader of an attachment more, or less.
func (r *Readers) add(num int64, by int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.nums == nil {
		r.nums = map[int64]int{}
	}
	if r.nums[num] += by; r.nums[num] == 0 {
		delete(r.nums, num)
	}
}

// list is a JSON array of the attachments.
func (r *Readers) list() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	nums := []int64{}
	for num := range r.nums {
		nums = append(nums, num)
	}
	list, _ := json.Marshal(nums) // numbers do not fail
	return string(list)
}
