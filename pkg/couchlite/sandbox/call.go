package sandbox

import (
	"context"
	"encoding/json"

	"github.com/dop251/goja"
)

// A Row is one emitted key and value.
type Row struct{ Key, Value json.RawMessage }

// A MapResult is the result of one map function for a document: rows or an error.
type MapResult struct {
	Rows []Row
	Err  error // *[ExceptionError] or *[LimitError]
}

// Map runs every function of the machine on a document, which is JSON, except
// those whose numbers are in skip. Results are in the order of the functions.
// It returns [ErrAbandoned] if a function does not stop, which then has an error
// in the results, and another error if the document is not JSON.
func (m *Machine) Map(ctx context.Context, document []byte, skip map[int]bool) ([]MapResult, error) {
	results := make([]MapResult, len(m.realms))
	err := m.do(ctx, func() error {
		if limit := m.allowance.take(jsonCost(document)); limit != "" {
			for i := range results {
				results[i].Err = &LimitError{Limit: limit}
			}
			return nil
		}
		n, err := parse(document)
		if err != nil {
			return err
		}
		output := m.limits.Output
		for i := range m.realms {
			if skip[i] {
				continue
			}
			r, err := m.realm(i)
			if err != nil {
				return err
			}
			results[i] = r.mapDocument(document, n, output)
			for _, row := range results[i].Rows {
				output -= len(row.Key) + len(row.Value)
			}
		}
		return nil
	})
	if m.stuck {
		return m.abandoned(), err
	}
	return results, err
}

// abandoned returns results that blame the running function. They are a new
// slice, since the job may still write to its own.
func (m *Machine) abandoned() []MapResult {
	m.mu.Lock()
	defer m.mu.Unlock()
	results := make([]MapResult, len(m.realms))
	for i, r := range m.realms {
		if r == m.running {
			results[i].Err = &LimitError{Limit: "time"}
		}
	}
	return results
}

// mapDocument runs the function on a document, given as text and as a node. Its
// rows may have output bytes at most.
func (r *realm) mapDocument(document []byte, n *node, output int) MapResult {
	var result MapResult
	result.Err = r.run(func() {
		r.chargeJSON(document)
		r.emitting, r.output = true, output
		_, err := r.call(goja.Undefined(), frozen(r.vm, n))
		r.emitting = false
		if err != nil {
			panic(err)
		}
		result.Rows = r.rows()
	})
	r.emitting = false
	if result.Err != nil {
		result.Rows = nil
	}
	return result
}

// rows turns what was emitted into JSON.
func (r *realm) rows() []Row {
	w := writer{r: r}
	ends := make([]int, 0, 2*len(r.keys))
	for i := range r.keys {
		for _, v := range []goja.Value{r.keys[i], r.emittedValue(r.values[i])} {
			if !w.value(nil, "", v) {
				w.out = append(w.out, "null"...)
			}
			ends = append(ends, len(w.out))
		}
	}
	rows := make([]Row, len(r.keys))
	start := 0
	for i := range rows {
		key, value := ends[2*i], ends[2*i+1]
		rows[i] = Row{Key: w.out[start:key:key], Value: w.out[key:value:value]}
		start = value
	}
	return rows
}

// emittedValue shows an error object by its name and message, as CouchDB does.
func (r *realm) emittedValue(v goja.Value) goja.Value {
	o, ok := v.(*goja.Object)
	if !ok || o.ClassName() != "Error" {
		return v
	}
	shown := r.vm.NewObject()
	_ = shown.Set("error", o.Get("name"))
	_ = shown.Set("message", o.Get("message"))
	return shown
}

// Call calls one function with JSON arguments it may change, and returns its
// result as JSON; undefined is null.
func (m *Machine) Call(ctx context.Context, function int, arguments ...[]byte) (json.RawMessage, error) {
	var out []byte
	err := m.call(ctx, function, arguments, func(r *realm, result goja.Value) {
		text, defined := r.json(result)
		if !defined {
			text = []byte("null")
		}
		out = text
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Test calls one function as Call does and reports whether its result is truthy
// in JavaScript.
func (m *Machine) Test(ctx context.Context, function int, arguments ...[]byte) (bool, error) {
	var truth bool
	err := m.call(ctx, function, arguments, func(_ *realm, result goja.Value) { truth = result.ToBoolean() })
	if err != nil {
		return false, err
	}
	return truth, nil
}

func (m *Machine) call(ctx context.Context, function int, arguments [][]byte, use func(*realm, goja.Value)) error {
	return m.do(ctx, func() error {
		r, err := m.realm(function)
		if err != nil {
			return err
		}
		return r.run(func() {
			args := make([]goja.Value, len(arguments))
			for i, text := range arguments {
				r.chargeJSON(text)
				n, err := parse(text)
				if err != nil {
					panic(r.vm.NewGoError(err))
				}
				args[i] = plain(r.vm, n)
			}
			use(r, must(r.call(goja.Undefined(), args...)))
		})
	})
}
