package auth

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/callflowd/callflowd/pkg/lru"
)

// AuthCost is what a request to log in costs, in tokens of its bucket; any
// other costs one (contract 1.3).
const AuthCost = 35

// limiterBuckets bounds the buckets in memory.
const limiterBuckets = 100_000

// Limiter limits the rate of requests per bucket, Kazoo's "address/account".
// An IPv6 client owns a /64, so that is its address here. The zero Limiter is ready
// and has Kazoo's defaults: 100 tokens, 10 more each second.
type Limiter struct {
	Burst  int              // tokens in a full bucket
	Refill float64          // tokens per second
	Now    func() time.Time // time.Now if nil

	once    sync.Once
	wide    *Limiter // of sites
	buckets *lru.Map[string, *rate.Limiter]
	making  sync.Mutex
}

func (l *Limiter) init() {
	l.once.Do(func() {
		if l.Burst <= 0 {
			l.Burst = 100
		}
		if l.Refill <= 0 {
			l.Refill = 10
		}
		if l.Now == nil {
			l.Now = time.Now
		}
		l.wide = &Limiter{Burst: l.Burst * wideFactor, Refill: l.Refill * wideFactor, Now: l.Now}
		l.buckets = lru.New[string, *rate.Limiter](limiterBuckets)
	})
}

// Take takes cost tokens out of a bucket. If there are not enough, none are
// taken and wait is how long until there will be. remaining is what the
// bucket holds after it, rounded down.
func (l *Limiter) Take(bucket string, cost int) (ok bool, remaining int, wait time.Duration) {
	l.init()
	b, now := l.bucket(bucket), l.Now()
	cost = min(cost, l.Burst)
	if b.AllowN(now, cost) {
		return true, int(max(b.TokensAt(now), 0)), 0
	}
	tokens := b.TokensAt(now)
	missing := float64(cost) - tokens
	return false, int(max(tokens, 0)), time.Duration(missing / l.Refill * float64(time.Second))
}

func (l *Limiter) bucket(name string) *rate.Limiter {
	if b, ok := l.buckets.Get(name); ok {
		return b
	}
	l.making.Lock()
	defer l.making.Unlock()
	if b, ok := l.buckets.Get(name); ok {
		return b
	}
	b := rate.NewLimiter(rate.Limit(l.Refill), l.Burst)
	l.buckets.Put(name, b)
	return b
}

// wideFactor times the rate of one IPv6 network (/64) is the rate of a whole site
// (/48), which has 65,536 of them. The loopback address gets as much, since many
// clients may come through a proxy there.
const wideFactor = 10

// TakeFrom takes tokens out of the bucket of a client and an account, and for
// an IPv6 client out of its site's as well. It answers as [Limiter.Take].
func (l *Limiter) TakeFrom(client netip.Addr, accountID string, cost int) (ok bool, remaining int, wait time.Duration) {
	l.init()
	if client.IsLoopback() {
		return l.wide.Take("loopback/"+accountID, cost)
	}
	ok, remaining, wait = l.Take(network(client, 64)+"/"+accountID, cost)
	if !ok || !client.Unmap().Is6() {
		return ok, remaining, wait
	}
	if enough, left, wait := l.wide.Take(network(client, 48)+"/"+accountID, cost); !enough {
		return false, min(remaining, left), wait
	}
	return true, remaining, 0
}

// network is an address, for IPv6 the network of so many bits that it is in.
func network(client netip.Addr, bits int) string {
	client = client.Unmap().WithZone("")
	if prefix, err := client.Prefix(bits); err == nil && client.Is6() {
		return prefix.String()
	}
	return client.String()
}
