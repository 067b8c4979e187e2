package schema

import (
	"fmt"
	"net/netip"
	"testing"
)

// lastOf returns the last address of a block.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

func urlOf(a netip.Addr) string {
	if a.Is6() {
		return "http://[" + a.String() + "]:8080/x"
	}
	return "http://" + a.String() + "/x"
}

// carriers write an IPv4 address as the IPv6 addresses that lead to it.
func carriers(a netip.Addr) map[string]netip.Addr {
	b := a.As4()
	at := func(text string, from int) netip.Addr {
		out := netip.MustParseAddr(text).As16()
		copy(out[from:], b[:])
		return netip.AddrFrom16(out)
	}
	return map[string]netip.Addr{
		"mapped": at("::ffff:0:0", 12), "NAT64": at("64:ff9b::", 12), "6to4": at("2002::1", 2),
		"ISATAP": at("2a00:1:2:3:0:5efe::", 12), "public ISATAP": at("2a00:1:2:3:200:5efe::", 12),
	}
}

// TestReservedBlocks refuses the first and the last address of each block of
// the registries, IPv4 in every form that carries it. What stands before and
// after is allowed unless another block has it.
func TestReservedBlocks(t *testing.T) {
	for _, block := range reserved {
		first, last := block.Masked().Addr(), lastOf(block)
		if first != block.Addr() {
			t.Errorf("%s does not begin at its own address", block)
		}
		for _, a := range []netip.Addr{first, last} {
			if reason := (URLPolicy{}).Check(urlOf(a)); reason == "" {
				t.Errorf("%s: %s is allowed", block, a)
			}
			if !a.Is4() {
				continue
			}
			for form, carrier := range carriers(a) {
				if reason := (URLPolicy{}).Check(urlOf(carrier)); reason == "" {
					t.Errorf("%s: %s as %s is allowed: %s", block, a, form, carrier)
				}
			}
			b := a.As4()
			if url := fmt.Sprintf("http://%d/", uint32(b[0])<<24|uint32(b[1])<<16|uint32(b[2])<<8|uint32(b[3])); (URLPolicy{}).Check(url) == "" {
				t.Errorf("%s: %s is allowed", block, url)
			}
		}
		for _, a := range []netip.Addr{first.Prev(), last.Next()} {
			if !a.IsValid() || inside(a) {
				continue
			}
			if reason := (URLPolicy{}).Check(urlOf(a)); reason != "" {
				t.Errorf("beside %s: %s: %s", block, a, reason)
			}
		}
	}
}

// TestNeighboursOfReservedBlocks names what is public close to the blocks, so
// that a block that is too wide shows.
func TestNeighboursOfReservedBlocks(t *testing.T) {
	for _, text := range []string{
		"1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0", "169.253.255.255",
		"169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.3.0", "192.31.195.255", "192.31.197.0", "192.52.192.255",
		"192.52.194.0", "192.88.98.255", "192.88.100.0", "192.167.255.255", "192.169.0.0", "192.175.47.255", "192.175.49.0",
		"198.17.255.255", "198.20.0.0", "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0", "223.255.255.255",
		"2001:200::", "2001:db7:ffff::", "2001:db9::", "2620:4f:7fff::", "2620:4f:8001::", "3fff:1000::", "2a00::1",
	} {
		a := netip.MustParseAddr(text)
		if reason := (URLPolicy{}).Check(urlOf(a)); reason != "" {
			t.Errorf("%s: %s", a, reason)
		}
		if !a.Is4() {
			continue
		}
		for form, carrier := range carriers(a) {
			if reason := (URLPolicy{}).Check(urlOf(carrier)); reason != "" {
				t.Errorf("%s as %s: %s", a, form, reason)
			}
		}
	}
}

// TestAddressesNotGivenOut refuses IPv6 outside 2000::/3, old forms that carry
// IPv4 among it, whatever they carry.
func TestAddressesNotGivenOut(t *testing.T) {
	for _, text := range []string{"::8.8.8.8", "::ffff:0:808:808", "1::1", "4000::1", "64:ff9a::1", "64:ff9b:0:0:0:1::1", "fe00::1", "200::1"} {
		if reason := (URLPolicy{}).Check(urlOf(netip.MustParseAddr(text))); reason == "" {
			t.Errorf("%s is allowed", text)
		}
	}
}

func TestInnerNames(t *testing.T) {
	for _, suffix := range innerSuffixes {
		for _, host := range []string{suffix, "pbx." + suffix, "a.b." + suffix + ".", "PBX." + suffix + ":8080"} {
			if reason := (URLPolicy{}).Check("http://" + host + "/"); reason == "" {
				t.Errorf("%s is allowed", host)
			}
		}
		if reason := (URLPolicy{}).Check("http://" + suffix + ".example.com/"); reason != "" {
			t.Errorf("%s.example.com: %s", suffix, reason)
		}
		if reason := (URLPolicy{}).Check("http://pbx" + suffix + ".com/"); reason != "" {
			t.Errorf("pbx%s.com: %s", suffix, reason)
		}
	}
	for _, host := range []string{
		"pbx", "intranet", "ai", "localhosts", "localhost.localdomain", "metadata.google.internal", "kubernetes.default.svc",
		"db.svc.cluster.local", "router.home.arpa", "1.0.0.127.in-addr.arpa", "ip6-localhost", "ＰＢＸ", "pbx。internal",
	} {
		if reason := (URLPolicy{}).Check("https://" + host + "/"); reason == "" {
			t.Errorf("%s is allowed", host)
		}
	}
	policy := URLPolicy{Allow: []string{"pbx", ".internal", "203.0.113.7"}}
	for _, url := range []string{"http://pbx/", "http://a.internal/", "http://203.0.113.7/"} {
		if reason := policy.Check(url); reason != "" {
			t.Errorf("%s: %s", url, reason)
		}
	}
}

// TestRegistriesAreWhole names every row of IANA's two registries once more, so
// that a block that the table loses is missed. Rows that carry an IPv4 address
// are judged by that address.
func TestRegistriesAreWhole(t *testing.T) {
	for _, text := range []string{
		"0.0.0.0/8", "0.0.0.0/32", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
		"192.0.0.0/29", "192.0.0.8/32", "192.0.0.9/32", "192.0.0.10/32", "192.0.0.170/32", "192.0.0.171/32", "192.0.2.0/24",
		"192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.88.99.2/32", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "255.255.255.255/32",
		"::1/128", "::/128", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23", "2001::/32", "2001:1::1/128", "2001:1::2/128",
		"2001:1::3/128", "2001:2::/48", "2001:3::/32", "2001:4:112::/48", "2001:10::/28", "2001:20::/28", "2001:30::/28", "2001:db8::/32",
		"2620:4f:8000::/48", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10",
	} {
		block := netip.MustParsePrefix(text)
		for _, a := range []netip.Addr{block.Addr(), lastOf(block)} {
			if reason := (URLPolicy{}).Check(urlOf(a)); reason == "" {
				t.Errorf("%s: %s is allowed", block, a)
			}
		}
	}
	for _, text := range []string{"::ffff:0:0/96", "64:ff9b::/96", "2002::/16"} {
		block := netip.MustParsePrefix(text)
		private, public := block.Addr().As16(), block.Addr().As16()
		at := map[string]int{"2002::/16": 2}[text]
		if at == 0 {
			at = 12
		}
		copy(private[at:], []byte{10, 1, 2, 3})
		copy(public[at:], []byte{8, 8, 8, 8})
		if (URLPolicy{}).Check(urlOf(netip.AddrFrom16(private))) == "" || (URLPolicy{}).Check(urlOf(netip.AddrFrom16(public))) != "" {
			t.Errorf("%s is not judged by the address that it carries", block)
		}
	}
}
