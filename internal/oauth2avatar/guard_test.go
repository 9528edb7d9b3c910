package oauth2avatar_test

import (
	"testing"

	"pocketflare/internal/oauth2avatar"
)

func TestCheckHost(t *testing.T) {
	for _, host := range []string{
		"", ".", "localhost", "LOCALHOST", "localhost.", "a.localhost", "printer", "printer.local", "metadata.google.internal",
		"127.0.0.1", "127.0.0.1.", "127.1", "0x7f.0.0.1", "0x7f000001", "2130706433", "0177.0.0.1", "1.2.3.4.5", "a.0x", "10.0.0.1",
		"172.16.0.1", "192.168.1.1", "169.254.169.254", "224.0.0.1", "0.0.0.0", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1",
		"ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "local%68ost.com", "router.home.arpa",
		"\uff11\uff12\uff17.0.0.1", "127.0.0\u30021", "127.0.0.1\u00ad", "a.\uff4cocalhost", "\u2488.1.1.1",
	} {
		if oauth2avatar.CheckHost(host) == nil {
			t.Errorf("%q is let through", host)
		}
	}
	for _, host := range []string{
		"example.com", "EXAMPLE.com.", "avatars.githubusercontent.com", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "127.com",
		"xn--bcher-kva.example", "bücher.example", "0x.example", "localhost.example.com",
	} {
		if err := oauth2avatar.CheckHost(host); err != nil {
			t.Errorf("%q: %v", host, err)
		}
	}
}
