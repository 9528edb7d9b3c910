package worker

import "net/http"

// needsNoDatabase tells whether the answer to a request is the same whatever the collections and settings are, so that it need not be known
// whether others have changed them: a health check, and what browsers ask before a request from another origin.
//
// A limit on the rate of health checks is the one that the isolate last heard of.
func needsNoDatabase(request *http.Request) bool {
	switch request.Method {
	case http.MethodOptions:
		return request.Header.Get("Access-Control-Request-Method") != ""
	case http.MethodGet, http.MethodHead:
		return request.URL.Path == "/api/health"
	}
	return false
}
