package view

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/sandbox"
)

const (
	reduceRows  = 100       // rows given to one call of a reduce function
	reduceBytes = 256 << 10 // of their JSON
	// A result longer than overflowFrom must be at most half as long as its
	// input: CouchDB's reduce_limit.
	overflowFrom = 5000
)

// scriptReducer reduces with a JavaScript function.
type scriptReducer struct {
	engine  *Engine
	machine *sandbox.Machine

	rows    []viewRow // to be reduced next
	size    int
	partial []json.RawMessage // results of reduce, for rereduce
}

// newScriptReducer returns the reducer of a source, and a function that returns
// its machine to the pool.
func newScriptReducer(ctx context.Context, s *Engine, source string) (*reducer, func(), error) {
	sum := sha256.Sum256([]byte(source))
	key := "reduce " + string(sum[:])
	m, err := s.machines.get(key, func() (*sandbox.Machine, error) {
		f, err := sandbox.Compile("reduce", source)
		if err != nil {
			return nil, compilationError("reduce", "reduce", err)
		}
		m, err := sandbox.NewMachine(ctx, sandbox.Config{Functions: []*sandbox.Function{f}, Limits: s.limits})
		if err != nil {
			return nil, compilationError("reduce", "reduce", err)
		}
		return m, nil
	})
	if err != nil {
		return nil, nil, err
	}
	r := &scriptReducer{engine: s, machine: m}
	return &reducer{add: r.add, value: r.value}, func() { s.machines.put(key, m) }, nil
}

func (r *scriptReducer) add(ctx context.Context, row viewRow) error {
	r.rows = append(r.rows, viewRow{id: row.id, key: bytes.Clone(row.key), value: bytes.Clone(row.value)})
	r.size += len(row.id) + len(row.key) + len(row.value)
	if len(r.rows) < reduceRows && r.size < reduceBytes {
		return nil
	}
	return r.flush(ctx)
}

// flush reduces the collected rows, the last one first, as CouchDB does.
func (r *scriptReducer) flush(ctx context.Context) error {
	keys, values := make([]byte, 0, 2*r.size), make([]byte, 0, r.size+len(r.rows)+2)
	open := byte('[')
	for _, row := range slices.Backward(r.rows) {
		keys = append(append(append(keys, open, '['), row.key...), ',')
		keys = append(ejson.AppendString(keys, row.id), ']')
		values = append(append(values, open), row.value...)
		open = ','
	}
	keys, values = append(keys, ']'), append(values, ']')
	r.rows, r.size = r.rows[:0], 0
	result, err := r.call(ctx, keys, values, false)
	if err != nil {
		return err
	}
	r.partial = append(r.partial, result)
	if len(r.partial) < reduceRows {
		return nil
	}
	return r.rereduce(ctx)
}

func (r *scriptReducer) rereduce(ctx context.Context) error {
	values, err := json.Marshal(r.partial)
	if err != nil {
		return err
	}
	result, err := r.call(ctx, []byte("null"), values, true)
	r.partial = append(r.partial[:0], result)
	return err
}

// call runs the function. If it throws, the result is null.
func (r *scriptReducer) call(ctx context.Context, keys, values []byte, again bool) (json.RawMessage, error) {
	flag := []byte("false")
	if again {
		flag = []byte("true")
	}
	result, err := r.machine.Call(ctx, 0, keys, values, flag)
	var exception *sandbox.ExceptionError
	switch {
	case errors.As(err, &exception):
		r.engine.log.Warn("reduce function failed", zap.Error(err))
		return json.RawMessage("null"), nil
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fault.New(500, "os_process_error", err.Error())
	case len(result) > overflowFrom && 2*len(result) > len(keys)+len(values):
		return nil, &overflowError{in: len(keys) + len(values), out: len(result)}
	}
	return result, nil
}

// value returns the result of the group. It is always rereduced, as CouchDB
// does when it puts its shards together.
func (r *scriptReducer) value(ctx context.Context) ([]byte, error) {
	defer func() { r.rows, r.size, r.partial = r.rows[:0], 0, r.partial[:0] }()
	if len(r.rows) > 0 {
		if err := r.flush(ctx); err != nil {
			return nil, err
		}
	}
	if err := r.rereduce(ctx); err != nil {
		return nil, err
	}
	return r.partial[0], nil
}
