package schema

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// URLPolicy says which URLs a switch may be sent to. Its zero value allows
// every http and https URL but those whose host is evidently inside: an
// address of a special purpose, in whatever notation (contract 11.7), or a
// name that only the own network knows. Names are not resolved, so a public
// name with a private address passes.
type URLPolicy struct {
	// Allow lists hosts that are allowed all the same: a host name, ".suffix"
	// for the names below it, an address, or a prefix like 10.1.0.0/16.
	Allow []string
}

// maxHost is more bytes than any host name takes: 253 characters (RFC 1035).
const maxHost = 1024

// Check returns why a URL is refused, and "" for one that is allowed.
func (p URLPolicy) Check(raw string) string {
	u, reason := parseURL(raw)
	if reason != "" {
		return reason
	}
	host := hostName(u.Hostname())
	addresses, numeric := addressesOf(host)
	switch {
	case host == "":
		return "the URL has no host"
	case strings.HasPrefix(host, ".") || strings.HasSuffix(host, ".") || strings.Contains(host, ".."):
		return "the URL's host has an empty part"
	case numeric && len(addresses) == 0:
		return "the URL's host looks like an address but is not one"
	case p.allows(host, addresses):
		return ""
	case slices.ContainsFunc(addresses, inside):
		return "the URL leads to an address that is not public: loopback, private, link-local or reserved"
	case loopbackName(host):
		return "the URL leads to this very host"
	case !numeric && innerName(host):
		return "the URL leads to a host of the own network"
	}
	return ""
}

func parseURL(raw string) (u *url.URL, reason string) {
	if strings.ContainsAny(raw, " \\") {
		return nil, "the URL holds a space or backslash"
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, "the URL is malformed"
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, "the URL must begin with http:// or https://"
	}
	if len(u.Host)+len(u.User.Username()) > maxHost {
		return nil, fmt.Sprintf("the URL's host is longer than %d bytes", maxHost)
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n > 65535 {
			return nil, "the URL's port is out of range"
		}
	}
	if u.User != nil {
		name := hostName(u.User.Username())
		_, numeric := addressesOf(name)
		if _, ok := u.User.Password(); !ok || numeric || loopbackName(name) {
			return nil, "the user information of the URL hides its host"
		}
	}
	return u, ""
}

// hostName returns a host as a resolver reads it: in lower case, compatibility forms folded (full-width digits and dots), without
// invisible characters, zone and final dot.
func hostName(host string) string {
	host = strings.Map(func(c rune) rune {
		switch {
		case c == '\u3002':
			return '.'
		case c == '\u00ad' || unicode.Is(unicode.Variation_Selector, c) || unicode.Is(unicode.Cf, c):
			return -1
		}
		return c
	}, strings.ToLower(norm.NFKC.String(host)))
	host, _, _ = strings.Cut(host, "%")
	return strings.TrimSuffix(host, ".")
}

func loopbackName(host string) bool {
	switch host {
	case "localhost", "ip6-localhost", "ip6-loopback":
		return true
	}
	return strings.HasSuffix(host, ".localhost") // RFC 6761
}

// addressesOf returns the addresses that a numeric host may stand for: there can
// be two, since some readers take a number with a leading zero as octal and
// others as decimal. numeric without addresses means a host that looks like an
// address and is not one.
func addressesOf(host string) (addresses []netip.Addr, numeric bool) {
	if a, err := netip.ParseAddr(host); err == nil {
		return embeddedIn(a), true
	}
	if strings.Contains(host, ":") {
		return nil, true
	}
	parts := strings.Split(host, ".")
	last := parts[len(parts)-1]
	if _, ok := numberPart(last, false); !ok {
		return nil, last != "" && plainDigits(last)
	}
	for _, decimal := range []bool{false, true} {
		if a, ok := classAddress(parts, decimal); ok {
			addresses = append(addresses, a)
		}
	}
	return addresses, true
}

// classAddress reads an IPv4 address of one to four parts, the last of which
// fills the rest: 127.1, 2130706433, 0x7f.1 (inet_aton).
func classAddress(parts []string, decimal bool) (netip.Addr, bool) {
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var sum uint64
	for i, part := range parts {
		n, ok := numberPart(part, decimal)
		width := 8
		if i == len(parts)-1 {
			width = 8 * (5 - len(parts))
		}
		if !ok || n>>width != 0 {
			return netip.Addr{}, false
		}
		sum = sum<<width | n
	}
	return netip.AddrFrom4([4]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)}), true
}

// numberPart reads one part: hexadecimal with 0x, octal with a leading zero
// unless decimal, decimal otherwise.
func numberPart(part string, decimal bool) (uint64, bool) {
	base := 10
	switch {
	case strings.HasPrefix(part, "0x"):
		part, base = part[2:], 16
		if part == "" {
			return 0, true
		}
	case len(part) > 1 && part[0] == '0' && !decimal:
		part, base = part[1:], 8
	}
	if strings.HasPrefix(part, "+") || strings.HasPrefix(part, "_") {
		return 0, false
	}
	n, err := strconv.ParseUint(part, base, 40)
	return n, err == nil
}

func (p URLPolicy) allows(host string, addresses []netip.Addr) bool {
	covers := func(entry string) bool {
		entry = strings.ToLower(entry)
		if prefix, err := netip.ParsePrefix(entry); err == nil {
			return len(addresses) > 0 && !slices.ContainsFunc(addresses, func(a netip.Addr) bool { return inside(a) && !prefix.Contains(a) })
		}
		if addr, err := netip.ParseAddr(entry); err == nil {
			return len(addresses) > 0 && !slices.ContainsFunc(addresses, func(a netip.Addr) bool { return a != addr.Unmap() })
		}
		return host == entry || strings.HasPrefix(entry, ".") && strings.HasSuffix(host, entry)
	}
	return slices.ContainsFunc(p.Allow, covers)
}
