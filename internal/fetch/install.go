package fetch

import (
	"context"
	"errors"
	"net"
	"net/http"
)

// errNoDial is what a transport gets that would open a connection of its own.
var errNoDial = errors.New("fetch: a Worker opens no connections for net/http: send the request by http.DefaultTransport itself, not by a clone of it")

// Install has a standard transport send its http and https requests by outgoing. It stays the *http.Transport that programs expect
// http.DefaultTransport to be. Clones of it do not send by outgoing; they fail with an error that says so.
//
// It must be called once, before the transport is used.
func Install(transport *http.Transport, outgoing http.RoundTripper) {
	transport.ForceAttemptHTTP2 = false // it would claim https
	transport.Proxy = nil
	// Under js/wasm a transport with a dialer looks at its protocols first; one without uses the JavaScript global fetch.
	transport.DialContext = func(context.Context, string, string) (net.Conn, error) { return nil, errNoDial }
	transport.RegisterProtocol("http", outgoing)
	transport.RegisterProtocol("https", outgoing)
}
