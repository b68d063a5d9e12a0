package store

import "strings"

// notStaged are tables that a copy for development begins without: secrets, what opens or lets in, and what belongs to the one place
// where the hub runs. A hub on the copy makes its own.
var notStaged = []string{"sessions", "login_links", "passwords", "names", "totps", "recovery_codes", "order_keys", "plans", "plan_parts", "plan_contents",
	"backups", "backup_positions", "restores", "payment_events", "alarm_notices", "quarantine", "certificates", "signing_keys", "token_keys",
	"contact_keys", "contact_marks", "contacts", "passkeys", "used_challenges", "identities", "client_secrets", "access_keys", "audit_heads",
	"audit_tips", "goose_db_version"}

// staging is what the copy has in the place of a text.
type staging func(st *stager, text string) string

// Decisions. What the rules or the network know by a name of their own stays; all else is replaced, for people write names everywhere.
var decisions = map[string]staging{
	"word":      word,
	"id":        id,
	"goods":     word, // what is sold: it stands on the label
	"json":      func(st *stager, text string) string { return st.replacer.Replace(text) },
	"person":    func(st *stager, text string) string { return st.inventor.Name(text) },
	"pseudonym": func(st *stager, text string) string { return st.inventor.Pseudonym(text) },
	"place":     func(st *stager, text string) string { return st.inventor.Place(text) },
	"pin":       func(st *stager, text string) string { return st.inventor.Shape("pin", text, 0) },
	"code":      func(st *stager, text string) string { return st.inventor.Shape("code", text, 0) },
	"secret":    func(*stager, string) string { return "" },
	"typed":     typed, // by hand, or told by a program in words
}

// word is one of an enumeration, a time, a hash, or a number that a standard makes.
func word(_ *stager, text string) string { return text }

// id names a thing, or a person by pseudonym. One that is the whole of what names somebody is invented, wherever it stands.
func id(st *stager, text string) string {
	for _, kind := range []string{"pseudonym", "name", "phone", "email"} {
		if made, ok := st.inventor.Known(kind, text); ok {
			return made
		}
	}
	return text
}

func typed(_ *stager, text string) string {
	if text == "" {
		return ""
	}
	return "written by hand"
}

// stagedColumns says of each column of texts what becomes of it, by its table. A column that is missing here counts as typed, and a test
// tells of it.
var stagedColumns = columnsOf(map[string]string{
	"acts":                    "id:id person_id:id act:word subject:id detail:typed signed:word was_before:typed was_after:typed chain:word business_id:id",
	"alarm_history":           "alarm_id:id what:word person_id:id detail:typed",
	"alarm_revisions":         "alarm_id:id detail:typed acknowledged_by:id confirmed_by:id",
	"alarms":                  "id:id kind:word subject:id detail:typed acknowledged_by:id confirmed_by:id shelved_by:id shelved_reason:typed owner:word parent_id:id",
	"businesses":              "id:id name:place",
	"boots":                   "device_id:id incarnation:id",
	"calibrations":            "sensor:id calibrated_on:word due_on:word certificate:code person_id:id",
	"category_fridge_kinds":   "category:word fridge_kind:word",
	"cleaning_batches":        "id:id warehouse_id:id vendor:place made_by:id",
	"clients":                 "business_id:id id:id role:word place:id scopes:word added_by:id",
	"collection_addresses":    "id:id collection_spot_id:id fridge_id:id",
	"collection_spots":        "business_id:id id:id name:place",
	"commands":                "id:id device_id:id target:id asked_by:id outcome:word reason:typed",
	"commissioning_checks":    "commissioning_id:id fridge_id:id step:word state:word by:id detail:typed command_id:id",
	"commissionings":          "id:id device_id:id former_id:id location_id:id began_by:id signed_by:id",
	"commitments":             "item_id:id order_id:id how:word",
	"customer_notices":        "order_id:id customer_id:pseudonym kind:word parameters:json",
	"dated_container_history": "id:id delivery_date:word location_id:id fridge_id:id slot_id:id shop_id:id category:word run_id:id shipper_id:id address_id:id cause:word",
	"dated_containers": "id:id delivery_date:word location_id:id fridge_id:id fridge_kind:word slot_id:id shop_id:id collection_spot_id:id " +
		"category:word run_id:id shipper_id:id address_id:id state:word grai:id",
	"deliveries":             "location_id:id delivery_date:word",
	"delivery_dates":         "delivery_date:word",
	"depots":                 "business_id:id id:id name:place",
	"device_gaps":            "device_id:id incarnation:id reason:typed kind:word",
	"device_logs":            "device_id:id incarnation:id hash:word state:word parent:id",
	"devices":                "id:id place:id role:word added_by:id incarnation:id software:word certificate:word certificate_next:word replaced_by:id",
	"do_not_load":            "container_id:id delivery_date:word reason:typed set_by:id",
	"door_openings":          "id:id fridge_id:id device_id:id reason:typed asked_by:id number:secret state:word at_door:person show_command:id open_command:id",
	"erasures":               "id:id kind:word ordered_by:word reason:typed done_by:id",
	"events":                 "device_id:id incarnation:id name:word subject:id outcome:word reason:typed",
	"findings":               "id:id kind:word delivery_date:word subject:id detail:typed",
	"fridges":                "id:id location_id:id collection_spot_id:id kind:word",
	"garments":               "gtin:word name:goods size:goods colour:goods",
	"grant_revocations":      "grant_id:id device_id:id incarnation:id",
	"grant_uses":             "grant_id:id position:id",
	"grants":                 "id:id delivery_date:word location_id:id holder:word order_id:id run_id:id pin:pin revoke_ended:word risk_by:id risk_reason:typed",
	"incarnations":           "device_id:id incarnation:id parent:id",
	"judge_due":              "position:id",
	"judgements":             "container_id:id leg:word position:id state:word",
	"locations":              "business_id:id id:id gln:word name:place address:place",
	"looks":                  "id:id person_id:id subject:id what:word reason:typed business_id:id",
	"maintenance":            "id:id position:id person_id:id reason:typed ended_by:id",
	"order_item_history":     "order_id:id delivery_date:word product_id:id dated_container_id:id cause:word",
	"order_items":            "order_id:id delivery_date:word product_id:id shop_id:id category:word dated_container_id:id",
	"order_lines":            "order_id:id product_id:id",
	"order_pickups":          "order_id:id fridge_id:id basis:word",
	"orders":                 "id:id delivery_date:word location_id:id customer_id:pseudonym state:word refused_limit:word refused_what:id placed_by:id end_reason:typed confirmed_by:id",
	"out_of_service":         "kind:word thing_id:id delivery_date:word reason:typed set_by:id",
	"passes":                 "id:id place_id:id fridge_id:id holder:word shop_id:id name:person reason:typed pin:pin for_date:word",
	"payment_lines":          "order_id:id product_id:id",
	"payment_tasks":          "order_id:id refund_id:id problem:typed",
	"payments":               "order_id:id reference:code state:word cause:word code:word method:code intent_id:code",
	"person_roles":           "person_id:id business_id:id role:word place:id given_by:id",
	"person_rules":           "holder:word",
	"persons":                "business_id:id id:id name:person role:word place:id added_by:id",
	"positions":              "id:id device_id:id door:word lock_state:word",
	"probings":               "id:id position:id taken_by:id",
	"product_limits":         "product_id:id delivery_date:word set_by:id",
	"products":               "id:id name:goods shop_id:id gtin:word category:word",
	"quality_concerned":      "hold_id:id order_id:id",
	"quality_holds":          "id:id container_id:id position:id cause:word leg:word held_by:id reason:typed decision:word decided_by:id why:typed",
	"reading_series":         "device_id:id incarnation:id sensor:id",
	"readings":               "device_id:id incarnation:id sensor:id",
	"refund_lines":           "order_id:id refund_id:id",
	"refunds":                "order_id:id id:id state:word reason:typed asked_by:id provider_id:code code:word",
	"rental_bag_history":     "bag_id:id device_id:id life:word who:id place:id order_id:id rule:word",
	"rental_bag_items":       "bag_id:id item_id:id exception:typed",
	"rental_bags":            "id:id warehouse_id:id order_id:id state:word waybill:code",
	"rental_charges":         "order_id:id item_id:id kind:word made_by:id settled_by:id note:typed",
	"rental_days":            "warehouse_id:id",
	"rental_history":         "item_id:id device_id:id life:word who:id place:id bag:id order_id:id batch:id damages:json reason:typed rule:word breach:word why:typed",
	"rental_items":           "id:id gtin:word warehouse_id:id place:id bag:id order_id:id batch:id promised_to:id repaired_by:id state:word folded_device:id",
	"rental_notices":         "id:id kind:word order_id:id customer_id:pseudonym problem:typed",
	"rental_order_lines":     "order_id:id gtin:word item_id:id",
	"rental_orders":          "id:id customer_id:pseudonym warehouse_id:id ship_date:word state:word tote:id bag:id made_by:id",
	"repair_orders":          "id:id item_id:id what:typed made_by:id repairer:id",
	"retention":              "class:word set_by:id",
	"retention_runs":         "class:word run_date:word",
	"rides_judged":           "device_id:id incarnation:id container_id:id shipper_id:id outcome:word",
	"route_stops":            "route_id:id kind:word place_id:id planned_at:word",
	"routes":                 "business_id:id id:id vehicle_id:id driver_id:id",
	"run_calls":              "run_id:id collection_spot_id:id location_id:id collect_kind:word deliver_kind:word",
	"run_shippers":           "run_id:id delivery_date:word shipper_id:id category:word",
	"run_stops":              "run_id:id kind:word place_id:id",
	"runs":                   "id:id route_id:id delivery_date:word vehicle_id:id driver_id:id",
	"sheet_confirmations":    "run_id:id confirmed_by:id",
	"sheet_versions":         "kind:word thing_id:id delivery_date:word made_by:id reason:typed content_hash:word content:json",
	"shippers":               "business_id:id id:id vehicle_id:id category:word grai:id",
	"shops":                  "business_id:id id:id name:place collection_spot_id:id",
	"slots":                  "id:id fridge_id:id location_id:id fridge_kind:word",
	"temperature_categories": "id:word",
	"temperature_limits":     "category:word leg:word in_doubt:word unstated:word",
	"temperature_rules":      "category:word leg:word kind:word",
	"thinnings":              "device_id:id incarnation:id",
	"warehouse_operators":    "badge:id warehouse_id:id steps:word",
	"warehouse_shelves":      "id:id warehouse_id:id",
	"warehouses":             "business_id:id id:id gln:word name:place",
	"work_items":             "id:id kind:word subject:id detail:typed closed_by:id",
})

func columnsOf(tables map[string]string) map[string]staging {
	all := map[string]staging{}
	for table, columns := range tables {
		for _, c := range strings.Fields(columns) {
			name, decision, _ := strings.Cut(c, ":")
			all[table+"."+name] = decisions[decision]
		}
	}
	return all
}
