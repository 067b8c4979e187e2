package auth_test

import (
	"fmt"
	"net/netip"
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

// What shares a bucket: the first address empties it, the second finds it so.
func TestBuckets(t *testing.T) {
	tests := []struct {
		first, second string
		shared        bool
	}{
		{"192.0.2.7", "192.0.2.7", true},
		{"192.0.2.7", "192.0.2.8", false},
		{"::ffff:192.0.2.7", "192.0.2.7", true},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::9", true},
		{"2001:db8:1:2::1", "2001:db8:1:3::1", false},
		{"fe80::1%eth0", "fe80::2%eth1", true},
	}
	for _, tt := range tests {
		l := &auth.Limiter{Burst: 1}
		l.TakeFrom(netip.MustParseAddr(tt.first), "A", 1)
		if ok, _, _ := l.TakeFrom(netip.MustParseAddr(tt.second), "A", 1); ok == tt.shared {
			t.Errorf("%s and %s: shared %v, want %v", tt.first, tt.second, !ok, tt.shared)
		}
		if ok, _, _ := l.TakeFrom(netip.MustParseAddr(tt.first), "B", 1); !ok {
			t.Errorf("%s: two accounts share a bucket", tt.first)
		}
	}
}

// A site with many IPv6 networks has ten times the rate of one, not more.
func TestSiteIsLimited(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	l := &auth.Limiter{Burst: 3, Refill: 1, Now: func() time.Time { return now }}
	taken := 0
	for n := range 100 {
		client := netip.MustParseAddr(fmt.Sprintf("2001:db8:1:%x::1", n))
		if ok, _, wait := l.TakeFrom(client, "A", 1); ok {
			taken++
		} else if wait != 100*time.Millisecond {
			t.Fatalf("wait %v", wait)
		}
	}
	if taken != 30 {
		t.Errorf("%d requests of 100 passed, want 30", taken)
	}
	if ok, _, _ := l.TakeFrom(netip.MustParseAddr("2001:db8:2::1"), "A", 1); !ok {
		t.Error("another site is limited too")
	}
}
