package ejson

import (
	"bufio"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestErlangsTerms compares the terms of values with those that Erlang made.
func TestErlangsTerms(t *testing.T) {
	file, err := os.Open("testdata/terms.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	n := 0
	for ; lines.Scan(); n++ {
		var row struct{ JSON, MD5 string }
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		checkTerm(t, row.JSON, row.MD5)
	}
	if n < 200 {
		t.Errorf("%d rows", n)
	}
	// Erlang writes a list of bytes as a string up to this length.
	checkTerm(t, "["+strings.Repeat("7,", 65534)+"7]", "58c9e2b51a11df10b90c11d3160f88f7")
	checkTerm(t, "["+strings.Repeat("7,", 65535)+"7]", "51e07f2d1a4bbd0ae917195dd2b2fb60")
}

func checkTerm(t *testing.T, text, want string) {
	t.Helper()
	canonical, err := Canonical([]byte(text))
	if err != nil {
		t.Errorf("%.200s: %v", text, err)
		return
	}
	before := []byte("before")
	term := AppendTerm(before, canonical)
	if string(term[:len(before)]) != "before" {
		t.Errorf("%.200s: what stood before became %q", text, term[:len(before)])
	}
	if sum := md5.Sum(term[len(before):]); hex.EncodeToString(sum[:]) != want {
		t.Errorf("%.200s: %x, want %s", canonical, sum, want)
	}
}
