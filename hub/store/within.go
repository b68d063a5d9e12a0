package store

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"meguri/hub/bulk"
	"meguri/hub/people"
)

// A transaction of a request in one of several businesses sees the rows of that business and no others: each statement that reads is
// given, in front, the tables that it names as common table expressions of the same names, and they hold only those rows. So a list, a
// join or a search that somebody writes tomorrow cannot forget to ask whose it is. Statements that write are as they are: what they
// change was looked up first, or is judged at the door (people.Call.Elsewhere). One warehouse of a business is separated the same way, for
// whoever leads it.

// owned says of a table by what its rows belong to a business: "locations.id=location_id" is the row's own location_id among the
// locations that belong to it, and any one of those given is enough. "^subject" is a position without its sensor: what stands before
// the first slash. "things=subject" is anything that has a name.
type owned struct {
	table string
	by    string // "root" for what has a business_id itself
	// rest says that rows which belong to no business at all are seen by the first one, whose people run the hub: an alarm of the hub
	// itself, a record of a device that nobody knows.
	rest bool
}

// ownedTables are all tables with rows of one business. A table that stands neither here nor in sharedTables fails a test.
var ownedTables = []owned{
	{"collection_spots", "root", false}, {"depots", "root", false}, {"locations", "root", false}, {"shops", "root", false},
	{"routes", "root", false}, {"shippers", "root", false}, {"warehouses", "root", false}, {"contacts", "root", false},
	{"clients", "root", false},
	{"persons", "", false}, // see personsWithin

	{"products", "shops.id=shop_id", false},
	{"product_limits", "products.id=product_id", false},
	{"fridges", "locations.id=location_id collection_spots.id=collection_spot_id", false},
	{"slots", "locations.id=location_id", false},
	{"collection_addresses", "collection_spots.id=collection_spot_id", false},
	{"route_stops", "routes.id=route_id", false},
	{"deliveries", "locations.id=location_id", false},
	{"runs", "routes.id=route_id", false},
	{"run_stops", "runs.id=run_id", false}, {"run_calls", "runs.id=run_id", false}, {"run_shippers", "runs.id=run_id", false},
	{"dated_containers", "locations.id=location_id", false}, {"dated_container_history", "locations.id=location_id", false},
	{"container_timeline", "locations.id=location_id", false}, {"item_timeline", "orders.id=order_id", false}, // views
	{"do_not_load", "dated_containers.id=container_id", false},
	{"out_of_service", "things=thing_id", false},
	{"sheet_versions", "runs.id=thing_id shops.id=thing_id", false}, {"sheet_confirmations", "runs.id=run_id", false},

	{"orders", "locations.id=location_id", false},
	{"order_lines", "orders.id=order_id", false}, {"order_items", "orders.id=order_id", false}, {"order_item_history", "orders.id=order_id", false},
	{"order_pickups", "orders.id=order_id", false}, {"order_keys", "orders.id=order_id", false}, {"customer_notices", "orders.id=order_id", false},
	{"payments", "orders.id=order_id", false}, {"payment_lines", "orders.id=order_id", false}, {"payment_tasks", "orders.id=order_id", false},
	{"payment_events", "payments.intent_id=intent_id", true},
	{"refunds", "orders.id=order_id", false}, {"refund_lines", "orders.id=order_id", false},
	{"grants", "locations.id=location_id", false}, {"grant_revocations", "grants.id=grant_id", false}, {"grant_uses", "grants.id=grant_id", false},
	{"passes", "shops.id=shop_id fridges.id=fridge_id locations.id=place_id collection_spots.id=place_id", false},

	{"devices", "locations.id=place collection_spots.id=place routes.id=place shippers.id=place shops.id=place warehouses.id=place", true},
	{"device_logs", "devices.id=device_id", true}, {"device_gaps", "devices.id=device_id", true}, {"events", "devices.id=device_id", true},
	{"boots", "devices.id=device_id", true}, {"incarnations", "devices.id=device_id", true}, {"commands", "devices.id=device_id", true},
	{"certificates", "devices.id=device_id", true}, {"plans", "devices.id=device_id", true}, {"plan_contents", "devices.id=device_id", true},
	{"positions", "fridges.id=id devices.id=device_id", true}, {"readings", "devices.id=device_id", true},
	{"reading_series", "devices.id=device_id", true}, {"reading_blocks", "reading_series.id=series_id", true},
	{"thinnings", "devices.id=device_id", true}, {"quarantine", "devices.id=device_id", true}, {"signing_keys", "devices.id=device_id", true},
	{"commissionings", "locations.id=location_id", false}, {"commissioning_checks", "commissionings.id=commissioning_id", false},
	{"door_openings", "fridges.id=fridge_id", false},

	{"judge_due", "things=^position", true}, {"judgements", "dated_containers.id=container_id", false},
	{"rides_judged", "shippers.id=shipper_id", false}, {"probings", "things=^position", true}, {"calibrations", "things=^sensor", true},
	{"quality_holds", "dated_containers.id=container_id", false}, {"quality_concerned", "orders.id=order_id", false},
	{"alarms", "things=^subject", true}, {"maintenance", "things=^position", true},
	{"alarm_history", "alarms.id=alarm_id", true}, {"alarm_notices", "alarms.id=alarm_id", true}, {"alarm_revisions", "alarms.id=alarm_id", true},
	{"work_items", "things=^subject devices.id=~id", true}, {"findings", "things=subject", true},
	{"check_looks", "none", true}, // how much there is of everything is for who runs the hub

	{"rental_items", "warehouses.id=warehouse_id", false}, {"rental_orders", "warehouses.id=warehouse_id", false},
	{"rental_bags", "warehouses.id=warehouse_id", false}, {"rental_days", "warehouses.id=warehouse_id", false},
	{"cleaning_batches", "warehouses.id=warehouse_id", false}, {"warehouse_operators", "warehouses.id=warehouse_id", false},
	{"warehouse_shelves", "warehouses.id=warehouse_id", false},
	{"garments", "rental_items.gtin=gtin rental_order_lines.gtin=gtin", true},
	{"rental_history", "rental_items.id=item_id", false}, {"commitments", "rental_items.id=item_id", false}, {"repair_orders", "rental_items.id=item_id", false},
	{"rental_bag_history", "rental_bags.id=bag_id", false}, {"rental_bag_items", "rental_bags.id=bag_id", false},
	{"rental_charges", "rental_orders.id=order_id", false}, {"rental_notices", "rental_orders.id=order_id", false},
	{"rental_order_lines", "rental_orders.id=order_id", false},

	{"contact_keys", "contacts.id=id", false}, {"contact_marks", "contacts.id=id", false},
	{"erasures", "contacts.id=id", true}, {"looks", "contacts.id=subject persons.id=subject", true},
	{"acts", "things=^subject contacts.id=subject persons.id=subject", true}, // those of nobody's business; see add
}

// nameable are all that a subject or position may name.
var nameable = strings.Fields(`locations.id fridges.id collection_spots.id collection_addresses.id slots.id depots.id shops.id products.id routes.id
	runs.id shippers.id devices.id dated_containers.id dated_containers.grai orders.id payments.intent_id grants.id passes.id warehouses.id
	rental_items.id rental_orders.id rental_bags.id cleaning_batches.id repair_orders.id`)

// sharedTables belong to nobody, or to who they name by a secret: what all businesses need as it is.
var sharedTables = strings.Fields(`businesses person_roles
	sessions login_links passwords names totps recovery_codes passkeys identities used_challenges client_secrets access_keys token_keys
	temperature_categories category_fridge_kinds temperature_limits temperature_rules person_rules delivery_dates notice_counter plan_parts
	audit_heads audit_tips backups backup_positions restores retention retention_runs`)

// personsWithin are the persons with a role in a business, in that role.
const personsWithin = `SELECT p.id, p.name, r.role, r.place, p.added_at, p.added_by, p.removed_at, r.business_id FROM BASE p
	JOIN (SELECT id, business_id, role, place FROM BASE UNION ALL SELECT person_id, business_id, role, place FROM person_roles) r
	ON r.id = p.id WHERE r.business_id OP`

var byTable = func() map[string]owned {
	all := map[string]owned{}
	for _, o := range ownedTables {
		all[o.table] = o
	}
	return all
}()

// others is what the tables are called that hold what belongs to the other businesses.
const others = "_of_others"

// within writes statements for one business. Its texts are kept: databases remember prepared statements by them.
type within struct {
	mu    sync.Mutex
	texts map[withinKey]string
}

type withinKey struct{ business, warehouse, query string }

const maxWithin = 4000

var wordInSQL = regexp.MustCompile(`[a-z_]+`)

// reads says whether a statement is one that only reads.
func reads(query string) bool {
	text := strings.TrimLeft(query, " \t\n(")
	return strings.HasPrefix(text, "SELECT") || strings.HasPrefix(text, "WITH")
}

// of is the query for a business, or for one of its warehouses.
func (w *within) of(e engine, business, warehouse, query string) string {
	if !reads(query) {
		return query
	}
	key := withinKey{business, warehouse, query}
	w.mu.Lock()
	defer w.mu.Unlock()
	text, has := w.texts[key]
	if !has {
		if w.texts == nil || len(w.texts) >= maxWithin {
			w.texts = map[withinKey]string{}
		}
		text = writeWithin(e, business, warehouse, query)
		w.texts[key] = text
	}
	return text
}

// nothing is what stands in a statement for what cannot be an id; none is called so.
const nothing = "-"

func writeWithin(e engine, business, warehouse, query string) string {
	if !people.IsBusinessID(business) { // it stands in the statement as it is
		business = nothing
	}
	if warehouse != "" && !bulk.IsID(warehouse) {
		warehouse = nothing
	}
	b := &withinWriter{engine: e, business: business, warehouse: warehouse, done: map[string]bool{}}
	for _, word := range wordInSQL.FindAllString(query, -1) {
		if o, is := byTable[word]; is {
			b.add(o, "")
		}
	}
	if len(b.tables) == 0 {
		return query
	}
	front := "WITH " + strings.Join(b.tables, ",\n")
	if rest, more := strings.CutPrefix(strings.TrimLeft(query, " \t\n"), "WITH "); more {
		return front + ",\n" + rest
	}
	return front + "\n" + query
}

// withinWriter writes tables, each after those that it needs.
type withinWriter struct {
	engine    engine
	business  string
	warehouse string // empty for all of the business
	done      map[string]bool
	tables    []string
}

// add writes a table of the business, or with the suffix others that of all others. Of warehouses it may be one only; then what the
// business's other warehouses have is of others, too.
func (b *withinWriter) add(o owned, suffix string) {
	if b.done[o.table+suffix] {
		return
	}
	b.done[o.table+suffix] = true
	is, and := " = '", " AND "
	if suffix != "" {
		is, and = " <> '", " OR "
	}
	base := b.engine.base(o.table)
	text := "SELECT t.* FROM " + base + " t WHERE "
	switch {
	case o.table == "persons":
		text = strings.ReplaceAll(strings.ReplaceAll(personsWithin, "BASE", base), " OP", is+b.business+"'")
	case o.table == "warehouses" && b.warehouse != "":
		text += "t.business_id" + is + b.business + "'" + and + "t.id" + is + b.warehouse + "'"
	case o.by == "root":
		text += "t.business_id" + is + b.business + "'"
	case o.table == "garments" && suffix == "" && b.business == people.MainBusiness: // several may have pieces of one
		text += b.belongs(o, "") + " OR NOT (" + b.belongs(o, others) + ")"
	case (o.table == "acts" || o.table == "looks") && b.warehouse == "": // who has done something in a business has done it there, whatever else they are elsewhere
		whose := b.belongs(o, "")
		if b.business == people.MainBusiness {
			whose += " OR NOT (" + b.belongs(o, others) + ")"
		}
		text += "t.business_id = '" + b.business + "' OR t.business_id = '' AND (" + whose + ")"
	case o.rest && suffix == "" && b.business == people.MainBusiness:
		text += "NOT (" + b.belongs(o, others) + ")"
	default:
		text += b.belongs(o, suffix)
	}
	b.tables = append(b.tables, o.table+suffix+" AS NOT MATERIALIZED ("+text+")")
}

// belongs is the condition for a row to be part of what is the business's, or the others'.
func (b *withinWriter) belongs(o owned, suffix string) string {
	var any []string
	for _, by := range strings.Fields(o.by) {
		of, column, is := strings.Cut(by, "=")
		if !is {
			continue // "none"
		}
		switch column[0] {
		case '^':
			column = b.engine.segment("t."+column[1:], 1)
		case '~':
			column = b.engine.segment("t."+column[1:], 2)
		default:
			column = "t." + column
		}
		owners := []string{of}
		if of == "things" {
			owners = nameable
		}
		for _, owner := range owners {
			table, key, _ := strings.Cut(owner, ".")
			b.add(byTable[table], suffix)
			any = append(any, "EXISTS (SELECT 1 FROM "+table+suffix+" x WHERE x."+key+" = "+column+")")
		}
	}
	return cmp.Or(strings.Join(any, " OR "), "1 = 0")
}

// newTx is a transaction in the business of ctx, if it is in one.
func (s *Store) newTx(ctx context.Context, bold bool) *Tx {
	return &Tx{e: s.engine, bold: bold, business: people.BusinessOf(ctx), warehouse: people.WarehouseOf(ctx), within: &s.within, vault: s.vault}
}

// everywhere runs fn without the bounds of a business or warehouse: for what a person has in others, and what is asked on their behalf.
func (tx *Tx) everywhere(fn func() error) error {
	business, warehouse := tx.business, tx.warehouse
	tx.business, tx.warehouse = "", ""
	defer func() { tx.business, tx.warehouse = business, warehouse }()
	return fn()
}

// named are all that a request may name and that belongs to a business.
var named = append(slices.Clone(nameable), strings.Fields(`alarms.id work_items.id findings.id door_openings.id quality_holds.id maintenance.id
	contacts.id persons.id commissionings.id reading_series.sensor warehouse_shelves.id warehouse_operators.badge`)...)

// namesAtOnce is how many texts one statement looks for.
const namesAtOnce = 32

// findNamed looks for texts in all of named at once, and says in which; findIn looks in one of them.
var findNamed, findIn = func() (string, []string) {
	params := make([]string, namesAtOnce)
	for i := range params {
		params[i] = "$" + strconv.Itoa(i+1)
	}
	in := " IN (" + strings.Join(params, ", ") + ")"
	var all, each []string
	for i, n := range named {
		table, key, _ := strings.Cut(n, ".")
		from := key + " FROM " + table + " WHERE " + key + in
		all = append(all, "SELECT "+strconv.Itoa(i)+", "+from)
		each = append(each, "SELECT "+from)
	}
	return strings.Join(all, " UNION ALL "), each
}()

// Elsewhere says whether one of some texts names what is there, and not in the business or warehouse that the transaction is in. What stands before a
// slash is looked for, too: "FRIDGE/SENSOR". What is not there at all is not elsewhere.
func (tx *Tx) Elsewhere(ctx context.Context, texts []string) (bool, error) {
	if tx.business == "" {
		return false, nil
	}
	var all []string
	for _, text := range texts {
		all = append(all, text)
		if before, _, has := strings.Cut(text, "/"); has {
			all = append(all, before)
		}
	}
	slices.Sort(all)
	for some := range slices.Chunk(slices.Compact(all), namesAtOnce) {
		elsewhere, err := tx.someElsewhere(ctx, some)
		if err != nil || elsewhere {
			return elsewhere, err
		}
	}
	return false, nil
}

// someElsewhere looks for at most namesAtOnce texts: without bounds first, and then only where something was found. All bounds in one
// statement take PostgreSQL longer to plan than all else that a request does.
func (tx *Tx) someElsewhere(ctx context.Context, texts []string) (bool, error) {
	args := make([]any, namesAtOnce)
	for i := range args {
		args[i] = ""
		if i < len(texts) {
			args[i] = texts[i]
		}
	}
	there := map[string]bool{}
	in := map[int]bool{}
	err := tx.everywhere(func() error {
		_, err := list(ctx, tx, func(row scanner) (id string, err error) {
			var n int
			err = row.Scan(&n, &id)
			there[id], in[n] = true, true
			return id, err
		}, findNamed, args...)
		return err
	})
	for _, n := range slices.Sorted(maps.Keys(in)) {
		if err != nil {
			break
		}
		var here []string
		here, err = list(ctx, tx, func(row scanner) (id string, err error) { return id, row.Scan(&id) }, findIn[n], args...)
		for _, id := range here {
			delete(there, id)
		}
	}
	return len(there) > 0, err
}

// InBusiness gives a function that says whether a product, location, run or collection spot is one of the business that the transaction is
// in: for what is known from memory. It is always true outside of one.
func (tx *Tx) InBusiness(ctx context.Context) (func(id string) bool, error) {
	if tx.business == "" {
		return func(string) bool { return true }, nil
	}
	ids, err := list(ctx, tx, func(row scanner) (id string, err error) { return id, row.Scan(&id) },
		"SELECT id FROM products UNION SELECT id FROM locations UNION SELECT id FROM runs UNION SELECT id FROM collection_spots")
	here := make(map[string]bool, len(ids))
	for _, id := range ids {
		here[id] = true
	}
	return func(id string) bool { return here[id] }, err
}

// owner is the business that new things of the transaction belong to.
func (tx *Tx) owner() string { return cmp.Or(tx.business, people.MainBusiness) }

// errOthers is returned for a row of a file that would change what another business has.
var errOthers = errors.New("this id is taken by another business")

// ownOnly refuses a row that names what belongs to another business: the statement would change it.
func (tx *Tx) ownOnly(ctx context.Context, values []any) error {
	if tx.business == "" {
		return nil
	}
	var texts []string
	for _, v := range values {
		if text, is := v.(string); is {
			texts = append(texts, text)
		}
	}
	elsewhere, err := tx.Elsewhere(ctx, texts)
	if err == nil && elsewhere {
		err = errOthers
	}
	return err
}

// own gives a row that a statement has added to the business of the transaction, when it is a root.
func (tx *Tx) own(ctx context.Context, statement string, id any) error {
	rest, _ := strings.CutPrefix(statement, "INSERT INTO ")
	table, _, _ := strings.Cut(rest, " ")
	if tx.owner() == people.MainBusiness || byTable[table].by != "root" {
		return nil
	}
	return tx.write(ctx, "UPDATE "+table+" SET business_id = $2 WHERE id = $1", id, tx.business)
}
