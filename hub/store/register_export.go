package store

import (
	"context"
	"errors"
	"strings"
	"time"

	"meguri/hub/people"
	"meguri/hub/register"
)

// holding is one kind of what is held about a person: columns of a table, and whose rows they are by $1.
type holding struct {
	name, columns, from string
	// sealed are names that belong to the rows, by what they are called in them; the first column is whose they are.
	sealed map[string]string
}

const (
	hisOrders  = "order_id IN (SELECT id FROM orders WHERE customer_id = $1)"
	hisRentals = "order_id IN (SELECT id FROM rental_orders WHERE customer_id = $1)"
)

// holdings are all of them. Codes that open doors and secrets that let people in are not among them: an export is a file that gets about.
var holdings = []holding{
	{"orders", "id delivery_date location_id state placed_at ready_at ended_at end_reason confirmed_at", "orders WHERE customer_id = $1 ORDER BY placed_at, id", nil},
	{"order_lines", "order_id line product_id quantity withdrawn unit_price_yen", "order_lines WHERE " + hisOrders + " ORDER BY order_id, line", nil},
	{"order_items", "order_id line unit product_id dated_container_id", "order_items WHERE " + hisOrders + " ORDER BY order_id, line, unit", nil},
	{"door_codes", "id order_id location_id valid_from valid_until issued_at revoked_at used_at", "grants WHERE " + hisOrders + " ORDER BY issued_at, id", nil},
	{"pickups", "order_id fridge_id at basis", "order_pickups WHERE " + hisOrders + " ORDER BY at, order_id", nil},
	{"quality_holds", "hold_id order_id taken_at", "quality_concerned WHERE " + hisOrders + " ORDER BY order_id, hold_id", nil},
	{"notices", "order_id kind parameters made_at", "customer_notices WHERE customer_id = $1 ORDER BY number", nil},
	{"payments", "order_id reference state code amount_yen captured_yen refunded_yen begun_at changed_at", "payments WHERE " + hisOrders + " ORDER BY begun_at, order_id", nil},
	{"refunds", "order_id id state amount_yen reason asked_at done_at", "refunds WHERE " + hisOrders + " ORDER BY order_id, sequence", nil},
	{"rental_orders", "id warehouse_id ship_date state bag made_at shipped_at returned_at", "rental_orders WHERE customer_id = $1 ORDER BY made_at, id", nil},
	{"rental_lines", "order_id line gtin item_id", "rental_order_lines WHERE " + hisRentals + " ORDER BY order_id, line", nil},
	{"rental_pieces", "item_id order_id line made_at ended_at how", "commitments WHERE " + hisRentals + " ORDER BY made_at, item_id", nil},
	{"rental_bags", "id order_id state waybill changed_at", "rental_bags WHERE order_id <> '' AND " + hisRentals + " ORDER BY id", nil},
	{"returns", "item_id step happened_at place order_id damages reason", "rental_history WHERE order_id <> '' AND " + hisRentals + " ORDER BY happened_at, item_id, number", nil},
	{"rental_notices", "kind order_id happened_at made_at sent_at", "rental_notices WHERE customer_id = $1 ORDER BY made_at, id", nil},
	{"account", "id role place added_at removed_at", "persons WHERE id = $1 OR (role = 'customer' AND place = $1) ORDER BY id", map[string]string{"name": register.NameOfPerson}},
	{"login", "person_id set_at", "passwords WHERE person_id = $1 OR person_id IN (SELECT id FROM persons WHERE role = 'customer' AND place = $1) ORDER BY person_id", map[string]string{"login": register.NameOfLogin}},
	{"passkeys", "name added_at used_at", "passkeys WHERE person_id = $1 OR person_id IN (SELECT id FROM persons WHERE role = 'customer' AND place = $1) ORDER BY added_at, id", nil},
	{"identities", "issuer subject bound_at", "identities WHERE person_id = $1 OR person_id IN (SELECT id FROM persons WHERE role = 'customer' AND place = $1) ORDER BY bound_at, issuer", nil},
	{"sessions", "made_at seen_at ended_at means agent", "sessions WHERE person_id = $1 OR person_id IN (SELECT id FROM persons WHERE role = 'customer' AND place = $1) ORDER BY made_at, token_hash", nil},
	{"acts", "at act subject detail signed", "acts WHERE person_id = $1 ORDER BY at, id", nil},
	{"acts_about", "at act subject detail", "acts WHERE subject = $1 ORDER BY at, id", nil},
	{"doors_opened_from_afar", "fridge_id reason asked_at state", "door_openings WHERE asked_by = $1 ORDER BY asked_at, id", nil},
	{"alarms_answered", "alarm_id at what detail", "alarm_history WHERE person_id = $1 ORDER BY at, alarm_id, number", nil},
	{"maintenance", "position reason from_at until_at", "maintenance WHERE person_id = $1 ORDER BY from_at, id", nil},
	{"sheets_confirmed", "run_id version confirmed_at", "sheet_confirmations WHERE confirmed_by = $1 ORDER BY confirmed_at, run_id", nil},
	{"temperatures_taken", "position at milli_c", "probings WHERE taken_by = $1 ORDER BY at, id", nil},
	{"looked_at_by_others", "at person_id what reason", "looks WHERE subject = $1 ORDER BY at, id", nil},
	{"looked_at_others", "at subject what reason", "looks WHERE person_id = $1 ORDER BY at, id", nil},
	{"erasure", "erased_at ordered_by reason", "erasures WHERE id = $1", nil},
}

// Holdings is all that is held about a person but the contact; sections without a row are left out.
func (tx *Tx) Holdings(ctx context.Context, id string) (all []register.Section, err error) {
	for _, h := range holdings {
		columns := strings.Fields(h.columns)
		rows, err := list(ctx, tx, scanNamed(columns), "SELECT "+strings.Join(columns, ", ")+" FROM "+h.from, id)
		if err != nil {
			return nil, err
		}
		for called, kind := range h.sealed {
			if err := tx.addNames(ctx, rows, columns[0], called, kind); err != nil {
				return nil, err
			}
		}
		if len(rows) > 0 {
			all = append(all, register.Section{Name: h.name, Rows: rows})
		}
	}
	return all, nil
}

// addNames adds the sealed name of each row's owner to the row.
func (tx *Tx) addNames(ctx context.Context, rows []map[string]any, owner, called, kind string) error {
	for _, row := range rows {
		id, _ := row[owner].(string)
		found, err := tx.names(ctx, "kind = $1 AND owner_id = $2", kind, id)
		if err != nil {
			return err
		}
		for _, n := range found {
			name, err := n.Open(tx.vault)
			if errors.Is(err, people.ErrSealed) {
				name, err = people.Sealed, nil
			}
			if err != nil {
				return err
			}
			row[called] = name
		}
	}
	return nil
}

// scanNamed reads a row as named values that a person can read: times are written out.
func scanNamed(columns []string) func(scanner) (map[string]any, error) {
	return func(row scanner) (map[string]any, error) {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := row.Scan(into...); err != nil {
			return nil, err
		}
		named := map[string]any{}
		for i, column := range columns {
			if ms, ok := values[i].(int64); ok && isTime(column) {
				values[i] = fromMillis(ms).Format(time.RFC3339)
			}
			if values[i] != nil && values[i] != "" {
				named[column] = values[i]
			}
		}
		return named, nil
	}
}

func isTime(column string) bool {
	return column == "at" || strings.HasSuffix(column, "_at") || column == "valid_from" || column == "valid_until"
}
