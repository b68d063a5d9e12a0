package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"meguri/hub/people"
	"meguri/hub/register"
)

// sealAtOnce is how many names are sealed, or put under another key, in one transaction, so that others can write between.
const sealAtOnce = 500

// SealNames gives the store the hub's key, by which it reads and writes names of those who work here and of visitors. What stands in
// plain since before they were sealed is sealed. Without it names read as people.Sealed, and none can be written.
// It is called before anything else is done with the store. It is people.ErrOtherKey where all is sealed with another key: nothing was
// sealed then. Who goes on all the same, since that key is lost, writes with this one.
func (s *Store) SealNames(ctx context.Context, v *people.Vault) error {
	s.vault = v
	return s.SealPlain(ctx)
}

// SealPlain seals what stands in plain: from before names were sealed, or since then from a hub of before that ran on the database.
// It is people.ErrOtherKey, and nothing was sealed, where all is sealed with another key than the store's.
func (s *Store) SealPlain(ctx context.Context) error {
	plain, other := false, false
	err := s.Read(ctx, func(tx *Tx) (err error) {
		if other, err = tx.otherKey(ctx); err == nil {
			plain, err = tx.HasPlain(ctx)
		}
		return err
	})
	if err == nil && other {
		err = people.ErrOtherKey
	}
	if err != nil || !plain {
		return err
	}
	for {
		moved := 0
		err := s.Change(ctx, func(tx *Tx) (err error) {
			moved, err = tx.sealPlain(ctx)
			return err
		})
		if err != nil {
			return fmt.Errorf("seal names: %w", err)
		}
		if moved == 0 {
			return s.scrub(ctx)
		}
	}
}

// otherKey says whether something is sealed, and nothing of it with a key of the store's.
func (tx *Tx) otherKey(ctx context.Context) (bool, error) {
	keys, err := list(ctx, tx, scanText, `SELECT key_id FROM names UNION SELECT key_id FROM contact_keys`)
	return tx.vault != nil && len(keys) > 0 && !slices.ContainsFunc(keys, tx.vault.Has), err
}

// HasPlain says whether a name or a login name stands in plain.
func (tx *Tx) HasPlain(ctx context.Context) (plain bool, err error) {
	err = tx.row(ctx, `SELECT EXISTS (SELECT 1 FROM persons WHERE name <> '') OR EXISTS (SELECT 1 FROM passes WHERE name <> '')
		OR EXISTS (SELECT 1 FROM door_openings WHERE at_door <> '') OR EXISTS (SELECT 1 FROM passwords WHERE `+plainLogin+`)`).Scan(&plain)
	return plain, err
}

const plainLogin = `NOT EXISTS (SELECT 1 FROM names n WHERE n.kind = 'login' AND n.owner_id = passwords.person_id)`

// sealPlain seals some of the names that stand in plain, and says how many.
func (tx *Tx) sealPlain(ctx context.Context) (moved int, err error) {
	for _, p := range []struct{ kind, query, empty string }{
		{register.NameOfPerson, `SELECT id, name FROM persons WHERE name <> ''`, `UPDATE persons SET name = '' WHERE id = $1`},
		{register.NameOfPass, `SELECT id, name FROM passes WHERE name <> ''`, `UPDATE passes SET name = '' WHERE id = $1`},
		{register.NameOfOpening, `SELECT id, at_door FROM door_openings WHERE at_door <> ''`, `UPDATE door_openings SET at_door = '' WHERE id = $1`},
		{register.NameOfLogin, `SELECT person_id, login_mark FROM passwords WHERE ` + plainLogin, ``},
	} {
		rows, err := list(ctx, tx, func(row scanner) (r [2]string, err error) { return r, row.Scan(&r[0], &r[1]) }, p.query+" ORDER BY 1 LIMIT $1", sealAtOnce)
		if err != nil {
			return 0, err
		}
		for _, r := range rows {
			id, name := r[0], r[1]
			if p.kind == register.NameOfLogin {
				err = tx.write(ctx, `UPDATE passwords SET login_mark = $2 WHERE person_id = $1`, id, tx.loginMarks(name)[0])
			} else {
				err = tx.write(ctx, p.empty, id)
			}
			switch {
			case err != nil:
			case name == people.Erased: // by a hub of before, which knew nothing of sealed names
				err = tx.loseNames(ctx, p.kind, id)
			default:
				err = tx.saveName(ctx, p.kind, id, name)
			}
			if err != nil {
				return 0, err
			}
		}
		moved += len(rows)
	}
	return moved, nil
}

// saveName seals a name and puts it in the place of the former one.
func (tx *Tx) saveName(ctx context.Context, kind, owner, name string) error {
	n, err := register.SealName(tx.vault, kind, owner, name)
	if err != nil {
		return err
	}
	return tx.storeName(ctx, n)
}

func (tx *Tx) storeName(ctx context.Context, n register.Name) error {
	return tx.write(ctx, `INSERT INTO names (kind, owner_id, sealed, key_id, wrapped) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (owner_id, kind)
		DO UPDATE SET sealed = excluded.sealed, key_id = excluded.key_id, wrapped = excluded.wrapped`, n.Kind, n.Owner, n.Sealed, n.KeyID, n.Wrapped)
}

// loseName loses the key of a name, with the name. It is overwritten first: a database leaves what is deleted where it was until it needs
// the room.
func (tx *Tx) loseName(ctx context.Context, kind, owner string) error {
	const zeros = people.VaultKey
	if err := tx.write(ctx, `UPDATE names SET wrapped = $3, sealed = $3 WHERE kind = $1 AND owner_id = $2`, kind, owner, make([]byte, zeros)); err != nil {
		return err
	}
	return tx.write(ctx, `DELETE FROM names WHERE kind = $1 AND owner_id = $2`, kind, owner)
}

// loseNames loses the name of an owner who was erased; of a person the login name as well, and the name on passes and openings.
func (tx *Tx) loseNames(ctx context.Context, kind, owner string) error {
	if kind != register.NameOfPerson {
		return tx.loseName(ctx, kind, owner)
	}
	had, err := tx.names(ctx, `kind = $1 AND owner_id = $2`, kind, owner)
	for _, n := range had {
		if name, failed := n.Open(tx.vault); err == nil && failed == nil {
			err = tx.forgetVisitor(ctx, name)
		}
	}
	return errors.Join(err, tx.loseName(ctx, kind, owner), tx.loseName(ctx, register.NameOfLogin, owner))
}

// nameColumns are read by readName, from sealed or from what stands in plain since before.
const nameColumns = `n.sealed, n.wrapped`

// sealedName is what a query reads of a name.
type sealedName struct{ sealed, wrapped []byte }

// of opens a name that belongs to owner; plain is what stands there since before names were sealed. It is missing for who has none, and
// people.Sealed where this hub's key does not open it.
func (n sealedName) of(tx *Tx, kind, owner, plain, missing string) string {
	if plain != "" {
		return plain
	}
	if n.wrapped == nil {
		return missing
	}
	name, err := register.Name{Kind: kind, Owner: owner, Sealed: n.sealed, Wrapped: n.wrapped}.Open(tx.vault)
	if err != nil {
		return people.Sealed
	}
	return name
}

// names gives names of the kinds, unopened, in an order of their own.
func (tx *Tx) names(ctx context.Context, where string, args ...any) ([]register.Name, error) {
	return list(ctx, tx, func(row scanner) (n register.Name, err error) {
		return n, row.Scan(&n.Kind, &n.Owner, &n.Sealed, &n.KeyID, &n.Wrapped)
	}, `SELECT kind, owner_id, sealed, key_id, wrapped FROM names WHERE `+where, args...)
}

// CanForget is people.ErrSealed where the names of whoever has the id, or is the customer of that pseudonym, cannot all be found and lost:
// a name of theirs, or of a pass or opening that may be theirs, does not open with the hub's key.
func (tx *Tx) CanForget(ctx context.Context, id string) error {
	persons, err := tx.personsOf(ctx, id)
	named := func(p people.Person) bool { return p.Name != people.Erased }
	if err != nil || !slices.ContainsFunc(persons, named) {
		return err
	}
	if slices.ContainsFunc(persons, func(p people.Person) bool { return p.Name == people.Sealed }) {
		return people.ErrSealed
	}
	all, err := tx.names(ctx, `kind IN ('pass', 'opening')`)
	for _, n := range all {
		if err == nil {
			_, err = n.Open(tx.vault)
		}
	}
	return err
}

// forgetVisitor loses the name of passes and openings that have it: it was written there because there was no account to point at.
func (tx *Tx) forgetVisitor(ctx context.Context, name string) error {
	if name == people.Erased || name == people.Sealed {
		return nil
	}
	err := errors.Join(tx.write(ctx, `UPDATE passes SET name = '' WHERE name = $1`, name), // of before names were sealed
		tx.write(ctx, `UPDATE door_openings SET at_door = '' WHERE at_door = $1`, name))
	if err != nil {
		return err
	}
	all, err := tx.names(ctx, `kind IN ('pass', 'opening')`)
	for _, n := range all {
		if err != nil {
			return err
		}
		if is, failed := n.Open(tx.vault); failed == nil && is == name {
			err = tx.loseName(ctx, n.Kind, n.Owner)
		}
	}
	return err
}

// UnreadableNames counts the names that are sealed with another key than this hub's.
func (tx *Tx) UnreadableNames(ctx context.Context) (unreadable int, err error) {
	err = each(ctx, tx, func(row scanner) error {
		var key string
		var n int
		if err := row.Scan(&key, &n); err != nil {
			return err
		}
		if tx.vault == nil || !tx.vault.Has(key) {
			unreadable += n
		}
		return nil
	}, `SELECT key_id, COUNT(*) FROM names GROUP BY key_id`)
	return unreadable, err
}

// RewrapNames puts some names that are under an older one of the hub's keys under the newest, and says how many it was.
func (tx *Tx) RewrapNames(ctx context.Context) (int, error) {
	if tx.vault == nil {
		return 0, people.ErrNoKey
	}
	for _, old := range tx.vault.OldKeyIDs() {
		all, err := tx.names(ctx, `key_id = $1 ORDER BY owner_id, kind LIMIT $2`, old, sealAtOnce)
		if err != nil {
			return 0, err
		}
		for _, n := range all {
			if err := tx.rewrapName(ctx, n); err != nil {
				return 0, fmt.Errorf("name of %s %s: %w", n.Kind, n.Owner, err)
			}
		}
		if len(all) > 0 {
			return len(all), nil
		}
	}
	return 0, nil
}

func (tx *Tx) rewrapName(ctx context.Context, n register.Name) error {
	if n.Kind == register.NameOfLogin {
		if err := tx.remarkLogin(ctx, n); err != nil {
			return err
		}
	}
	n, err := n.Rewrap(tx.vault)
	if err != nil {
		return err
	}
	return tx.storeName(ctx, n)
}

// remarkLogin has a login name found by the newest of the hub's keys.
func (tx *Tx) remarkLogin(ctx context.Context, n register.Name) error {
	login, err := n.Open(tx.vault)
	if err != nil {
		return err
	}
	return tx.write(ctx, `UPDATE passwords SET login_mark = $2 WHERE person_id = $1`, n.Owner, tx.loginMarks(login)[0])
}

// loginMarks is what a login name is found by, under each of the hub's keys, the newest first; none without a key.
func (tx *Tx) loginMarks(login string) []string {
	if tx.vault == nil {
		return nil
	}
	return tx.vault.Lookups("login", login)
}
