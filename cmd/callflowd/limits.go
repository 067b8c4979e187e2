package main

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/document"
)

// limits are what clients may ask for. The defaults are safe.
type limits struct {
	MaxBody          int64         `group:"Limits" default:"8000000" help:"Bytes of a request body."`
	MaxUpload        int64         `group:"Limits" default:"8000000" help:"Bytes of a media file that is uploaded; at most 11534336, which the schema of media allows."`
	MaxImport        int64         `group:"Limits" default:"1000000000" help:"Bytes of a body that POST …/import takes. It waits in --data-dir while it is checked; in memory are its documents' ids and places alone."`
	MaxJSONDepth     int           `group:"Limits" name:"max-json-depth" default:"128" help:"Objects and arrays inside one another."`
	MaxJSONKeys      int           `group:"Limits" name:"max-json-keys" default:"100000" help:"Object members of a body."`
	MaxJSONItems     int           `group:"Limits" name:"max-json-items" default:"100000" help:"Array items of a body."`
	MaxNumberLiteral int           `group:"Limits" default:"64" help:"Characters of a number in JSON."`
	PageSize         int           `group:"Limits" default:"50" help:"Items of a page when the request names no size."`
	MaxPageSize      int           `group:"Limits" default:"10000" help:"Items of a page at most."`
	MaxLookups       int           `group:"Limits" default:"10000" help:"Numbers of one bulk lookup."`
	RequestTimeout   time.Duration `group:"Limits" default:"30s" help:"How long a request may take, feeds and streamed lists excepted."`

	LookupPatience time.Duration `group:"Limits" default:"100ms" help:"How long a lookup waits for a callflow's document; it is answered without after that."`

	RateBurst       int     `group:"Limits" default:"100" help:"Requests at once of one client to one account; 0 is no limit. Peers on the loopback are limited where they log in only."`
	RatePerSecond   float64 `group:"Limits" default:"10" help:"Requests a second after that."`
	LookupBurst     int     `group:"Limits" default:"0" help:"As --rate-burst, for lookups of numbers, which are counted apart."`
	LookupPerSecond float64 `group:"Limits" default:"1000" help:"Lookups a second after that."`

	TrustedProxy []prefix `group:"Limits" placeholder:"CIDR" help:"Peers whose X-Forwarded-For is believed; may be repeated."`
}

// maxMediaLength is the largest content_length of the schema of media.
const maxMediaLength = 11534336

// check refuses limits that would allow no request.
func (l *limits) check() error {
	var mistakes []error
	wrong := func(is bool, message string) {
		if is {
			mistakes = append(mistakes, errors.New(message))
		}
	}
	sizes := map[string]int64{
		"max-body": l.MaxBody, "max-upload": l.MaxUpload, "max-import": l.MaxImport, "max-json-depth": int64(l.MaxJSONDepth), "max-json-keys": int64(l.MaxJSONKeys), "max-json-items": int64(l.MaxJSONItems),
		"max-number-literal": int64(l.MaxNumberLiteral), "page-size": int64(l.PageSize), "max-page-size": int64(l.MaxPageSize),
		"max-lookups": int64(l.MaxLookups), "request-timeout": int64(l.RequestTimeout), "lookup-patience": int64(l.LookupPatience),
	}
	for _, flag := range slices.Sorted(maps.Keys(sizes)) {
		wrong(sizes[flag] <= 0, "--"+flag+": must be positive")
	}
	wrong(l.MaxUpload > maxMediaLength, "--max-upload: exceeds 11534336, which the schema of media allows")
	wrong(l.PageSize > l.MaxPageSize, "--page-size: exceeds --max-page-size")
	wrong(l.RateBurst < 0, "--rate-burst: must not be negative")
	wrong(l.RateBurst > 0 && !(l.RatePerSecond > 0 && l.RatePerSecond <= math.MaxInt32),
		"--rate-per-second: must be positive and finite where --rate-burst is positive")
	wrong(l.LookupBurst < 0, "--lookup-burst: must not be negative")
	wrong(l.LookupBurst > 0 && !(l.LookupPerSecond > 0 && l.LookupPerSecond <= math.MaxInt32),
		"--lookup-per-second: must be positive and finite where --lookup-burst is positive")
	for _, peers := range l.TrustedProxy {
		wrong(peers.Bits() == 0, "--trusted-proxy: "+peers.String()+" is everybody, and every client could say that it is another")
	}
	return errors.Join(mistakes...)
}

// prefix is a network.
type prefix struct{ netip.Prefix }

// UnmarshalText reads 10.0.0.0/8. An address alone may mean a network too.
func (p *prefix) UnmarshalText(text []byte) (err error) {
	if p.Prefix, err = netip.ParsePrefix(string(text)); err != nil {
		return fmt.Errorf("%q is not a network like 10.0.0.0/8, which for one address ends in /32", text)
	}
	return nil
}

// proxies are the peers whose X-Forwarded-For is believed.
func (l *limits) proxies() []netip.Prefix {
	all := make([]netip.Prefix, len(l.TrustedProxy))
	for i, peers := range l.TrustedProxy {
		all[i] = peers.Prefix
	}
	return all
}

// api puts the limits into the API's terms.
func (l *limits) api() web.Limits {
	return web.Limits{
		Body:     l.MaxBody,
		Upload:   l.MaxUpload,
		Import:   l.MaxImport,
		JSON:     document.Limits{Depth: l.MaxJSONDepth, Keys: l.MaxJSONKeys, Items: l.MaxJSONItems, Number: l.MaxNumberLiteral},
		PageSize: l.PageSize, MaxPageSize: l.MaxPageSize,
		Routes: l.MaxLookups, Deadline: l.RequestTimeout,
		Rate:    bucket(l.RateBurst, l.RatePerSecond),
		Lookups: bucket(l.LookupBurst, l.LookupPerSecond),
	}
}

// bucket is a token bucket. A burst of 0 means no limit, which is -1 for the API,
// where 0 means the default.
func bucket(burst int, perSecond float64) web.Rate {
	if burst == 0 {
		return web.Rate{Burst: -1}
	}
	return web.Rate{Burst: burst, PerSecond: perSecond}
}
