package backup

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"meguri/hub/store"
)

// Restore puts a backup back, into an empty database or, with overwrite, in the place of one that is set aside, and
// dropped by the retention when it was kept long enough; aside says where. No hub may run on it meanwhile. What a hub then does differently is stored with the data.
func Restore(ctx context.Context, url, file string, overwrite bool, now time.Time) (aside string, err error) {
	if file, err = filepath.Abs(file); err != nil {
		return "", err
	}
	e := copyOf(url)
	if err := e.check(ctx, file); err != nil {
		return "", fmt.Errorf("restore: %w", err)
	}
	if aside, err = e.restore(ctx, url, file, overwrite, now); err != nil {
		return aside, fmt.Errorf("restore: %w", err)
	}
	return aside, nil
}

// SealedWith names the keys that names and contacts are sealed with in a backup for the database url; none where it is of before any were.
func SealedWith(ctx context.Context, url, file string) ([]string, error) {
	file, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	e := copyOf(url)
	if err := e.check(ctx, file); err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	return e.sealedWith(ctx, file)
}

// recordRestore brings the data up to this hub's schema and notes where it came from.
func recordRestore(ctx context.Context, url, file string, now time.Time) error {
	s, err := store.Open(ctx, url)
	if err != nil {
		return err
	}
	id := rand.Text()
	err = s.Change(ctx, func(tx *store.Tx) error {
		persons, clients, err := tx.OldSecrets(ctx)
		if err != nil {
			return err
		}
		if err := tx.RecordRestore(ctx, id, file, now); err != nil {
			return err
		}
		return tx.OpenWork(ctx, "restored/"+id, "restored", "hub", "the hub went back to the backup "+filepath.Base(file)+
			". Shut out again the devices and persons that were shut out after it was made, and enter again the orders that it lacks."+
			" What devices have deleted meanwhile is named on their pages. All sessions have ended."+
			named(" Need new recovery codes: ", persons)+named(" Programs with the secrets of then, to be rotated or revoked again: ", clients), now)
	})
	return errors.Join(err, s.Close())
}

// mostNamed is how many ids a work item names.
const mostNamed = 50

func named(what string, ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	if more := len(ids) - mostNamed; more > 0 {
		ids = append(slices.Clone(ids[:mostNamed]), fmt.Sprintf("and %d more", more))
	}
	return what + strings.Join(ids, ", ") + "."
}
