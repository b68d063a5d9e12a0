package protocol

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew; only for a new version of the protocol")

const goldenDir = "testdata/v1"

var (
	someIncarnation  = Incarnation{0x10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	otherIncarnation = Incarnation{0x20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	someHash         = HashPart([]byte("a"))
	otherHash        = HashPart([]byte("b"))
)

const someTime = 1_796_083_200_000 // 2026-12-01T00:00:00Z

// someRecord is a record of each body below, so that batches hold real ones.
func someRecord(b Body) Record {
	body, err := EncodeBody(b)
	if err != nil {
		panic(err)
	}
	return Record{Number: 41, Boot: 3, Mono: 61_000, Wall: someTime, Quality: WallSet, Kind: b.Kind(), Body: body}
}

func someBatch() Batch {
	first, err := EncodeRecord(someRecord(DoorOpened{Position: "L001-F1", Grant: "g1"}))
	if err != nil {
		panic(err)
	}
	return Batch{Incarnation: someIncarnation, Log: Events, First: 41, Before: someHash, Records: [][]byte{first, []byte("\xffnot CBOR")}}
}

// goldenMessages has each message, with every field set and, where fields are optional, without them.
func goldenMessages() map[string]Message {
	return map[string]Message{
		"hello": Hello{Incarnation: someIncarnation, Boot: 3, Nonce: 0x1122334455667788, Software: "0.1.0", Plan: 7, CommandCounter: 12,
			Logs: []Position{{Log: Events, First: 41, Next: 43, Before: someHash}, {Log: Readings, First: 1, Next: 1}}, Session: 5},
		"hello-parent": Hello{Incarnation: otherIncarnation, Boot: 1, Nonce: 1, Session: 1,
			Parent: &Parent{Incarnation: someIncarnation, Events: 41, Readings: 900}},
		"hello-revision": Hello{Incarnation: someIncarnation, Boot: 1, Nonce: 1, Session: 1, Revision: 2},
		"batch":          someBatch(),
		"want":           Want{Plan: 8, Hashes: []Hash{someHash, otherHash}},
		"gone":           Gone{Incarnation: someIncarnation, Boot: 3, Session: 5},
		"welcome": Welcome{Nonce: 0x1122334455667788, Incarnation: someIncarnation, Epoch: 99, HubTime: someTime,
			Expect: []Expect{{Log: Events, Next: 41}, {Log: Readings, Next: 1}}, Plan: 8, Window: 8, Verdict: Superseded},
		"welcome-revision": Welcome{Nonce: 1, Incarnation: someIncarnation, Epoch: 99, HubTime: someTime, Window: 8, Revision: 2},
		"ack": Ack{Epoch: 99, Incarnation: someIncarnation, Log: Readings, Applied: 42, Safe: 40, HubTime: someTime, Window: 4, WaitMS: 250,
			Verdict: Forked},
		"ack-hash": Ack{Epoch: 99, Incarnation: someIncarnation, Log: Events, Applied: 42, Safe: 42, HubTime: someTime, Window: 4, Hash: someHash},
		"manifest": Manifest{Incarnation: someIncarnation, Plan: 8, MadeAt: someTime,
			Parts: []PartRef{{Name: "lock/L001-F1", Hash: someHash, Size: 1}, {Name: "fridge/L001-F1", Hash: otherHash, Size: 1}}},
		"manifest-empty": Manifest{Incarnation: someIncarnation, Plan: 9, MadeAt: someTime},
		"part":           Part{Hash: someHash, Body: []byte("a")},
		"command": Command{ID: "c-1", Incarnation: someIncarnation, Counter: 13, Deadline: someTime + 60_000, PlanAtLeast: 8,
			Kind: CommandUnlock, Target: "L001-F1"},
		"command-show": Command{ID: "c-2", Incarnation: someIncarnation, Counter: 14, Deadline: someTime + 60_000, Kind: CommandShowNumber,
			Target: "L001-F1", Text: "123456"},
	}
}

// goldenBodies has each kind of record.
func goldenBodies() map[string]Body {
	return map[string]Body{
		"booted":               Booted{Software: "0.1.0"},
		"clock-set":            ClockSet{Mono: 61_000, Wall: someTime},
		"plan-applied":         PlanApplied{Plan: 8},
		"plan-applied-refused": PlanApplied{Plan: 8, Reason: "part lock/L001-F1: malformed message"},
		"clock-set-within":     ClockSet{Mono: 61_000, Wall: someTime, Within: 40},
		"salvaged": Salvaged{Reason: "page 7 is zeroed", Lost: []LostSpan{{Log: Events, From: 3, To: 9}, {Log: Readings, From: 1, To: 1}},
			Parent: otherIncarnation},
		"sampling-set":        SamplingSet{EveryMS: 60_000, FlushMS: 600_000, Sensors: []string{"L001-F1/air", "L001-F1/back"}},
		"stopped":             Stopped{},
		"command-taken":       CommandTaken{ID: "c-1", Counter: 13},
		"command-answered":    CommandAnswered{ID: "c-1", Counter: 13, Outcome: CommandRefused, Reason: "no such lock"},
		"damaged":             Damaged{Bytes: 120},
		"container-filled":    ContainerFilled{DatedContainer: "dc-1", GRAI: "04912345000016C0001"},
		"item-short":          ItemShort{DatedContainer: "dc-1", GTIN: "04912345678904", Units: 2},
		"container-shelved":   ContainerShelved{GRAI: "04912345000016C0001", Address: "CS1-A03"},
		"stop-reached":        StopReached{Run: "R1/2026-12-01", Sequence: 2},
		"container-loaded":    ContainerLoaded{Run: "R1/2026-12-01", GRAI: "04912345000016C0001", Shipper: "04912345000023S0001"},
		"container-placed":    ContainerPlaced{GRAI: "04912345000016C0001", Slot: "L001-F1-S01"},
		"scan-refused":        ScanRefused{Step: "load", Scan: "?", Reason: "not on this run"},
		"grant-used":          GrantUsed{Position: "L001-F1", Grant: "g1", Use: 1},
		"grant-used-again":    GrantUsed{Position: "L001-F1", Grant: "g1", Use: 2, Again: true},
		"grant-used-late":     GrantUsed{Position: "L001-F1", Grant: "g1", Use: 2, Late: true},
		"use-returned":        UseReturned{Position: "L001-F1", Grant: "g1", Use: 1},
		"use-uncertain":       UseUncertain{Position: "L001-F1", Grant: "g1", Use: 2, Again: someTime},
		"key-used":            KeyUsed{Position: "L001-F1"},
		"not-opened":          NotOpened{Position: "L001-F1", Grant: "g1"},
		"door-warm":           DoorWarm{Position: "L001-F1", Grant: "g1", Sensor: "L001-F1/air", MilliC: 11_250, LimitMilliC: 8_000},
		"unbolted":            Unbolted{Position: "L001-F1", Grant: "g1"},
		"grant-refused":       GrantRefused{Position: "L001-F1", Grant: "g1", Reason: "too early"},
		"relay-fired":         RelayFired{Position: "L001-F1", Grant: "g1"},
		"relay-fired-command": RelayFired{Position: "L001-F1", Command: "c-1"},
		"door-opened":         DoorOpened{Position: "L001-F1", Grant: "g1"},
		"door-closed":         DoorClosed{Position: "L001-F1", OpenMS: 21_000},
		"door-fault":          DoorFault{Position: "L001-F1", Fault: DoorAjar},
		"pickup-inferred":     PickupInferred{Position: "L001-F1", Grant: "g1", Order: "o1", Basis: "door opened and shut"},
		"mains":               Mains{Position: "L001-F1"},
		"clock-battery":       ClockBattery{State: ClockLost},
		"alarm":               Alarm{Sensor: "L001-F1/air", Raised: true, MilliC: 11_250, LimitMilliC: 10_000},
		"alarm-rule":          Alarm{Sensor: "L001-F1/air", MilliC: 4000, LimitMilliC: 15_000, First: 41, Rule: "own.cold.instant.high"},
		"alarm-first":         Alarm{Sensor: "L001-F1/air", Raised: true, MilliC: 11_250, LimitMilliC: 10_000, First: 41},
		"goods-held": GoodsHeld{Position: "L001-F1", DatedContainer: "dc-1", Cause: GoodsBroken, Since: someTime, OutsideMS: 1_800_000,
			MilliC: 11_250, HeldAt: someTime + 60_000},
		"goods-held-ride": GoodsHeld{Position: "L001-F1", DatedContainer: "dc-1", Cause: RideBroken, Since: someTime, OutsideMS: 1_800_000,
			MilliC: 11_250, HeldAt: someTime + 60_000, Shipper: "V1-S1"},
		"ride-judged": RideJudged{Position: "L001-F1", DatedContainer: "dc-1", Shipper: "V1-S1", Outcome: RideTooWarm, From: someTime,
			Until: someTime + 7_200_000, OutsideMS: 1_860_000, GapMS: 60_000, MilliC: 11_250},
		"ride-judged-freed": RideJudged{Position: "L001-F1", DatedContainer: "dc-1", Shipper: "V1-S1", Outcome: RideSound, From: someTime,
			Until: someTime + 7_200_000, Freed: someTime + 60_000},
		"signing-key": SigningKey{Public: tokenPublic},
		"bolted":      Bolted{Position: "L001-F1"},
		"item-scanned": ItemScanned{Item: someItem, Step: StepInspectReturn, Operator: "B-17", Place: "T-3", Dirty: true, Grade: GradeB,
			Damages: []Damage{{Kind: "tear", Place: "left sleeve", Photo: "p-1"}}, Verdict: VerdictAccept},
		"item-scanned-pick": ItemScanned{Item: someItem, Step: StepPick, Operator: "B-17", Place: "A-01-3", Order: "r-1", Verdict: VerdictWarn,
			Rule: "another piece of the same garment"},
		"item-scanned-final": ItemScanned{Item: someItem, Step: StepInspectFinal, Operator: "B-18", Conformant: true, Grade: GradeB,
			Verdict: VerdictAccept},
		"item-scanned-clean": ItemScanned{Item: someItem, Step: StepClean, Batch: "c-1", Verdict: VerdictAccept},
		"item-scanned-hold":  ItemScanned{Item: someItem, Step: StepQuarantine, Reason: "mould", Verdict: VerdictAccept},
		"bag-scanned": BagScanned{Bag: "395200010000000012", Step: StepReceive, Operator: "B-17", Place: "dock-1", Order: "r-1", Waybill: "w-1",
			Verdict: VerdictAccept},
		"bag-scanned-unlabelled": BagScanned{Step: StepUnpack, Alias: "bag 3 of dock-1", Found: []BagFind{{Kind: "belongings", Note: "a key"},
			{Kind: "foreign", Scan: "]E09520001000027"}}, Verdict: VerdictWarn, Rule: "no label"},
		"shelf-counted":    ShelfCounted{Place: "A-01-3", Operator: "B-17", Begun: someTime, Pieces: 31},
		"operator-changed": OperatorChanged{Badge: "B-17"},
		"samples": Samples{Samples: []Sample{{Sensor: "L001-F1/air", MilliC: -1250},
			{Sensor: "L001-F1/back", Fault: SensorPowerOn}}},
		"thinned": Thinned{From: 1, To: 250, Samples: 249, MinMilliC: -500, MaxMilliC: 8000, FromWall: someTime, ToWall: someTime + 1},
		"thinned-sensors": Thinned{From: 1, To: 250, Samples: 249, MinMilliC: -500, MaxMilliC: 8000, FromWall: someTime, ToWall: someTime + 9,
			Reason: ThinAge, Rounds: 250, Sensors: []ThinnedSensor{{Sensor: "L001-F1/air", Samples: 249, Faults: 1,
				First: Point{Wall: someTime, MilliC: 10}, Last: Point{Wall: someTime + 9, MilliC: 20},
				Min: Point{Wall: someTime + 2, MilliC: -500}, Max: Point{Wall: someTime + 3, MilliC: 8000}}}},
		"rounds": Rounds{Sensors: []string{"L001-F1/air", "L001-F1/back"}, Gaps: []int64{60_000, 60_001},
			Values: [][]int64{{-1250, 62, -63}, {4000, 0, 1}}, Faults: []RoundFault{{Round: 1, Sensor: 1, Fault: SensorCRC}}, Alarm: true},
	}
}

const someItem = "(01)09520001000010(21)000123"

// goldenParts has each kind of plan part.
func goldenParts() map[string]any {
	return map[string]any{
		"lock": LockPlan{Position: "L001-F1",
			Grants: []Grant{
				{ID: "g1", Holder: HolderCustomer, Order: "o1", PIN: HashPIN("g1", "123456"), From: someTime, Until: someTime + 1, Uses: 3,
					Containers: []string{"dc-1"}, Elsewhere: []string{"L001-F2"}},
				{ID: "g2", Holder: HolderCourier, PIN: HashPIN("g2", "654321"), From: someTime, Until: someTime + 1}},
			Containers: []SlotAssignment{{DatedContainer: "dc-1", Slot: "L001-F1-S01", GRAI: "04912345000016C0001"},
				{DatedContainer: "dc-2", Slot: "L001-F1-S02"}}},
		"lock-out": LockPlan{Position: "L001-F1", Grants: []Grant{}, Containers: []SlotAssignment{}, OutOfService: true},
		"lock-keys": LockPlan{Position: "L001-F1", Grants: []Grant{{ID: "g1", Holder: HolderCustomer, Order: "o1", From: someTime,
			Until: someTime + 1, Selector: "123", Salt: []byte("salt"), Check: []byte{1, 2}}}, Containers: []SlotAssignment{}, Issued: someTime, Keys: [][]byte{{1, 2, 3}}},
		"lock-people": LockPlan{Position: "L001-F1", Grants: []Grant{{ID: "p1", Holder: HolderEngineer, From: someTime, Until: someTime + 1, Uses: 4}},
			Containers: []SlotAssignment{}, People: []PersonRule{{Holder: HolderCustomer, PlanAgeMS: 86_400_000, Unproven: UnprovenWithin},
				{Holder: HolderStaff, PlanAgeMS: 3_600_000}}},
		"lock-placed": LockPlan{Position: "L001-F1", Grants: []Grant{}, Containers: []SlotAssignment{{DatedContainer: "dc-1",
			Slot: "L001-F1-S01", GRAI: "04912345000016C0001", Placed: true}}},
		"lock-goods": LockPlan{Position: "L001-F1", Grants: []Grant{}, Containers: []SlotAssignment{{DatedContainer: "dc-1",
			Slot: "L001-F1-S01", Hold: GoodsWait, HoldAt: someTime, HoldOf: someTime - 1,
			Goods: GoodsLimit{MinMilliC: -500, MaxMilliC: 10_000, OutsideMS: 1_800_000, GapMS: 900_000, DoubtHolds: true}}}},
		"lock-decided": LockPlan{Position: "L001-F1", Grants: []Grant{}, Containers: []SlotAssignment{{DatedContainer: "dc-1", Slot: "L001-F1-S01",
			Hold: GoodsReleased, HoldAt: someTime, HoldOf: someTime, Released: []int64{someTime}, Lifted: []int64{someTime - 1}}}},
		"lock-ride": LockPlan{Position: "L001-F1", Grants: []Grant{}, Containers: []SlotAssignment{{DatedContainer: "dc-1",
			Slot: "L001-F1-S01", Ride: Ride{Shipper: "V1-S1", Limit: GoodsLimit{MaxMilliC: 8_000, OutsideMS: 1_200_000, GapMS: 1_200_000, DoubtHolds: true},
				From: someTime, UnstatedHolds: true}}}, Shippers: []ShipperKey{{Shipper: "V1-S1", Public: tokenPublic}}},
		"statement": someStatement(),
		"temperature-over": TemperaturePlan{Position: "L001-F1", MinMilliC: -1000, MaxMilliC: 10_000, SampleEveryMS: 60_000,
			AlarmAfterMS: 300_000, DeadbandMilliC: 200, ClearAfterMS: 300_000},
		"temperature-rules": TemperaturePlan{Position: "L001-F1", MinMilliC: -1000, MaxMilliC: 10_000, SampleEveryMS: 60_000,
			AlarmAfterMS: 300_000, Rules: []AirRule{{Name: "own.cold.instant.high", LimitMilliC: 15_000},
				{Name: "low", Low: true, LimitMilliC: -1000, AfterMS: 300_000, DeadbandMilliC: 200, ClearAfterMS: 300_000}}},
		"temperature": TemperaturePlan{Position: "L001-F1", MinMilliC: -1000, MaxMilliC: 10_000, SampleEveryMS: 60_000, AlarmAfterMS: 300_000},
		"scanner": ScannerPlan{Position: "shop-1", Date: "2026-12-01", Containers: []PackingListPart{{DatedContainer: "dc-1",
			Address: "CS1-A03", GRAI: "04912345000016C0001", Products: []PackingLine{{GTIN: "04912345678904", Units: 2}}}}},
		"driver": DriverPlan{Position: "R1", Run: "R1/2026-12-01",
			Stops: []RunStop{{Sequence: 1, Kind: "collect", Place: "CS1", PlannedAt: someTime}},
			Containers: []RunContainer{{DatedContainer: "dc-1", GRAI: "04912345000016C0001", Address: "CS1-A03",
				Shipper: "04912345000023S0001", Location: "L001", Slot: "L001-F1-S01"}}},
		"warehouse": WarehousePlan{Position: "wh-1", Date: "2026-12-01",
			Operators: []Operator{{Badge: "B-17", Salt: []byte("salt"), Check: []byte{1, 2}, Steps: []Step{StepPick, StepPack}}, {Badge: "B-18"}},
			Stations:  []Workstation{{Code: "PICK", Step: StepPick, Name: "Picking"}},
			Orders:    []PickOrder{{Order: "r-1", Tote: "3", Bag: "395200010000000012", Lines: []PickLine{{Item: someItem, Shelf: "A-01-3", State: 1}}}},
			Bags:      []ExpectedBag{{Bag: "395200010000000029", Order: "r-0", Items: []string{someItem}}},
			Shelves:   []ShelfPlan{{Place: "A-01-3", Room: 40}, {Place: "A-02-1"}}, Kinds: []DamageKind{{Code: "TEAR", Kind: "tear"}},
			Swaps: SwapRule{SameGarment: true, Worst: GradeB}},
		"items": ItemsPlan{Position: "wh-1", Items: []KnownItem{{Item: someItem, Custody: Shelved, Place: "A-01-3", Grade: GradeA, Fit: true, Clean: true},
			{Item: "(01)09520001000010(21)000124", Custody: Repairing, Order: "r-0", Bag: "395200010000000029", Damaged: true, RepairedBy: "B-17"}}},
	}
}

// golden compares bytes with a golden file: hexadecimal, 32 bytes a line.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join(goldenDir, name+".hex")
	if *update {
		var text strings.Builder
		for len(got) > 0 {
			n := min(32, len(got))
			fmt.Fprintln(&text, hex.EncodeToString(got[:n]))
			got = got[n:]
		}
		require.NoError(t, os.MkdirAll(goldenDir, 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text.String()), 0o644))
		return
	}
	require.Equal(t, hex.EncodeToString(readGolden(t, path)), hex.EncodeToString(got),
		"these bytes are on devices and in hubs; new fields are new keys, a changed meaning is a new version")
}

func readGolden(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	b, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	require.NoError(t, err)
	return b
}

func TestMessagesHaveTheGoldenBytes(t *testing.T) {
	for name, m := range goldenMessages() {
		t.Run(name, func(t *testing.T) {
			payload, err := Encode(m)
			require.NoError(t, err)
			golden(t, "message-"+name, payload)
			back, err := Decode(payload)
			require.NoError(t, err)
			requireSame(t, m, back)
		})
	}
}

func TestRecordsHaveTheGoldenBytes(t *testing.T) {
	for name, b := range goldenBodies() {
		t.Run(name, func(t *testing.T) {
			r := someRecord(b)
			record, err := EncodeRecord(r)
			require.NoError(t, err)
			golden(t, "record-"+name, record)
			back, err := DecodeRecord(record)
			require.NoError(t, err)
			require.Equal(t, r, back)
			body, err := DecodeEvent(back.Kind, back.Body)
			require.NoError(t, err)
			require.Equal(t, b, body)
		})
	}
}

func TestPlanPartsHaveTheGoldenBytes(t *testing.T) {
	for name, part := range goldenParts() {
		t.Run(name, func(t *testing.T) {
			body, err := EncodeBody(part)
			require.NoError(t, err)
			golden(t, "part-"+name, body)
			back := reflect.New(reflect.TypeOf(part))
			require.NoError(t, DecodeBody(body, back.Interface()))
			require.Equal(t, part, back.Elem().Interface())
		})
	}
}

// requireSame compares what was encoded with what came back: there, a list without elements is an empty one.
func requireSame(t *testing.T, want, got Message) {
	t.Helper()
	a, err := Encode(want)
	require.NoError(t, err)
	b, err := Encode(got)
	require.NoError(t, err)
	require.True(t, bytes.Equal(a, b), "%+v came back as %+v", want, got)
	require.IsType(t, want, got)
}

func TestEverythingHasGoldenBytes(t *testing.T) {
	types := map[uint8]bool{}
	for _, m := range goldenMessages() {
		types[m.messageType()] = true
	}
	require.Len(t, types, typeCommand)
	kinds := map[Kind]bool{}
	for _, b := range goldenBodies() {
		kinds[b.Kind()] = true
	}
	for k := range bodies {
		require.True(t, kinds[k], "kind %d", k)
	}
	files, err := filepath.Glob(goldenDir + "/*.hex")
	require.NoError(t, err)
	require.Len(t, files, len(goldenMessages())+len(goldenBodies())+len(goldenParts()), "a golden file is for nothing")
}

func TestTheSameContentHasTheSameBytes(t *testing.T) {
	for name, pair := range map[string][2]any{
		"list": {LockPlan{Position: "p"}, LockPlan{Position: "p", Grants: []Grant{}, Containers: []SlotAssignment{}}},
		"map": {map[string]int{"a": 1, "bb": 2, "c": 3, "dd": 4, "e": 5},
			map[string]int{"e": 5, "dd": 4, "c": 3, "bb": 2, "a": 1}},
	} {
		a, err := EncodeBody(pair[0])
		require.NoError(t, err)
		b, err := EncodeBody(pair[1])
		require.NoError(t, err)
		require.Equal(t, a, b, name)
	}
}
