package schema

import (
	"net/netip"
	"strings"
	"time"
)

// wellFormed judges a string by the formats that Kazoo's validator knows. Every
// string has a format that it does not know; uri is one of those.
func wellFormed(format, s string) bool {
	switch format {
	case "email": // one @ with something on either side, and no more than that
		local, domain, ok := strings.Cut(s, "@")
		return ok && local != "" && domain != "" && !strings.Contains(domain, "@")
	case "date-time":
		_, err := time.Parse(time.RFC3339Nano, s)
		return err == nil
	case "ipv4":
		a, err := netip.ParseAddr(s)
		return err == nil && a.Is4()
	case "ipv6":
		a, err := netip.ParseAddr(s)
		return err == nil && a.Is6() && a.Zone() == ""
	}
	return true
}
