package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"meguri/hub/people"
	"meguri/hub/register"
)

// Staged is what a copy for development came to.
type Staged struct {
	Tables, Rows, Persons int
	Emptied               int // bodies of events in which somebody was named
	Searched              int // original values that are in no byte of the copy
}

// shortestOriginal is in bytes: what is shorter is found by chance in bytes, and replaced where it is the whole of a value.
const shortestOriginal = 6

// Stage copies the database into a new SQLite file with invented persons; key seals them there. What is invented follows from the seed and
// the vault's key, which is not in the copy: who has only that cannot try out which original it was. The file is gone again when anything of
// an original is left in it.
func (s *Store) Stage(ctx context.Context, file, seed string, vault *people.Vault, key *people.Vault) (done Staged, err error) {
	if _, err := os.Lstat(file); err == nil {
		return done, fmt.Errorf("%s is there already", file)
	}
	empty, err := Open(ctx, "sqlite:"+file)
	if err != nil {
		return done, err
	}
	if err := empty.Close(); err != nil {
		return done, err
	}
	db, err := sql.Open("sqlite", sqliteURL(file, "_pragma", "foreign_keys(0)", "_pragma", "journal_mode(off)", "_pragma", "synchronous(off)"))
	if err != nil {
		return done, err
	}
	db.SetMaxOpenConns(1)
	var originals []string
	err = s.Read(ctx, func(tx *Tx) error {
		st := &stager{tx: tx, db: db, done: &done}
		if err := st.persons(ctx, seed, vault, key); err != nil {
			return err
		}
		originals = st.originals
		return st.tables(ctx)
	})
	err = errors.Join(err, db.Close())
	if err == nil {
		done.Searched, err = searched(file, originals)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(file))
	}
	return done, err
}

type stager struct {
	tx        *Tx
	db        *sql.DB
	done      *Staged
	inventor  *register.Inventor
	replacer  *strings.Replacer // for texts of the hub's own making
	inside    *strings.Replacer // for bytes, in which short ones would be found by chance
	originals []string
}

// persons learns all that names somebody, and writes the register anew.
func (st *stager) persons(ctx context.Context, seed string, vault, key *people.Vault) error {
	rows, err := list(ctx, st.tx, scanContact, `SELECT `+contactColumns+` ORDER BY c.id`)
	if err != nil {
		return err
	}
	contacts := make([]register.Contact, len(rows))
	for i, r := range rows {
		if len(r.Wrapped) == 0 {
			continue
		}
		c, err := r.Open(vault)
		if errors.Is(err, people.ErrSealed) { // under a key that is lost
			c, err = register.Contact{Name: people.Sealed}, nil
		}
		if err != nil {
			return fmt.Errorf("contact %s: %w", r.ID, err)
		}
		contacts[i] = c
		st.originals = append(st.originals, c.Name, c.Phone, c.Email, c.Address)
	}
	var pseudonyms []string
	names, err := st.names(ctx, vault)
	if err != nil {
		return err
	}
	for _, n := range names {
		st.originals = append(st.originals, n.text)
	}
	for _, q := range []string{`SELECT pin FROM grants`, `SELECT pin FROM passes`} {
		some, err := list(ctx, st.tx, scanText, q)
		if err != nil {
			return err
		}
		st.originals = append(st.originals, some...)
	}
	for _, q := range []string{`SELECT DISTINCT customer_id FROM orders`, `SELECT DISTINCT customer_id FROM rental_orders`,
		`SELECT DISTINCT place FROM persons WHERE role = 'customer'`, `SELECT id FROM contacts WHERE kind = 'customer'`, `SELECT id FROM erasures WHERE kind = 'customer'`} {
		some, err := list(ctx, st.tx, scanText, q)
		if err != nil {
			return err
		}
		pseudonyms = append(pseudonyms, some...)
	}
	slices.Sort(pseudonyms)
	pseudonyms = slices.Compact(pseudonyms)
	st.originals = append(st.originals, pseudonyms...)
	st.inventor = register.NewInventor(vault.Staging(seed), st.originals)
	return st.invent(ctx, rows, contacts, pseudonyms, names, key)
}

// openName is a name with what it says.
type openName struct {
	register.Name
	text string
}

// names opens what those who work here and visitors are called.
func (st *stager) names(ctx context.Context, vault *people.Vault) (all []openName, err error) {
	rows, err := st.tx.names(ctx, `1 = 1 ORDER BY kind, owner_id`)
	for _, n := range rows {
		text, err := n.Open(vault)
		if errors.Is(err, people.ErrSealed) {
			text, err = people.Sealed, nil
		}
		if err != nil {
			return nil, fmt.Errorf("name of %s %s: %w", n.Kind, n.Owner, err)
		}
		all = append(all, openName{n, text})
	}
	return all, err
}

// invent invents in an order that follows from the data alone, so that the same seed gives the same.
func (st *stager) invent(ctx context.Context, rows []register.Row, contacts []register.Contact, pseudonyms []string, names []openName, key *people.Vault) error {
	for _, p := range pseudonyms {
		st.inventor.Pseudonym(p)
	}
	tx, err := st.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing to do after a commit
	for i, r := range rows {
		made := r
		if r.Kind == register.Customer {
			made.ID = st.inventor.Pseudonym(r.ID)
		}
		if len(r.Wrapped) > 0 {
			contact := contacts[i]
			if contact.Name != people.Sealed {
				contact = st.inventor.Contact(contact)
			}
			sealed, err := register.Seal(key, made.ID, r.Kind, r.Revision, contact, r.Changed)
			if err != nil {
				return err
			}
			sealed.Entered, made = r.Entered, sealed
			st.done.Persons++
		}
		if err := stageContact(ctx, tx, made); err != nil {
			return err
		}
	}
	for _, n := range names {
		if n.Kind == register.NameOfLogin { // the copy has no passwords
			continue
		}
		made := people.Sealed
		if n.text != people.Sealed {
			made = st.inventor.Name(n.text)
		}
		if err := stageName(ctx, tx, key, n.Kind, id(st, n.Owner), made); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	for _, table := range []string{"collection_spots", "depots", "locations", "shops", "warehouses"} { // before texts that name them are copied
		places, err := list(ctx, st.tx, scanText, `SELECT name FROM `+table+` ORDER BY id`)
		if err != nil {
			return err
		}
		for _, p := range places {
			st.inventor.Place(p)
		}
	}
	st.replacer, st.inside = st.inventor.Replacer(shortestOriginal, true), st.inventor.Replacer(shortestOriginal, false)
	return nil
}

func stageName(ctx context.Context, tx *sql.Tx, key *people.Vault, kind, owner, made string) error {
	n, err := register.SealName(key, kind, owner, made)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO names (kind, owner_id, sealed, key_id, wrapped) VALUES ($1, $2, $3, $4, $5)`,
		n.Kind, n.Owner, n.Sealed, n.KeyID, n.Wrapped)
	return err
}

func stageContact(ctx context.Context, tx *sql.Tx, r register.Row) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO contacts (id, kind, sealed, revision, entered_at, changed_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		r.ID, r.Kind, append([]byte{}, r.Sealed...), r.Revision, millis(r.Entered), millis(r.Changed)) // empty is not NULL
	if err != nil || len(r.Wrapped) == 0 {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO contact_keys (id, key_id, wrapped) VALUES ($1, $2, $3)`, r.ID, r.KeyID, r.Wrapped); err != nil {
		return err
	}
	for kind, mark := range r.Marks {
		if _, err := tx.ExecContext(ctx, `INSERT INTO contact_marks (id, kind, mark) VALUES ($1, $2, $3)`, r.ID, kind, mark); err != nil {
			return err
		}
	}
	return nil
}

// column is a column of the copy.
type column struct{ name, kind string }

// tables copies all tables but those that are not staged. The copy was made with this hub's schema, which the source has, too.
func (st *stager) tables(ctx context.Context) error {
	names, err := texts(ctx, st.db, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`)
	if err != nil {
		return err
	}
	for _, name := range names {
		if slices.Contains(notStaged, name) {
			continue
		}
		if err := st.table(ctx, name); err != nil {
			return fmt.Errorf("table %s: %w", name, err)
		}
		st.done.Tables++
	}
	broken, err := texts(ctx, st.db, `SELECT "table" || ' needs ' || parent FROM pragma_foreign_key_check GROUP BY 1 LIMIT 5`)
	if err == nil && len(broken) > 0 {
		err = fmt.Errorf("the copy is not whole: %s", strings.Join(broken, ", "))
	}
	return err
}

func texts(ctx context.Context, db *sql.DB, query string) (all []string, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return all, rows.Err()
}

func (st *stager) columns(ctx context.Context, table string) (all []column, err error) {
	rows, err := st.db.QueryContext(ctx, `SELECT name, type FROM pragma_table_info($1)`, table)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var c column
		if err := rows.Scan(&c.name, &c.kind); err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, rows.Err()
}

func (st *stager) table(ctx context.Context, table string) (err error) {
	columns, err := st.columns(ctx, table)
	if err != nil {
		return err
	}
	names, marks := make([]string, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		names[i], marks[i] = `"`+c.name+`"`, fmt.Sprintf("$%d", i+1)
	}
	to, err := st.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = to.Rollback() }()                                 // nothing to do after a commit
	if _, err := to.ExecContext(ctx, "DELETE FROM "+table); err != nil { // what migrations put there comes from the source
		return err
	}
	insert, err := to.PrepareContext(ctx, "INSERT INTO "+table+" ("+strings.Join(names, ", ")+") VALUES ("+strings.Join(marks, ", ")+")")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, insert.Close()) }()
	from, err := st.tx.query(ctx, "SELECT "+strings.Join(names, ", ")+" FROM "+table, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for from.Next() {
		if err := from.Scan(into...); err != nil {
			return err
		}
		for i, c := range columns {
			values[i] = st.value(table, c, values[i])
		}
		if _, err := insert.ExecContext(ctx, values...); err != nil {
			return err
		}
		st.done.Rows++
	}
	if err := from.Err(); err != nil {
		return err
	}
	return to.Commit()
}

// value is what the copy has in the place of a value.
func (st *stager) value(table string, c column, v any) any {
	if raw, ok := v.([]byte); ok && c.kind == "BYTEA" {
		if table == "warehouse_operators" {
			return []byte{}
		}
		if text := string(raw); st.inside.Replace(text) != text {
			st.done.Emptied++
			return []byte{}
		}
		return append([]byte{}, raw...) // empty is not NULL
	}
	text, ok := v.(string)
	if !ok || c.kind != "TEXT" || text == "" {
		return v
	}
	do := stagedColumns[table+"."+c.name]
	if do == nil { // nobody has decided yet: the safe way
		do = typed
	}
	return do(st, text)
}

// searched looks for originals in all bytes of a file and says for how many. What is found is told by number and not by what it is.
func searched(file string, originals []string) (int, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	const head = 4
	by, n := map[string][]string{}, 0
	slices.Sort(originals)
	for _, o := range slices.Compact(originals) {
		if len(o) >= shortestOriginal && o != people.Erased {
			by[o[:head]] = append(by[o[:head]], o)
			n++
		}
	}
	found := map[string]bool{}
	for i := 0; i+head <= len(data); i++ {
		for _, o := range by[string(data[i:i+head])] {
			if i+len(o) <= len(data) && string(data[i:i+len(o)]) == o {
				found[o] = true
			}
		}
	}
	if len(found) > 0 {
		return n, fmt.Errorf("%d of %d values that name somebody, or open something, are still in the copy, which is removed", len(found), n)
	}
	return n, nil
}

// StageKey is the key of the register of a copy: it follows from the seed, for all that it seals is invented.
func StageKey(seed string) string {
	sum := sha256.Sum256([]byte("meguri staging " + seed))
	return base64.StdEncoding.EncodeToString(sum[:])
}
