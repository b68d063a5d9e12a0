package admission

import (
	"context"
	"errors"
	"fmt"

	"meguri/hub/pki"
	"meguri/hub/store"
)

// ErrNoAuthority is a directory without a certificate authority, though devices have certificates of one.
var ErrNoAuthority = errors.New("there is none, but devices have certificates of one: copy the hub's pki directory there. " +
	"If all copies are lost, hub ca new makes another, and then each device needs hub device renew")

// Authority opens the certificate authority of a database. It makes one for the first device only: another one, made because
// of a wrong directory or a restore on a new machine, would shut every device out without a word.
func Authority(ctx context.Context, s *store.Store, dir string) (*pki.Authority, error) {
	there, err := pki.Exists(dir)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	if !there {
		var certified int
		err := s.Read(ctx, func(tx *store.Tx) (err error) {
			certified, _, err = tx.CertificateCounts(ctx)
			return err
		})
		if err != nil {
			return nil, err
		}
		if certified > 0 {
			return nil, fmt.Errorf("certificate authority in %s: %w", dir, ErrNoAuthority)
		}
	}
	return pki.Open(dir)
}
