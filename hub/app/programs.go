package app

import (
	"context"
	"path/filepath"
	"time"

	"meguri/hub/bearer"
	"meguri/hub/people"
	"meguri/hub/store"
)

// Programs says whose tokens the hub takes.
type Programs struct {
	URL     string          // where programs reach the hub; empty for the address of HTTP
	Issuers []bearer.Issuer // others that are trusted
}

// newChecker makes what checks tokens, and keeps the keys of others fresh until ctx ends. Copies of these stand beside the hub's own
// keys.
func newChecker(ctx context.Context, c Config, s *store.Store, persons *people.Service) (*bearer.Checker, error) {
	own := &bearer.Own{URL: c.Programs.URL, Store: s, People: persons}
	if own.URL == "" {
		own.URL = "http://" + c.HTTP
		if c.TLSCert != "" {
			own.URL = "https://" + c.HTTP
		}
	}
	keys := &bearer.Keys{Dir: filepath.Join(c.PKI, "issuers"), Logger: c.Logger}
	checker, err := bearer.New(bearer.Config{Own: own, Issuers: c.Programs.Issuers, Keys: keys})
	if err == nil && len(c.Programs.Issuers) > 0 {
		go func() { _ = keys.Run(ctx, c.Programs.Issuers, time.Now) }() // ends with ctx, and holds nothing that has to be closed
	}
	return checker, err
}
