package oauth2avatar

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// guard refuses requests to hosts that are not public, the redirects of a client among them.
type guard struct {
	transport http.RoundTripper
}

func (g guard) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := CheckHost(request.URL.Hostname()); err != nil {
		return nil, err
	}
	return g.transport.RoundTrip(request)
}

// privateSuffixes are the names that never mean a host on the internet.
var privateSuffixes = []string{"localhost", "local", "internal", "home.arpa"}

// CheckHost returns an error where the host of a URL is an address that is not a public one (loopback, private, link-local,
// multicast, unspecified, in any notation that a URL allows), or a name that can only be a local one.
func CheckHost(host string) error {
	refused := fmt.Errorf("address %q is invalid or resolve to disallowed IP", host)
	name, err := toASCII(host)
	if err != nil {
		return refused
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if address, err := netip.ParseAddr(name); err == nil {
		if !isPublic(address) {
			return refused
		}
		return nil
	}
	labels := strings.Split(name, ".")
	// The URL standard reads a host whose last label is a number as an IPv4 address: 127.1, 0x7f.0.0.1, 2130706433.
	if isNumber(labels[len(labels)-1]) || len(labels) < 2 || strings.Contains(name, "%") {
		return refused
	}
	for _, suffix := range privateSuffixes {
		if name == suffix || strings.HasSuffix(name, "."+suffix) {
			return refused
		}
	}
	return nil
}

// toASCII gives a host as fetch looks for it: of 127.0.0.1 in full-width digits remains 127.0.0.1.
func toASCII(host string) (string, error) {
	if !strings.ContainsFunc(host, func(c rune) bool { return c >= utf8.RuneSelf }) {
		return host, nil
	}
	return idna.Lookup.ToASCII(host)
}

// nat64 is the prefix of IPv6 addresses that hold an IPv4 address in their last four bytes (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

func isPublic(address netip.Addr) bool {
	if nat64.Contains(address) {
		bytes := address.As16()
		address = netip.AddrFrom4([4]byte(bytes[12:]))
	}
	address = address.Unmap()
	return address.Zone() == "" && !address.IsLoopback() && !address.IsUnspecified() && !address.IsPrivate() &&
		!address.IsLinkLocalUnicast() && !address.IsMulticast()
}

// isNumber tells whether a label is a number in the URL standard's sense: decimal, octal or hexadecimal digits.
func isNumber(label string) bool {
	if hex, found := strings.CutPrefix(label, "0x"); found {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return label == "" || strings.Trim(label, "0123456789") == ""
}
