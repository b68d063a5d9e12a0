package main

import (
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/audit"
	"meguri/hub/bearer"
	"meguri/hub/order"
	"meguri/hub/people"
	"meguri/hub/rental"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/hub/token"
	"meguri/internal/clock"
	"meguri/protocol"
)

// onlyRead are the commands that change nothing that the hub holds: they print, or write files of yours.
var onlyRead = strings.Fields(`order_show packing sheet outage_list history quality_list quality_show alarms_list alarms_show
	alarms_maintenance_list alarms_test rental_item rental_stages rental_today rental_orders rental_order rental_charges rental_bags rental_bag
	rental_batch_list rental_repair_list calibration_list device_list backups gs1 label readings_export report verify-report ledger
	token_order token_keys person_list person_acts person_seen person_exposed retention_show staging business_list badge_list aside_list client_list
	client_scopes client_keys client_check rights audit_show audit_export audit_verify`)

// noActs are the commands that change something and leave no act in the trail, and where it is kept instead.
var noActs = map[string]string{
	"serve":         "who works with the hub that runs leaves acts",
	"pay fake":      "it is no part of a hub",
	"backup":        "kept in the table of backups (hub backups)",
	"restore":       "the trail is that of the backup; kept in the table of restores",
	"ca new":        "the authority's files are beside the database, which need not be there yet",
	"ca broker":     "a certificate of a broker is a file; the hub keeps nothing of it",
	"ca crl":        "the list is written anew from what was revoked, which left acts",
	"readings pack": "what is held stays the same, in less room",
	"person export": "a look, which the register keeps with who and why",
	"customer show": "a look, which the register keeps with who and why",
	"customer find": "a look, which the register keeps with who and why",
}

// acting is a hub on which commands are run, and what is seen of them.
type acting struct {
	t    *testing.T
	g    *Globals
	s    *store.Store
	seen map[string]bool
}

// did runs a command, which has to leave just these acts, and gives what it prints. One command is one act; those that leave more do several things,
// or to several.
func (a *acting) did(acts string, args ...string) string {
	a.t.Helper()
	before := a.trail()
	out, err := runHub(a.t, a.g, args...)
	assert.NoError(a.t, err, "%v: %s", args, out)
	left := []string{}
	for id, e := range a.trail() {
		if _, known := before[id]; !known {
			require.Equal(a.t, people.Console, e.Person, "%v", args)
			left = append(left, e.Act)
		}
	}
	slices.Sort(left)
	assert.Equal(a.t, strings.Fields(acts), left, "%v", args)
	var cli commandLine
	p, err := kong.New(&cli, kong.Vars{"version": "test"})
	require.NoError(a.t, err)
	ctx, err := p.Parse(args)
	require.NoError(a.t, err)
	a.seen[ctx.Selected().Path()] = true
	return out
}

func (a *acting) trail() map[string]audit.Entry {
	a.t.Helper()
	all, s := map[string]audit.Entry{}, a.s
	if s == nil {
		var err error
		s, err = a.g.OpenStore()
		require.NoError(a.t, err)
		defer func() { require.NoError(a.t, s.Close()) }()
	}
	require.NoError(a.t, s.Read(a.t.Context(), func(tx *store.Tx) error {
		return tx.EachEntry(a.t.Context(), func(e audit.Entry) error {
			all[e.ID] = e
			return nil
		})
	}))
	return all
}

func (a *acting) file(name, text string) string {
	a.t.Helper()
	file := filepath.Join(a.t.TempDir(), name)
	require.NoError(a.t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func (a *acting) change(fn func(tx *store.Tx) error) {
	a.t.Helper()
	require.NoError(a.t, a.s.Change(a.t.Context(), fn))
}

// Each command of the tree is one that only reads, leaves an act for what it does, or says where that is kept. Whoever adds one says which.
func TestEachCommandThatChangesSomethingLeavesItsAct(t *testing.T) {
	noon := time.Date(2026, 11, 30, 3, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	a := &acting{t: t, seen: map[string]bool{}, g: &Globals{Ctx: t.Context(), DataDir: dir, Database: "sqlite:" + filepath.Join(dir, "hub.db"),
		Clock: clock.New(time.Now(), noon, 1), Logger: slog.New(slog.DiscardHandler)}}
	var err error
	a.s, err = a.g.MakeStore()
	require.NoError(t, err)
	_, err = token.Open(t.Context(), a.s, a.g.pkiDir(), noon)
	require.NoError(t, err)
	a.did("network.import", "import", write(t, storetest.Files()))
	a.orders(noon)
	a.doors()
	a.devices()
	a.goods()
	a.garments()
	a.persons()
	a.risk()
	aside := store.AsideFile(strings.TrimPrefix(a.g.Database, "sqlite:"), noon)
	require.NoError(t, os.WriteFile(aside, nil, 0o600))
	a.did("aside.drop", "aside", "drop", aside)

	var cli commandLine
	p, err := kong.New(&cli, kong.Vars{"version": "test"})
	require.NoError(t, err)
	var commands []string
	for _, leaf := range p.Model.Leaves(false) {
		commands = append(commands, leaf.Path())
	}
	var said []string
	for _, path := range onlyRead {
		said = append(said, strings.ReplaceAll(path, "_", " "))
	}
	said = slices.Concat(said, slices.Collect(maps.Keys(noActs)), slices.Collect(maps.Keys(a.seen)))
	require.ElementsMatch(t, commands, said, "each command stands in one of onlyRead, noActs and the steps of this test")
}

func (a *acting) orders(now time.Time) {
	place := func(id, product string, units int) {
		_, err := order.NewService(a.s.Orders()).Place(a.t.Context(), order.Request{ID: id, DeliveryDate: "2026-12-01", LocationID: "loc-1", CustomerID: "m",
			Lines: []order.Line{{ProductID: product, Quantity: int64(units)}}}, now, "test")
		require.NoError(a.t, err)
	}
	for _, id := range []string{"o-1", "o-3", "o-4"} {
		place(id, "a-cold", 1)
	}
	a.did("order.place orders.import", "order", "import", "--outcome", filepath.Join(a.t.TempDir(), "out.csv"), a.file("orders.csv",
		"order_id,delivery_date,customer_id,location_id,product_id,quantity\no-9,2026-12-02,m,loc-1,a-dry,1\n"))
	a.did("order.cancel", "order", "cancel", "o-4")
	on := []string{"--date", "2026-12-01", "--reason", "it is broken", "--apply"}
	a.did("outage.add", append([]string{"outage", "add", "--slot", "loc-2-f1-s2"}, on...)...)
	a.did("outage.end", append([]string{"outage", "end", "--slot", "loc-2-f1-s2"}, on...)...)
	a.did("limit.set", append([]string{"limit", "--product", "a-cold", "--limit", "19"}, on...)...)
	a.did("outage.add", append([]string{"calloff", "--location", "loc-2"}, on...)...)
	storetest.Break(a.t, a.g.Database, `UPDATE dated_containers SET used_ml = used_ml - 1 WHERE id = 'C-20261201-0001'`)
	a.did("check.repair", "check", "--repair", "--apply", "all")
	a.change(func(tx *store.Tx) error { return tx.Freeze(a.t.Context(), "2026-12-01", now) })
	why := []string{"--reason", "it leaks", "--apply"}
	a.did("exception.move", append([]string{"exception", "move", "C-20261201-0001", "--slot", "loc-1-f1-s2"}, why...)...)
	a.did("exception.keep_back", append([]string{"exception", "keep-back", "C-20261201-0001"}, why...)...)
	a.did("exception.let_go", append([]string{"exception", "let-go", "C-20261201-0001"}, why...)...)
	a.did("exception.take_off order.call_off", append([]string{"exception", "take-off", "o-3"}, why...)...)
}

// risk is on another hub, on which money waits for a code.
func (a *acting) risk() {
	file := "sqlite:" + filepath.Join(a.t.TempDir(), "hub.db")
	h := apitest.OpenAt(a.t, file)
	h.Day(a.t)
	waits := h.Risky(a.t)
	was := a.g
	a.s, a.g = h.Store, &Globals{Ctx: was.Ctx, DataDir: a.t.TempDir(), Database: file, Clock: clock.New(time.Now(), apitest.Now, 1), Logger: was.Logger}
	a.did("order.take_risk", "order", "take-risk", waits, "--reason", "the fridge is empty")
}

func (a *acting) doors() {
	pass := []string{"--place", "loc-1", "--name", "Sato", "--reason", "the bolt sticks"}
	out := a.did("pass.issue", append([]string{"token", "staff"}, pass...)...)
	a.did("pass.issue", append([]string{"token", "engineer"}, pass...)...)
	a.did("pass.issue", append([]string{"token", "courier"}, pass...)...)
	a.did("pass.issue", "token", "shop", "shop-a", "--reason", "their code is lost")
	a.did("pass.revoke", "token", "revoke", strings.Fields(out)[1], "--reason", "it is repaired")
	a.did("pass.rule", "token", "rule", "staff", "--age", "24h")
	a.did("token.rotate", "token", "rotate")
}

func (a *acting) devices() {
	dir := a.t.TempDir()
	a.did("device.add", "device", "add", "old", "--role", "station", "--place", "loc-1", "--out", dir)
	a.did("device.renew", "device", "renew", "old", "--out", filepath.Join(dir, "renewed"))
	a.did("device.revoke-old", "device", "revoke", "old", "--old")
	a.did("device.replace", "device", "replace", "old", "--with", "new", "--out", dir)
	a.did("device.stolen", "device", "stolen", "new")
	a.did("device.add", "device", "add", "scan-1", "--role", "scanner", "--place", "shop-a", "--out", dir)
	a.did("device.revoke", "device", "revoke", "scan-1")
	hello, err := protocol.Encode(protocol.Hello{Incarnation: protocol.NewIncarnation(), Boot: 1})
	require.NoError(a.t, err)
	a.did("device.drain", "device", "drain", "scan-1", a.file("export", string(hello)), "--never-heard")
	a.did("calibration.add", "calibration", "add", "loc-1-f1/air", "--on", "2026-11-01", "--due", "2027-11-01")
	a.did("calibration.import", "calibration", "import", a.file("c.csv",
		"sensor,calibrated_on,due_on,certificate\nloc-1-f1/air,2026-11-02,2027-11-02,K\nloc-2-f1/air,2026-11-02,2027-11-02,K\n"))
	a.did("maintenance.begin", "alarms", "maintenance", "begin", "loc-1-f1", "--reason", "a new seal")
	a.did("maintenance.end", "alarms", "maintenance", "end", "loc-1-f1")
	a.change(func(tx *store.Tx) error {
		return tx.RaiseAlarm(a.t.Context(), "door-1", "door_ajar", "loc-1-f1", "door ajar", a.g.Clock.Now())
	})
	a.did("alarm.acknowledge", "alarms", "acknowledge", "door-1")
	a.change(func(tx *store.Tx) error {
		err := tx.RaiseAlarm(a.t.Context(), "door-3", "door_uncommanded", "loc-1-f1", "", a.g.Clock.Now())
		return errors.Join(err, tx.ClearAlarmOf(a.t.Context(), "door-3", a.g.Clock.Now()))
	})
	a.did("alarm.acknowledge", "alarms", "acknowledge", "door-3")
	a.did("alarm.reset", "alarms", "reset", "door-3")
	a.did("alarm.shelve", "alarms", "shelve", "door-1", "--reason", "a plumber is there")
}

func (a *acting) goods() {
	const container = "C-20261201-0001"
	a.change(func(tx *store.Tx) error {
		c, err := tx.Container(a.t.Context(), container)
		if err == nil {
			err = c.Fill("09520001000010", a.g.Clock.Now())
		}
		require.NoError(a.t, err)
		return tx.SaveContainer(a.t.Context(), c)
	})
	for _, decision := range []string{"release", "condemn"} {
		a.did("quality.hold", "quality", "hold", "container", container, "--reason", "dropped")
		a.did("quality."+map[string]string{"release": "released", "condemn": "condemned"}[decision], "quality", decision, "container", container,
			"--reason", "looked at it")
	}
	a.did("quality.probing", "quality", "probe", "loc-1-f1", "4.5")
}

func (a *acting) garments() {
	const shirtPiece = "(01)09520001000010(21)P2"
	dir := write(a.t, map[string]string{
		"warehouses.csv":        "id,gln,name\nw-1,9520001000058,Koto\n",
		"warehouse_shelves.csv": "id,warehouse_id,walk\nA-1,w-1,1\n",
		"operators.csv":         "badge,warehouse_id,pin\nop-1,w-1,2468\n",
		"garments.csv":          "gtin,name,size,colour,price_yen\n9520001000010,Dress,M,navy,24000\n9520001000027,Coat,L,grey,60000\n",
		"rental_items.csv":      "item,warehouse_id,shelf_id,grade\n" + dressPiece + ",w-1,A-1,A\n" + coatPiece + ",w-1,A-1,A\n" + shirtPiece + ",w-1,,A\n",
		"rental_orders.csv": "order_id,customer_id,warehouse_id,ship_date,gtin\nr-1,c-1,w-1,2026-12-02,9520001000010\nr-2,c-1,w-1,2026-12-02,9520001000027\n" +
			"r-3,c-1,w-1,2026-12-02,9520001000027\n",
	})
	a.did("rental.import", "import", dir)
	a.did("rental.allocate", "rental", "allocate", "r-1")
	a.did("rental.release", "rental", "release", "r-1", dressPiece, "--reason", "their wish")
	a.did("rental.cancel", "rental", "cancel", "r-2", "--reason", "their wish")
	number := uint64(0)
	scan := func(all ...protocol.ItemScanned) {
		for _, b := range all {
			number++
			at := a.g.Clock.Now()
			src := rental.Source{Device: store.DeviceLife("scanner-w-1", "1"), Number: number, Warehouse: "w-1", At: at, Within: time.Second, Recorded: at}
			b.Operator, b.Verdict = "op-1", protocol.VerdictAccept
			a.change(func(tx *store.Tx) error { return (&rental.Keeper{}).Item(a.t.Context(), tx, src, b) })
		}
	}
	ship := func(item, order, bag string) {
		a.did("rental.allocate", "rental", "allocate", order, "--item", item)
		scan(protocol.ItemScanned{Item: item, Step: protocol.StepPick, Order: order, Place: "A-1"},
			protocol.ItemScanned{Item: item, Step: protocol.StepPack, Order: order, Bag: bag}, protocol.ItemScanned{Item: item, Step: protocol.StepShip})
	}
	ship(dressPiece, "r-1", "095200010000000017")
	a.did("rental.carrier", "rental", "carrier", "095200010000000017", "delivered")
	a.did("rental.sell", "rental", "sell", dressPiece)
	a.did("rental.settle", "rental", "settle", "r-1", dressPiece, "--note", "by card")
	ship(coatPiece, "r-3", "095200010000000024")
	a.did("rental.deliver", "rental", "deliver", "r-3")
	a.did("rental.sent_back", "rental", "sent-back", "r-3")
	a.did("rental.except", "rental", "except", "095200010000000024", coatPiece, "--reason", "they keep it a week longer")
	a.did("rental.lose", "rental", "lose", coatPiece, "--reason", "burnt")
	a.did("rental.batch.open", "rental", "batch", "open", "b-1", "--warehouse", "w-1")
	scan(protocol.ItemScanned{Item: shirtPiece, Step: protocol.StepInspectIn}, protocol.ItemScanned{Item: shirtPiece, Step: protocol.StepClean, Batch: "b-1"})
	a.did("rental.batch.send", "rental", "batch", "send", "b-1")
	a.did("rental.batch.receive", "rental", "batch", "receive", "b-1")
	a.did("rental.batch.open", "rental", "batch", "open", "b-2", "--warehouse", "w-1")
	a.did("rental.batch.close", "rental", "batch", "close", "b-2")
	a.did("rental.repair.open", "rental", "repair", "open", "p-1", shirtPiece, "--what", "button")
	a.did("rental.repair.close", "rental", "repair", "close", "p-1", "--cost", "800")
	a.did("rental.retire", "rental", "retire", shirtPiece, "--reason", "worn")
	a.did("badge.add", "badge", "add", "op-2", "--warehouse", "w-1")
	a.did("badge.revoke", "badge", "revoke", "op-2")
}

func (a *acting) persons() {
	a.did("person.add person.link", "admin", "link")
	a.did("person.add person.link", "person", "add", "--name", "Aoki", "--role", "support")
	id := ""
	list, err := runHub(a.t, a.g, "person", "list")
	require.NoError(a.t, err)
	for line := range strings.Lines(list) {
		if strings.Contains(line, "Aoki") {
			id = strings.Fields(line)[0]
		}
	}
	a.did("person.link", "person", "link", id)
	a.did("person.name", "person", "name", id, "Aoki Ren")
	a.did("person.role", "person", "role", id, "quality")
	a.did("person.link person.reset", "person", "reset", id)
	a.did("business.add", "business", "add", "boutique", "--name", "Boutique")
	a.did("business.name", "business", "rename", "boutique", "Boutique Mori")
	a.did("person.role", "person", "role", id, "quality", "--business", "boutique")
	a.did("person.role", "person", "leave", id, "--business", "boutique")
	a.did("contact.change", "customer", "change", id, "--name", "Aoki", "--reason", "they said so")
	a.did("person.remove", "person", "remove", id)
	customer := strings.TrimSpace(a.did("customer.add", "customer", "add", "--name", "Sato"))
	a.did("customer.import", "customer", "import", a.file("customers.csv", "name\nMori\n"))
	a.did("person.erase", "person", "erase", customer, "--ordered-by", "person", "--reason", "letter of 2026-12-01")
	a.did("retention.set", "retention", "set", "codes", "40")
	a.did("retention.set retention.set", "retention", "import", a.file("retention.csv", "class,days\nlooks,1000\nnotices,80\n"))
	a.did("retention.run", "retention", "run")
	a.did("client.add", "client", "add", "cafe", "--scope", "orders:read")
	a.did("client.rotate", "client", "rotate", "cafe")
	svc := people.New(a.s.People())
	svc.Vault, err = people.NewVault(make([]byte, people.VaultKey))
	require.NoError(a.t, err)
	client, err := svc.LivingClient(a.t.Context(), "cafe")
	require.NoError(a.t, err)
	_, _, err = (&bearer.Own{URL: "https://hub.example", Store: a.s, People: svc}).Issue(a.t.Context(), client, "", time.Now())
	require.NoError(a.t, err)
	keys, err := runHub(a.t, a.g, "client", "keys")
	require.NoError(a.t, err)
	a.did("client.dropkey", "client", "drop-key", "--", strings.Fields(strings.Split(keys, "\n")[1])[0])
	a.did("client.revoke", "client", "revoke", "cafe")
	require.NoError(a.t, a.s.Close()) // where a hub runs it is refused
	a.s = nil
	a.did("person.rekey", "person", "rekey")
}
