package couch

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func TestSilentFeedEnds(t *testing.T) {
	body, server := io.Pipe()
	defer server.Close() //nolint:errcheck // a pipe
	watched := watchIdle(body, time.Hour)
	go func() { _, _ = io.WriteString(server, "row\n") }()
	p := make([]byte, 16)
	if n, err := watched.Read(p); err != nil || string(p[:n]) != "row\n" {
		t.Fatalf("read %q, %v", p[:n], err)
	}
	watched.limit = time.Millisecond
	if _, err := watched.Read(p); !errors.Is(err, errSilent) {
		t.Errorf("a silent feed gave %v", err)
	}
}

func TestFeedThatSpeaksGoesOn(t *testing.T) {
	watched := watchIdle(io.NopCloser(strings.NewReader("a long answer")), time.Minute)
	text, err := io.ReadAll(watched)
	if err != nil || string(text) != "a long answer" {
		t.Errorf("read %q, %v", text, err)
	}
	if err := watched.Close(); err != nil {
		t.Error(err)
	}
}
