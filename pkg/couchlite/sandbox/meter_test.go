package sandbox

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

// TestBigCallsWait holds that a call which needs much memory waits while as many
// as may have it do, and that the count goes on when one of them ends.
func TestBigCallsWait(t *testing.T) {
	limits := Limits{}.withDefaults()
	big := make([]allowance, bigCalls)
	for i := range big {
		if err := big[i].begin(t.Context(), limits); err != nil {
			t.Fatal(err)
		}
		if limit := big[i].take(freeMemory + 1); limit != "" {
			t.Fatalf("call %d: %s", i, limit)
		}
	}
	var last allowance
	if err := last.begin(t.Context(), limits); err != nil {
		t.Fatal(err)
	}
	if limit := last.take(freeMemory); limit != "" {
		t.Fatalf("what every call may have: %s", limit)
	}
	answer := make(chan string)
	go func() { answer <- last.take(1) }()
	for !last.waiting.Load() {
		select {
		case limit := <-answer:
			t.Fatalf("did not wait: %q", limit)
		default:
		}
	}
	big[0].end()
	if limit := <-answer; limit != "" {
		t.Errorf("after one ended: %s", limit)
	}
	if limit := last.take(int(limits.Memory)); limit != "memory" {
		t.Errorf("beyond its limit: %q", limit)
	}
	last.end()
	big[1].end()
	if len(turns.small) != 0 || len(turns.big) != 0 {
		t.Errorf("left taken: %d, %d", len(turns.small), len(turns.big))
	}
}

// TestWaitingEndsWithItsClient has calls wait that nobody asks for any more. It
// is an error that says so, and none of the function.
func TestWaitingEndsWithItsClient(t *testing.T) {
	for range bigCalls {
		turns.big <- struct{}{}
	}
	defer func() {
		for range bigCalls {
			<-turns.big
		}
	}()
	ctx, cancel := context.WithCancel(t.Context())
	var a allowance
	if err := a.begin(ctx, Limits{}.withDefaults()); err != nil {
		t.Fatal(err)
	}
	defer a.end()
	cancel()
	if limit := a.take(freeMemory + 1); limit != canceled(context.Canceled) {
		t.Errorf("limit %q", limit)
	}
}

// TestFunctionsKeepLittle has a function that keeps what it makes from call to
// call. Its runtime is made anew; that of the function beside it stays.
func TestFunctionsKeepLittle(t *testing.T) {
	var functions []*Function
	for _, source := range []string{
		`var a = []; (function(doc) { a.push("x".repeat(1e6)); emit(a.length, null) })`,
		`var n = 0; (function(doc) { emit(++n, null) })`,
	} {
		f, err := Compile("f", source)
		if err != nil {
			t.Fatal(err)
		}
		functions = append(functions, f)
	}
	m, err := NewMachine(t.Context(), Config{Functions: functions})
	if err != nil {
		t.Fatal(err)
	}
	longest := ""
	for i := range 50 {
		results, err := m.Map(t.Context(), []byte(`{}`), nil)
		if err != nil || results[0].Err != nil || results[1].Err != nil {
			t.Fatalf("%v, %v", results, err)
		}
		longest = max(longest, fmt.Sprintf("%3s", results[0].Rows[0].Key))
		if got := string(results[1].Rows[0].Key); got != fmt.Sprint(i+1) {
			t.Fatalf("the other function was made anew: %s in call %d", got, i+1)
		}
	}
	if longest > " 10" {
		t.Errorf("kept %s strings of a megabyte", longest)
	}
}

// TestLargeDocuments has a document whose nodes alone take more than a call may
// have.
func TestLargeDocuments(t *testing.T) {
	f, err := Compile("f", `function(doc) { emit(doc._id, null) }`)
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewMachine(t.Context(), Config{Functions: []*Function{f}, Limits: Limits{Memory: 8 << 20}})
	if err != nil {
		t.Fatal(err)
	}
	document := append([]byte(`{"a":[`), make([]byte, 0, 1<<20)...)
	for range 100_000 {
		document = append(document, "[],"...)
	}
	results, err := m.Map(t.Context(), append(document, "1]}"...), nil)
	var limit *LimitError
	if err != nil || !errors.As(results[0].Err, &limit) || limit.Limit != "memory" {
		t.Errorf("%v, %v", results, err)
	}
}

func TestTooManyFunctions(t *testing.T) {
	f, err := Compile("f", `function(doc) {}`)
	if err != nil {
		t.Fatal(err)
	}
	functions := make([]*Function, maxFunctions+1)
	for i := range functions {
		functions[i] = f
	}
	var compile *CompileError
	if _, err := NewMachine(t.Context(), Config{Functions: functions}); !errors.As(err, &compile) {
		t.Errorf("error %v", err)
	}
}
