package schema

import (
	"net/netip"
	"slices"
	"strings"
)

// reserved are the address blocks of IANA's special-purpose registries, IPv4
// and IPv6, and the multicast blocks. No public web server has an address in
// one. Those that carry an IPv4 address (mapped, NAT64, 6to4) are left out and
// judged by that address.
var reserved = prefixes(
	// IPv4 Special-Purpose Address Registry.
	"0.0.0.0/8",          // this network, RFC 791
	"10.0.0.0/8",         // private use, RFC 1918
	"100.64.0.0/10",      // shared by carriers, RFC 6598
	"127.0.0.0/8",        // loopback, RFC 1122
	"169.254.0.0/16",     // link-local, RFC 3927
	"172.16.0.0/12",      // private use, RFC 1918
	"192.0.0.0/24",       // protocol assignments, RFC 6890: DS-Lite, PCP and TURN anycast, NAT64 discovery
	"192.0.2.0/24",       // documentation, RFC 5737
	"192.31.196.0/24",    // AS112, RFC 7535
	"192.52.193.0/24",    // AMT, RFC 7450
	"192.88.99.0/24",     // 6to4 relays, RFC 7526
	"192.168.0.0/16",     // private use, RFC 1918
	"192.175.48.0/24",    // AS112, RFC 7534
	"198.18.0.0/15",      // benchmarks, RFC 2544
	"198.51.100.0/24",    // documentation, RFC 5737
	"203.0.113.0/24",     // documentation, RFC 5737
	"240.0.0.0/4",        // reserved, RFC 1112
	"255.255.255.255/32", // broadcast, RFC 919
	"224.0.0.0/4",        // multicast, RFC 5771

	// IPv6 Special-Purpose Address Registry.
	"::1/128",           // loopback, RFC 4291
	"::/128",            // unspecified, RFC 4291
	"64:ff9b:1::/48",    // a site's own translator, RFC 8215
	"100::/64",          // discard, RFC 6666
	"100:0:0:1::/64",    // dummy prefix, RFC 9780
	"2001::/23",         // protocol assignments, RFC 2928: Teredo, benchmarks, ORCHID, AMT, AS112 and so on
	"2001:db8::/32",     // documentation, RFC 3849
	"2620:4f:8000::/48", // AS112, RFC 7534
	"3fff::/20",         // documentation, RFC 9637
	"5f00::/16",         // segment routing, RFC 9602
	"fc00::/7",          // unique local, RFC 4193
	"fe80::/10",         // link-local, RFC 4291
	"fec0::/10",         // site-local, RFC 3879
	"ff00::/8",          // multicast, RFC 4291
)

var (
	nat64     = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052
	sixToFour = netip.MustParsePrefix("2002::/16")    // RFC 3056
	global    = netip.MustParsePrefix("2000::/3")     // all of IPv6 that is given out, RFC 4291
)

func prefixes(texts ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		out[i] = netip.MustParsePrefix(text)
	}
	return out
}

// inside tells whether an address is one that only the own network can mean, or
// that nobody has.
func inside(a netip.Addr) bool {
	if a.Is6() && !a.Is4In6() && !global.Contains(a) && !nat64.Contains(a) {
		return true
	}
	return slices.ContainsFunc(reserved, func(p netip.Prefix) bool { return p.Contains(a) })
}

// embeddedIn returns a and the IPv4 address that it carries: mapped
// (::ffff:0:0/96), translated by NAT64, of 6to4, or of ISATAP (RFC 5214).
func embeddedIn(a netip.Addr) []netip.Addr {
	a = a.Unmap().WithZone("")
	out := []netip.Addr{a}
	if !a.Is6() {
		return out
	}
	b := a.As16()
	switch {
	case nat64.Contains(a), (b[8] == 0 || b[8] == 2) && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe:
		out = append(out, netip.AddrFrom4([4]byte(b[12:])))
	case sixToFour.Contains(a):
		out = append(out, netip.AddrFrom4([4]byte(b[2:6])))
	}
	return out
}

// innerSuffixes are the last labels of names that mean a host of the own
// network: those of RFC 6761, 6762 and 8375, of ICANN (internal), and those
// that networks use although nobody gave them out (RFC 6762, appendix G).
var innerSuffixes = []string{
	"localhost", "localdomain", "local", "internal", "arpa", "test",
	"intranet", "private", "corp", "home", "lan", "mail", "svc",
}

// innerName tells whether a host name means a host of the own network, as far
// as the name shows: a name of one label is looked up there.
func innerName(host string) bool {
	i := strings.LastIndexByte(host, '.')
	return i < 0 || slices.Contains(innerSuffixes, host[i+1:])
}
