package store

import (
	"context"
	"time"

	"meguri/hub/people"
)

// Businesses lists all in the order in which they were added.
func (tx *Tx) Businesses(ctx context.Context) ([]people.Business, error) {
	return list(ctx, tx, func(row scanner) (b people.Business, err error) {
		var since int64
		err = row.Scan(&b.ID, &b.Name, &since)
		b.Since = fromMillis(since)
		return b, err
	}, "SELECT id, name, since FROM businesses ORDER BY since, id")
}

// AddBusiness stores a new business.
func (tx *Tx) AddBusiness(ctx context.Context, b people.Business) error {
	_, err := tx.exec(ctx, "INSERT INTO businesses (id, name, since) VALUES ($1, $2, $3)", b.ID, b.Name, millis(b.Since))
	if tx.e.duplicate(err) {
		return people.ErrBusinessTaken
	}
	return err
}

// RenameBusiness gives a business another name; people.ErrNoBusiness for one that is not there.
func (tx *Tx) RenameBusiness(ctx context.Context, id, name string) error {
	n, err := tx.exec(ctx, "UPDATE businesses SET name = $2 WHERE id = $1", id, name)
	if err == nil && n == 0 {
		err = people.ErrNoBusiness
	}
	return err
}

// Posts are those of a living person in all businesses, in the order in which these were added.
func (tx *Tx) Posts(ctx context.Context, person string) (all []people.Post, err error) {
	err = tx.everywhere(func() error {
		all, err = list(ctx, tx, func(row scanner) (p people.Post, err error) {
			var since int64
			err = row.Scan(&p.Business.ID, &p.Business.Name, &since, &p.Role, &p.Place)
			p.Business.Since = fromMillis(since)
			return p, err
		}, `SELECT b.id, b.name, b.since, r.role, r.place FROM (
			SELECT id AS person_id, business_id, role, place FROM persons WHERE id = $1 AND removed_at IS NULL
			UNION ALL SELECT r.person_id, r.business_id, r.role, r.place FROM person_roles r
				JOIN persons p ON p.id = r.person_id AND p.removed_at IS NULL WHERE r.person_id = $1
			) r JOIN businesses b ON b.id = r.business_id ORDER BY b.since, b.id`, person)
		return err
	})
	return all, err
}

// setPost changes the role that a person has in a business.
func (tx *Tx) setPost(ctx context.Context, person, business string, role people.Role, place string) error {
	n, err := tx.exec(ctx, "UPDATE persons SET role = $3, place = $4 WHERE id = $1 AND business_id = $2", person, business, string(role), place)
	if err != nil || n > 0 {
		return err
	}
	return tx.write(ctx, "UPDATE person_roles SET role = $3, place = $4 WHERE person_id = $1 AND business_id = $2", person, business, string(role), place)
}

// SetPost gives a person a role in a business, or another one there.
func (tx *Tx) SetPost(ctx context.Context, person, business string, role people.Role, place, by string, at time.Time) error {
	n, err := tx.exec(ctx, "UPDATE persons SET role = $3, place = $4 WHERE id = $1 AND business_id = $2", person, business, string(role), place)
	if err != nil || n > 0 {
		return err
	}
	return tx.write(ctx, `INSERT INTO person_roles (person_id, business_id, role, place, given_at, given_by) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (person_id, business_id) DO UPDATE SET role = excluded.role, place = excluded.place, given_at = excluded.given_at,
		given_by = excluded.given_by`, person, business, string(role), place, millis(at), by)
}

// DropPost takes a person's role in a business away. When it is that of their own row, one of the others takes its place.
func (tx *Tx) DropPost(ctx context.Context, person, business string) error {
	moved, err := returning(ctx, tx, func(row scanner) (b string, err error) { return b, row.Scan(&b) },
		`UPDATE persons SET (business_id, role, place) = (SELECT r.business_id, r.role, r.place FROM person_roles r JOIN businesses b ON b.id = r.business_id
			WHERE r.person_id = $1 ORDER BY b.since, b.id LIMIT 1)
		WHERE id = $1 AND business_id = $2 AND EXISTS (SELECT 1 FROM person_roles r WHERE r.person_id = $1) RETURNING business_id`, person, business)
	if err != nil {
		return err
	}
	if len(moved) > 0 {
		business = moved[0]
	}
	return tx.write(ctx, "DELETE FROM person_roles WHERE person_id = $1 AND business_id = $2", person, business)
}

// EnterBusiness has a session go on in another business.
func (tx *Tx) EnterBusiness(ctx context.Context, session, business string) error {
	return tx.write(ctx, "UPDATE sessions SET business_id = $2 WHERE token_hash = $1", session, business)
}
