package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"

	"meguri/hub/people"
	"meguri/hub/register"
)

// Register is the store that package register works on.
func (s *Store) Register() register.Store { return registerStore{s} }

type registerStore struct{ s *Store }

func (r registerStore) Change(ctx context.Context, fn func(register.Tx) error) error {
	return r.s.Change(ctx, func(tx *Tx) error { return fn(tx) })
}

// Forget takes what was deleted out of the database's own files.
func (r registerStore) Forget(ctx context.Context) error { return r.s.scrub(ctx) }

// scrub takes what was deleted out of the database's own files, where it is this process that writes them.
func (s *Store) scrub(ctx context.Context) error {
	if own, ok := s.database.(interface{ scrub(context.Context) error }); ok {
		return own.scrub(ctx)
	}
	return nil
}

const contactColumns = `c.id, c.kind, c.sealed, c.revision, c.entered_at, c.changed_at, COALESCE(k.key_id, ''), k.wrapped
	FROM contacts c LEFT JOIN contact_keys k ON k.id = c.id`

func scanContact(row scanner) (r register.Row, err error) {
	var entered, changed int64
	err = row.Scan(&r.ID, &r.Kind, &r.Sealed, &r.Revision, &entered, &changed, &r.KeyID, &r.Wrapped)
	r.Entered, r.Changed = fromMillis(entered), fromMillis(changed)
	return r, err
}

// Contact is the row of an id, also an erased one; register.ErrUnknown when there is none.
func (tx *Tx) Contact(ctx context.Context, id string) (register.Row, error) {
	r, err := scanContact(tx.row(ctx, `SELECT `+contactColumns+` WHERE c.id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		err = register.ErrUnknown
	}
	return r, err
}

// AddContact stores a new row; register.ErrThere when there is one of its id.
func (tx *Tx) AddContact(ctx context.Context, r register.Row) error {
	n, err := tx.exec(ctx, `INSERT INTO contacts (id, kind, sealed, revision, entered_at, changed_at, business_id)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING`, r.ID, r.Kind, r.Sealed, r.Revision, millis(r.Entered), millis(r.Changed), tx.owner())
	if err == nil && n == 0 {
		err = register.ErrThere
	}
	if err != nil {
		return err
	}
	return tx.saveContactKey(ctx, r)
}

func (tx *Tx) saveContactKey(ctx context.Context, r register.Row) error {
	err := tx.write(ctx, `INSERT INTO contact_keys (id, key_id, wrapped) VALUES ($1, $2, $3)
		ON CONFLICT (id) DO UPDATE SET key_id = excluded.key_id, wrapped = excluded.wrapped`, r.ID, r.KeyID, r.Wrapped)
	if err != nil {
		return err
	}
	if err := tx.write(ctx, `DELETE FROM contact_marks WHERE id = $1`, r.ID); err != nil {
		return err
	}
	for kind, mark := range r.Marks {
		if err := tx.write(ctx, `INSERT INTO contact_marks (id, kind, mark) VALUES ($1, $2, $3)`, r.ID, kind, mark); err != nil {
			return err
		}
	}
	return nil
}

// SaveContact puts a row in the place of the one of revision former; register.ErrChanged when that is not there.
func (tx *Tx) SaveContact(ctx context.Context, r register.Row, former int64) error {
	n, err := tx.exec(ctx, `UPDATE contacts SET sealed = $3, revision = $4, changed_at = $5 WHERE id = $1 AND revision = $2`,
		r.ID, former, r.Sealed, r.Revision, millis(r.Changed))
	if err == nil && n == 0 {
		err = register.ErrChanged
	}
	if err != nil {
		return err
	}
	return tx.saveContactKey(ctx, r)
}

// FindContacts gives the ids of rows with one of the marks.
func (tx *Tx) FindContacts(ctx context.Context, marks []string) (ids []string, err error) {
	for _, mark := range marks {
		some, err := list(ctx, tx, scanText, `SELECT id FROM contact_marks WHERE mark = $1 ORDER BY id LIMIT 100`, mark)
		if err != nil {
			return nil, err
		}
		ids = append(ids, some...)
	}
	return ids, nil
}

// ToRewrap gives up to most rows behind the id after whose key is not wrapped by the key with this id.
func (tx *Tx) ToRewrap(ctx context.Context, keyID, after string, most int) ([]register.Row, error) {
	return list(ctx, tx, scanContact, `SELECT `+contactColumns+` WHERE k.key_id <> $1 AND c.id > $2 ORDER BY c.id LIMIT $3`, keyID, after, most)
}

// SealedSecrets gives the authenticators.
func (tx *Tx) SealedSecrets(ctx context.Context) ([]people.TOTP, error) {
	return list(ctx, tx, func(row scanner) (t people.TOTP, err error) {
		var changed int64
		err = row.Scan(&t.Person, &t.Secret, &t.Pending, &t.UsedStep, &changed)
		t.Changed = fromMillis(changed)
		return t, err
	}, `SELECT person_id, secret, pending, used_step, changed_at FROM totps ORDER BY person_id`)
}

// AddLooks stores who looked at whose data.
func (tx *Tx) AddLooks(ctx context.Context, all ...register.Look) error {
	rows := make([][]any, len(all))
	for i, l := range all {
		rows[i] = []any{l.ID, millis(l.At), l.By, l.Subject, l.What, l.Reason, tx.business}
	}
	_, err := tx.insert(ctx, "looks", []string{"id", "at", "person_id", "subject", "what", "reason", "business_id"}, rows, "")
	return err
}

// LooksAt lists up to most looks at a person, the newest first.
func (tx *Tx) LooksAt(ctx context.Context, subject string, most int) ([]register.Look, error) {
	return list(ctx, tx, func(row scanner) (l register.Look, err error) {
		var at int64
		err = row.Scan(&l.ID, &at, &l.By, &l.Subject, &l.What, &l.Reason)
		l.At = fromMillis(at)
		return l, err
	}, `SELECT id, at, person_id, subject, what, reason FROM looks WHERE subject = $1 ORDER BY at DESC, id LIMIT $2`, subject, most)
}

// Exposed says of whom data were looked at, by whom and how.
func (tx *Tx) Exposed(ctx context.Context, q register.Question) ([]register.Exposure, error) {
	most := int64(q.Most)
	if most == 0 {
		most = math.MaxInt64
	}
	return list(ctx, tx, func(row scanner) (e register.Exposure, err error) {
		var first, last int64
		err = row.Scan(&e.Subject, &e.By, &e.What, &e.Count, &first, &last)
		e.First, e.Last = fromMillis(first), fromMillis(last)
		return e, err
	}, `SELECT subject, person_id, what, COUNT(*), MIN(at), MAX(at) FROM looks WHERE at >= $1 AND at < $2 AND ($3 = '' OR person_id = $3) AND ($4 = '' OR subject = $4)
		GROUP BY subject, person_id, what ORDER BY subject, person_id, what LIMIT $5`, millis(q.From), millis(q.Until), q.By, q.Of, most)
}

// NeedsPerson says what is open that needs a person.
func (tx *Tx) NeedsPerson(ctx context.Context, id string) (needs []string, err error) {
	for _, q := range []struct{ text, query string }{
		{"order %s is not over", `SELECT o.id FROM orders o JOIN deliveries d ON d.location_id = o.location_id AND d.delivery_date = o.delivery_date
			WHERE o.customer_id = $1 AND o.ended_at IS NULL AND o.state IN ('held', 'accepted', 'ready') AND d.closed_at IS NULL ORDER BY o.id LIMIT 20`},
		{"the payment of order %s is not over", `SELECT DISTINCT t.order_id FROM payment_tasks t JOIN orders o ON o.id = t.order_id
			WHERE o.customer_id = $1 ORDER BY t.order_id LIMIT 20`},
		{"money of order %s is not given back yet", `SELECT DISTINCT r.order_id FROM refunds r JOIN orders o ON o.id = r.order_id
			WHERE o.customer_id = $1 AND r.state IN ('waiting', 'refunding') ORDER BY r.order_id LIMIT 20`},
		{"garments of rental order %s are out, or still to be counted", `SELECT id FROM rental_orders
			WHERE customer_id = $1 AND state IN ('open', 'shipped', 'returned') ORDER BY id LIMIT 20`},
		{"%s may still log in: hub person remove comes first", `SELECT id FROM persons WHERE id = $1 AND removed_at IS NULL AND role <> 'customer'`},
	} {
		ids, err := list(ctx, tx, scanText, q.query, id)
		if err != nil {
			return nil, err
		}
		for _, open := range ids {
			needs = append(needs, fmt.Sprintf(q.text, open))
		}
	}
	return needs, nil
}

// Erase loses the key of a person's row and every name of theirs, and keeps that it was done.
func (tx *Tx) Erase(ctx context.Context, e register.Erasure) error {
	row, err := tx.Contact(ctx, e.ID)
	if err != nil && !errors.Is(err, register.ErrUnknown) {
		return err
	}
	// Overwritten before they are deleted: a database leaves what is deleted where it was until it needs the room.
	zeros := make([]byte, len(row.Wrapped))
	for _, s := range []struct {
		query string
		args  []any
	}{
		{`UPDATE contact_keys SET wrapped = $2 WHERE id = $1`, []any{e.ID, zeros}},
		{`DELETE FROM contact_keys WHERE id = $1`, []any{e.ID}},
		{`DELETE FROM contact_marks WHERE id = $1`, []any{e.ID}},
		{`UPDATE contacts SET sealed = $2, changed_at = $3 WHERE id = $1`, []any{e.ID, []byte{}, millis(e.At)}},
		{`INSERT INTO erasures (id, kind, erased_at, ordered_by, reason, done_by) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING`,
			[]any{e.ID, e.Kind, millis(e.At), e.OrderedBy, e.Reason, e.By}},
	} {
		if err := tx.write(ctx, s.query, s.args...); err != nil {
			return err
		}
	}
	return tx.eraseAccounts(ctx, e)
}

// personsOf are whoever has the id, or is the customer of that pseudonym.
func (tx *Tx) personsOf(ctx context.Context, id string) ([]people.Person, error) {
	return list(ctx, tx, tx.scanPerson, `SELECT `+personColumns+` WHERE id = $1 OR (role = 'customer' AND place = $1)`, id)
}

// eraseAccounts takes the names and logins of whoever has the id, or is the customer of that pseudonym.
func (tx *Tx) eraseAccounts(ctx context.Context, e register.Erasure) error {
	persons, err := tx.personsOf(ctx, e.ID)
	if err != nil {
		return err
	}
	for _, p := range persons {
		if err := errors.Join(tx.RemovePerson(ctx, p.ID, e.At), tx.ForgetMeans(ctx, p.ID), tx.EndAll(ctx, p.ID, "", e.At)); err != nil {
			return err
		}
		if err := tx.write(ctx, `UPDATE sessions SET agent = '' WHERE person_id = $1`, p.ID); err != nil {
			return err
		}
		if err := errors.Join(tx.write(ctx, `UPDATE persons SET name = '' WHERE id = $1`, p.ID), tx.loseName(ctx, register.NameOfPerson, p.ID),
			tx.forgetVisitor(ctx, p.Name)); err != nil {
			return err
		}
	}
	return nil
}

// Erasures lists who was erased, the first first.
func (tx *Tx) Erasures(ctx context.Context) ([]register.Erasure, error) {
	return list(ctx, tx, func(row scanner) (e register.Erasure, err error) {
		var at int64
		err = row.Scan(&e.ID, &e.Kind, &at, &e.OrderedBy, &e.Reason, &e.By)
		e.At = fromMillis(at)
		return e, err
	}, `SELECT id, kind, erased_at, ordered_by, reason, done_by FROM erasures ORDER BY erased_at, id`)
}
