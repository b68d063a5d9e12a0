package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"meguri/hub/people"
	"meguri/hub/register"
)

// People is the store that package people works on.
func (s *Store) People() people.Store { return peopleStore{s} }

type peopleStore struct{ s *Store }

func (p peopleStore) Change(ctx context.Context, fn func(people.Tx) error) error {
	return p.s.Change(ctx, func(tx *Tx) error { return fn(tx) })
}

func (p peopleStore) Read(ctx context.Context, fn func(people.Tx) error) error {
	return p.s.Read(ctx, func(tx *Tx) error { return fn(tx) })
}

const personColumns = `id, name, role, place, added_at, added_by, removed_at, business_id, ` + nameColumns + `
	FROM persons LEFT JOIN names n ON n.kind = 'person' AND n.owner_id = persons.id`

func (tx *Tx) scanPerson(row scanner) (people.Person, error) {
	var p people.Person
	var n sealedName
	var added int64
	var removed sql.NullInt64
	err := row.Scan(&p.ID, &p.Name, &p.Role, &p.Place, &added, &p.AddedBy, &removed, &p.Business, &n.sealed, &n.wrapped)
	p.Name = n.of(tx, register.NameOfPerson, p.ID, p.Name, people.Erased)
	p.Added, p.Removed = fromMillis(added), fromOptionalMillis(removed)
	return p, err
}

// Person is the person with an id, also a removed one; people.ErrNoPerson when there is none.
func (tx *Tx) Person(ctx context.Context, id string) (people.Person, error) {
	p, err := tx.scanPerson(tx.row(ctx, `SELECT `+personColumns+` WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return people.Person{}, people.ErrNoPerson
	}
	return p, err
}

// Persons lists up to most persons in the order in which they were added, the removed ones too.
func (tx *Tx) Persons(ctx context.Context, most int) ([]people.Person, error) {
	return list(ctx, tx, tx.scanPerson, `SELECT `+personColumns+` ORDER BY added_at, id LIMIT $1`, most)
}

// AddPerson stores a new person.
func (tx *Tx) AddPerson(ctx context.Context, p people.Person) error {
	if err := tx.saveName(ctx, register.NameOfPerson, p.ID, p.Name); err != nil {
		return err
	}
	return tx.write(ctx, `INSERT INTO persons (id, name, role, place, added_at, added_by, business_id) VALUES ($1, '', $2, $3, $4, $5, $6)`,
		p.ID, string(p.Role), p.Place, millis(p.Added), p.AddedBy, p.Business)
}

// SetName gives a person another name.
func (tx *Tx) SetName(ctx context.Context, id, name string) error {
	if err := tx.saveName(ctx, register.NameOfPerson, id, name); err != nil {
		return err
	}
	return tx.write(ctx, `UPDATE persons SET name = '' WHERE id = $1`, id) // of before names were sealed
}

// HasOwn says whether a business has the place that is to be a person's own.
func (tx *Tx) HasOwn(ctx context.Context, business string, kind people.Kind, place string) (bool, error) {
	table := map[people.Kind]string{people.ARoute: "routes", people.AShop: "shops", people.AWarehouse: "warehouses"}[kind]
	if table == "" {
		return false, nil
	}
	var n int
	err := tx.row(ctx, "SELECT COUNT(*) FROM "+table+" WHERE id = $1 AND business_id = $2", place, business).Scan(&n)
	return n > 0, err
}

// RemovePerson notes when a person was removed.
func (tx *Tx) RemovePerson(ctx context.Context, id string, at time.Time) error {
	return tx.write(ctx, `UPDATE persons SET removed_at = $2 WHERE id = $1 AND removed_at IS NULL`, id, millis(at))
}

// AddLink stores a one-time login link.
func (tx *Tx) AddLink(ctx context.Context, l people.Link) error {
	return tx.write(ctx, `INSERT INTO login_links (token_hash, person_id, made_at, expires_at, console) VALUES ($1, $2, $3, $4, $5)`,
		l.Hash, l.Person, millis(l.Made), millis(l.Expires), l.Console)
}

// HasLink says whether there is an unused link that has not expired at now.
func (tx *Tx) HasLink(ctx context.Context, hash string, now time.Time) (has bool, err error) {
	err = tx.row(ctx, `SELECT EXISTS (SELECT 1 FROM login_links WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2)`,
		hash, millis(now)).Scan(&has)
	return has, err
}

// UseLink marks an unused link that has not expired at now as used and gives it; people.ErrLink for any other.
func (tx *Tx) UseLink(ctx context.Context, hash string, now time.Time) (people.Link, error) {
	scan := func(row scanner) (people.Link, error) {
		l := people.Link{Hash: hash}
		var made, expires int64
		err := row.Scan(&l.Person, &made, &expires, &l.Console)
		l.Made, l.Expires = fromMillis(made), fromMillis(expires)
		return l, err
	}
	links, err := returning(ctx, tx, scan, `UPDATE login_links SET used_at = $2
		WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2 RETURNING person_id, made_at, expires_at, console`, hash, millis(now))
	if err == nil && len(links) == 0 {
		err = people.ErrLink
	}
	if err != nil {
		return people.Link{}, err
	}
	return links[0], nil
}

// Acts lists the newest acts about a subject. Of an order from before placing was an act, that it was placed is in its own row, and
// listed with them.
func (tx *Tx) Acts(ctx context.Context, subject string, most int) ([]people.Act, error) {
	scan := func(row scanner) (people.Act, error) {
		var a people.Act
		var at int64
		err := row.Scan(&a.ID, &at, &a.Person, &a.Act, &a.Subject, &a.Detail, &a.Signed)
		a.At = fromMillis(at)
		return a, err
	}
	return list(ctx, tx, scan, `
		SELECT id, at, person_id, act, subject, detail, signed FROM acts WHERE subject = $1
		UNION ALL
		SELECT id, placed_at, placed_by, 'order.place', id, '', '' FROM orders WHERE id = $1
			AND NOT EXISTS (SELECT 1 FROM acts WHERE subject = $1 AND act IN ('order.place', 'order.refused'))
		ORDER BY 2 DESC, 1 LIMIT $2`, subject, most)
}
