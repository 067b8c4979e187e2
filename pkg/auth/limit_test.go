package auth_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/auth"
)

func TestLimiter(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	l := &auth.Limiter{Now: func() time.Time { return now }}
	for i := range 2 {
		if ok, left, _ := l.Take("a", auth.AuthCost); !ok || left != 100-35*(i+1) {
			t.Errorf("login %d: %v, %d left", i, ok, left)
		}
	}
	ok, left, wait := l.Take("a", auth.AuthCost)
	if ok || left != 30 || wait != 500*time.Millisecond {
		t.Errorf("a third: %v, %d left, wait %v", ok, left, wait)
	}
	if ok, _, _ := l.Take("b", 1); !ok {
		t.Error("another bucket is empty too")
	}
	now = now.Add(wait)
	if ok, _, _ := l.Take("a", auth.AuthCost); !ok {
		t.Error("not refilled after the wait it named")
	}
	now = now.Add(time.Hour)
	for range 100 {
		l.Take("a", 1)
	}
	if ok, _, wait := l.Take("a", 1); ok || wait != 100*time.Millisecond {
		t.Errorf("the 101st: %v, wait %v", ok, wait)
	}
}

func TestLimiterCostAboveBurst(t *testing.T) {
	l := &auth.Limiter{Burst: 10}
	if ok, _, _ := l.Take("a", 35); !ok {
		t.Error("what costs more than a full bucket can never be had")
	}
	if ok, _, _ := l.Take("a", 35); ok {
		t.Error("it was free")
	}
}

func TestBucket(t *testing.T) {
	tests := []struct{ address, want string }{
		{"192.0.2.7", "192.0.2.7/A"},
		{"::ffff:192.0.2.7", "192.0.2.7/A"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/A"},
		{"fe80::1%eth0", "fe80::/A"},
		{"not an address", "not an address/A"},
	}
	for _, tt := range tests {
		if got := auth.Bucket(tt.address, "A"); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.address, got, tt.want)
		}
	}
}

func ExampleBucket() {
	fmt.Println(auth.Bucket("192.0.2.7", "abcd"))
	// Output: 192.0.2.7/abcd
}
