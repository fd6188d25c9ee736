package main

import (
	"net/url"
	"path"
)

// The forms in which a server that reads a URI by `net/url` may use it.
func forms(uri string) []string {
	found := []string{}
	if decoded, err := url.PathUnescape(uri); err == nil {
		found = append(found, decoded)
	}
	parsed, err := url.Parse(uri)
	if err != nil {
		return found
	}
	found = append(found, parsed.String(), parsed.JoinPath().String())
	if parsed.Opaque == "" && parsed.RawQuery == "" {
		found = append(found, parsed.Scheme+"://"+parsed.Host+path.Clean("/"+parsed.Path))
	}
	parsed.Fragment = ""
	return append(found, parsed.String())
}
