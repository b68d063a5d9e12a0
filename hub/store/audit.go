package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"meguri/hub/audit"
	"meguri/hub/people"
)

// Acts wait in their transaction and are chained at its end. A chain has one transaction at a time: it is taken from those of this
// process that nobody uses, so that no two wait for each other or read what the other writes. A database with one writer has one chain
// for each process, PostgreSQL as many as wrote side by side at most.

// chains are those of a process that no transaction uses.
type chains struct {
	mu   sync.Mutex
	idle []audit.Tip
}

// take gives a chain, a new one where all are in use.
func (c *chains) take() audit.Tip {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.idle); n > 0 {
		tip := c.idle[n-1]
		c.idle = c.idle[:n-1]
		return tip
	}
	return audit.Tip{Chain: "c-" + rand.Text()}
}

func (c *chains) give(tip audit.Tip) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = append(c.idle, tip)
}

var insertActs = insertRows("acts", "id, at, person_id, act, subject, detail, signed, was_before, was_after, chain, number, hash, business_id", "",
	"TEXT", "BIGINT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "BIGINT", "BYTEA", "TEXT")

// chained writes the acts of the transaction behind tip, and gives where the chain ends then.
func (tx *Tx) chained(ctx context.Context, tip audit.Tip) (audit.Tip, error) {
	values := make([]any, 0, len(tx.acts)*len(insertActs.kinds))
	for _, e := range tx.acts {
		e.Chain, e.Number = tip.Chain, tip.Number+1
		tip.Number, tip.Hash = e.Number, e.Digest(tip.Hash)
		values = append(values, e.ID, millis(e.At), e.Person, e.Act, e.Subject, e.Detail, e.Signed, e.Before, e.After,
			e.Chain, int64(e.Number), bytes.Clone(tip.Hash[:]), tx.business) // the array is written again for the next
	}
	_, err := insertActs.run(ctx, tx, values)
	return tip, err
}

// commit ends a transaction that has done all its work: its acts are chained, and it is committed.
func (s *Store) commit(ctx context.Context, t *Tx) error {
	if len(t.acts) == 0 {
		return t.commit(ctx)
	}
	before := s.chains.take()
	after, err := t.chained(ctx, before)
	if err == nil {
		err = t.session.settled(ctx)
	}
	if err != nil {
		s.chains.give(before) // nothing of it is committed
		return fmt.Errorf("audit trail: %w", err)
	}
	if err := t.commit(ctx); err != nil {
		return err // perhaps it is committed all the same: nobody goes on with this chain
	}
	s.chains.give(after)
	return nil
}

func (tx *Tx) commit(ctx context.Context) error {
	if err := tx.session.commit(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// RecordAct stores who did what, and how they signed it where the request was one that has to be signed; call it in the transaction that
// does it. The act is chained and written when that is committed, and undone with the savepoint that it is in.
func (tx *Tx) RecordAct(ctx context.Context, a people.Act) error {
	if a.Signed == "" {
		a.Signed = people.SignatureOf(ctx)
	}
	e := audit.Entry{ID: a.ID, At: fromMillis(millis(a.At)), Person: audit.Clean(a.Person), Act: audit.Clean(a.Act), Subject: audit.Clean(a.Subject),
		Detail: audit.Clean(a.Detail), Before: audit.Clean(a.Before), After: audit.Clean(a.After), Signed: audit.Clean(a.Signed)}
	tx.acts = append(tx.acts, e) // a savepoint goes back to how many there were
	return nil
}

const entryColumns = `COALESCE(chain, ''), COALESCE(number, 0), id, at, person_id, act, subject, detail, was_before, was_after, signed, hash`

func scanEntry(row scanner) (e audit.Entry, err error) {
	var at, number int64
	var hash []byte
	err = row.Scan(&e.Chain, &number, &e.ID, &at, &e.Person, &e.Act, &e.Subject, &e.Detail, &e.Before, &e.After, &e.Signed, &hash)
	e.Number, e.At = uint64(number), fromMillis(at)
	copy(e.Hash[:], hash)
	return e, err
}

// AuditFilter says which entries are asked for. Empty texts and zero times leave a side open; the span is [From, To).
type AuditFilter struct {
	Of, By   string
	From, To time.Time
	Skip     int // so many of the newest are left out
	Most     int
}

// AuditEntries lists entries, the newest first.
func (tx *Tx) AuditEntries(ctx context.Context, f AuditFilter) ([]audit.Entry, error) {
	where, args := "at >= $1", []any{millis(f.From)}
	if f.From.IsZero() {
		args[0] = int64(-1 << 62)
	}
	add := func(condition string, value any) {
		args = append(args, value)
		where += fmt.Sprintf(" AND %s $%d", condition, len(args))
	}
	if !f.To.IsZero() {
		add("at <", millis(f.To))
	}
	if f.Of != "" {
		add("subject =", f.Of)
	}
	if f.By != "" {
		add("person_id =", f.By)
	}
	args = append(args, f.Most, f.Skip)
	return list(ctx, tx, scanEntry, fmt.Sprintf("SELECT %s FROM acts WHERE %s ORDER BY at DESC, id DESC LIMIT $%d OFFSET $%d", entryColumns, where,
		len(args)-1, len(args)), args...)
}

// AuditHeads gives all signed heads in order.
func (tx *Tx) AuditHeads(ctx context.Context) ([]audit.Head, error) {
	return list(ctx, tx, scanHead, "SELECT number, at, older, tips, hash, certificate, signature FROM audit_heads ORDER BY number")
}

// NewestHead gives the signed head that is the newest; nil where nothing is signed yet.
func (tx *Tx) NewestHead(ctx context.Context) (*audit.Head, error) {
	heads, err := list(ctx, tx, scanHead, "SELECT number, at, older, tips, hash, certificate, signature FROM audit_heads ORDER BY number DESC LIMIT 1")
	if err != nil || len(heads) == 0 {
		return nil, err
	}
	return &heads[0], nil
}

func scanHead(row scanner) (h audit.Head, err error) {
	var number, at, older int64
	var tips string
	var hash []byte
	if err = row.Scan(&number, &at, &older, &tips, &hash, &h.Certificate, &h.Signature); err != nil {
		return h, err
	}
	h.Number, h.At, h.Older = uint64(number), fromMillis(at), uint64(older)
	copy(h.Hash[:], hash)
	if err := json.Unmarshal([]byte(tips), &h.Tips); err != nil {
		return h, fmt.Errorf("head %d: %w", number, err)
	}
	return h, nil
}

// EachEntry gives all entries to fn: those without a chain, then each chain in order.
func (tx *Tx) EachEntry(ctx context.Context, fn func(audit.Entry) error) (err error) {
	for _, which := range []string{"chain IS NULL ORDER BY at, id", "chain IS NOT NULL ORDER BY chain, number"} {
		if err := tx.eachEntry(ctx, which, fn); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) eachEntry(ctx context.Context, which string, fn func(audit.Entry) error) (err error) {
	all, err := tx.query(ctx, "SELECT "+entryColumns+" FROM acts WHERE "+which, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, all.Close()) }()
	for all.Next() {
		e, err := scanEntry(all)
		if err != nil {
			return err
		}
		if err := fn(e); err != nil {
			return err
		}
	}
	return all.Err()
}

// VerifyAudit checks the trail in one consistent view of it.
func (s *Store) VerifyAudit(ctx context.Context, v *audit.Verifier) (r audit.Result, err error) {
	err = s.Read(ctx, func(tx *Tx) error {
		heads, err := tx.AuditHeads(ctx)
		if err != nil {
			return err
		}
		for _, h := range heads {
			if err := v.Head(h); err != nil {
				return err
			}
		}
		if err := tx.EachEntry(ctx, v.Entry); err != nil {
			return err
		}
		r, err = v.End()
		return err
	})
	return r, err
}

// SealAudit adds a head over what was recorded since the last one, and signs it; nothing where nothing was. Of several hubs that do so at
// once one is refused with a conflict, and may try again later.
func (s *Store) SealAudit(ctx context.Context, sign func(audit.Hash) (certificate, signature []byte, err error), now time.Time) (h audit.Head, err error) {
	err = s.Change(ctx, func(tx *Tx) error {
		heads, err := list(ctx, tx, scanHead, "SELECT number, at, older, tips, hash, certificate, signature FROM audit_heads ORDER BY number DESC LIMIT 1")
		if err != nil {
			return err
		}
		var last audit.Head
		if len(heads) > 0 {
			last = heads[0]
		}
		h = audit.Head{Number: last.Number + 1, At: fromMillis(millis(now)), Older: last.Older}
		if last.Number == 0 { // no act without a chain comes later
			if err := tx.row(ctx, "SELECT COUNT(*) FROM acts WHERE chain IS NULL").Scan(&h.Older); err != nil {
				return err
			}
		}
		if h.Tips, err = tx.grown(ctx); err != nil || len(h.Tips) == 0 {
			h = audit.Head{}
			return err
		}
		h.Hash = h.Digest(last.Hash)
		if h.Certificate, h.Signature, err = sign(h.Hash); err != nil {
			return fmt.Errorf("sign the head of the audit trail: %w", err)
		}
		return tx.addHead(ctx, h)
	})
	return h, err
}

// grown are the chains that have come further than the heads know.
func (tx *Tx) grown(ctx context.Context) ([]audit.Tip, error) {
	scan := func(row scanner) (t audit.Tip, err error) {
		var number int64
		var hash []byte
		err = row.Scan(&t.Chain, &number, &hash)
		t.Number = uint64(number)
		copy(t.Hash[:], hash)
		return t, err
	}
	return list(ctx, tx, scan, `WITH ends AS (SELECT chain, MAX(number) AS number FROM acts WHERE chain IS NOT NULL GROUP BY chain)
		SELECT a.chain, a.number, a.hash FROM ends e JOIN acts a ON a.chain = e.chain AND a.number = e.number
		LEFT JOIN audit_tips t ON t.chain = e.chain
		WHERE t.number IS NULL OR t.number < e.number ORDER BY a.chain`)
}

func (tx *Tx) addHead(ctx context.Context, h audit.Head) error {
	tips, err := json.Marshal(h.Tips)
	if err != nil {
		return err
	}
	for _, t := range h.Tips {
		if err := tx.write(ctx, `INSERT INTO audit_tips (chain, number) VALUES ($1, $2) ON CONFLICT (chain) DO UPDATE SET number = excluded.number`,
			t.Chain, int64(t.Number)); err != nil {
			return err
		}
	}
	return tx.write(ctx, `INSERT INTO audit_heads (number, at, older, tips, hash, certificate, signature) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		int64(h.Number), millis(h.At), int64(h.Older), string(tips), h.Hash[:], h.Certificate, h.Signature)
}
