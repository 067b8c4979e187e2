//go:build !race

// The race detector makes the program several times slower: nothing that is
// measured under it means anything.

package main

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
)

// benchArgs make `callflowd bench compare` and `bench scale` short. What they
// measure then says nothing; that they measure it is the point.
func benchArgs(command string) []string {
	short := map[string]string{
		"compare": "--rounds=1 --round=20ms --warmup=10ms --delays=1ms --numbers=20 --listing=30 --indexed=50 --accounts=3 --imported=20 --hang=100ms --changes=2 --source=",
		"scale":   "--accounts=1,3 --callflows=4 --period=100ms --rate=50 --changes=1",
	}
	return append([]string{"bench", command}, strings.Fields(short[command])...)
}

// The whole bench runs, and every row has figures or a reason that is known.
func TestE2EBenchCompare(t *testing.T) {
	t.Setenv(runAsProgram, "1")
	t.Setenv("COUCHDB_URL", "") // the bench takes no server that others use
	var out bytes.Buffer
	if err := run(t.Context(), append(benchArgs("compare"), "--work-dir="+t.TempDir()), nil, &out, io.Discard); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	known := []string{
		"--source names no source", "COUCHDB_URL names no server", "the program has no import yet",
		"the program has no replications yet", "needs two sites that replicate, which this bench does not set up",
		"what a process takes is only known on Linux",
	}
	measured := 0
	for line := range strings.Lines(out.String()) {
		cells := strings.Split(line, "|")
		if len(cells) < 8 || strings.HasPrefix(line, "|--") || strings.TrimSpace(cells[1]) == "what" {
			continue
		}
		note := strings.TrimSpace(cells[7])
		left := strings.TrimSpace(cells[6]) == "left out"
		switch {
		case left && !slices.ContainsFunc(known, func(reason string) bool { return strings.Contains(note, reason) }):
			t.Errorf("a row was left out: %s", line)
		case !left && strings.TrimSpace(cells[2]) == "":
			t.Errorf("a row has no figure: %s", line)
		case !left:
			measured++
		}
	}
	if measured < 18 {
		t.Errorf("%d rows were measured:\n%s", measured, &out)
	}
}

func TestE2EBenchScale(t *testing.T) {
	t.Setenv(runAsProgram, "1")
	t.Setenv("COUCHDB_URL", "")
	var out bytes.Buffer
	if err := run(t.Context(), append(benchArgs("scale"), "--work-dir="+t.TempDir()), nil, &out, io.Discard); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{"| start until ready ", "| lookup, 50/s, p99 ", "| foreign change routed, slowest ", "\nstart until ready\n  1 │", "on CouchDB: left out"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, &out)
		}
	}
}
