package app

import (
	"context"
	"fmt"

	"meguri/hub/register"
	"meguri/hub/register/erased"
	"meguri/hub/store"
)

// eraseAgain erases whoever stands in the list beside the keys and not in the database: a backup of before was put back, by whatever
// means, or the hub was stopped between the two. Nobody works with the data before.
func eraseAgain(ctx context.Context, c Config, s *store.Store) error {
	all, err := erased.List(c.PKI)
	if err != nil || len(all) == 0 {
		return err
	}
	again, err := (&register.Service{Store: s.Register()}).Reapply(ctx, all)
	if err != nil {
		return fmt.Errorf("erase again who was erased: %w", err)
	}
	if again > 0 {
		c.Logger.Warn("the database had persons who were erased before, and has them no more", "persons", again)
	}
	return nil
}
