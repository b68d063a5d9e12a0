package protocol

import (
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	cddlMap    = regexp.MustCompile(`(?ms)^([a-z-]+)(?:<[a-z, ]+>)? = \{\n(.*?)^\}`)
	cddlField  = regexp.MustCompile(`(?m)^  (\? )?(\d+): ([^;\n]*?),? *(?:;.*)?$`)
	cddlRecord = regexp.MustCompile(`record-of<(\d+), ([a-z-]+)>`)
	cddlType   = regexp.MustCompile(`\[(\d+), ([a-z-]+)\]`)
)

// cddlTypes are the Go types behind the rules of meguri.cddl.
func cddlTypes() map[string]any {
	types := map[string]any{"record-of": Record{}, "position": Position{}, "parent": Parent{}, "expect": Expect{},
		"part-ref": PartRef{}, "sample": Sample{}, "lock-plan": LockPlan{}, "grant": Grant{}, "slot-assignment": SlotAssignment{}, "person-rule": PersonRule{}, "goods-limit": GoodsLimit{}, "ride": Ride{}, "shipper-key": ShipperKey{},
		"statement": Statement{}, "stretch": Stretch{},
		"temperature-plan": TemperaturePlan{}, "air-rule": AirRule{}, "scanner-plan": ScannerPlan{}, "packing-list-part": PackingListPart{},
		"packing-line": PackingLine{}, "driver-plan": DriverPlan{}, "run-stop": RunStop{}, "lost-span": LostSpan{}, "thinned-sensor": ThinnedSensor{}, "round-fault": RoundFault{},
		"run-container": RunContainer{}, "warehouse-plan": WarehousePlan{}, "operator": Operator{}, "workstation": Workstation{}, "pick-order": PickOrder{},
		"pick-line": PickLine{}, "expected-bag": ExpectedBag{}, "shelf-plan": ShelfPlan{}, "damage-kind": DamageKind{}, "swap-rule": SwapRule{},
		"items-plan": ItemsPlan{}, "known-item": KnownItem{}, "damage": Damage{}, "bag-find": BagFind{}}
	for _, m := range goldenMessages() {
		types[ruleName(m)] = m
	}
	for _, b := range goldenBodies() {
		types[ruleName(b)] = b
	}
	return types
}

// ruleName turns GrantUsed into grant-used.
func ruleName(v any) string {
	name := reflect.TypeOf(v).Name()
	return strings.ToLower(regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(name, "$1-$2"))
}

// TestTheCDDLDescribesEveryField holds meguri.cddl against the structs: the same keys, optional where the struct leaves them
// out, text where it is text.
func TestTheCDDLDescribesEveryField(t *testing.T) {
	text := cddl(t)
	types := cddlTypes()
	seen := map[string]bool{}
	for _, rule := range cddlMap.FindAllStringSubmatch(text, -1) {
		name, body := rule[1], rule[2]
		require.Contains(t, types, name, "a rule without a type")
		seen[name] = true
		want := map[string]string{}
		for field := range reflect.TypeOf(types[name]).Fields() {
			tag := strings.Split(field.Tag.Get("cbor"), ",")
			kind := field.Type.Kind().String()
			if len(tag) == 3 {
				kind += " optional"
			}
			want[tag[0]] = kind
		}
		got := map[string]string{}
		for _, f := range cddlField.FindAllStringSubmatch(body, -1) {
			kind := want[f[2]]
			require.Equal(t, strings.HasPrefix(kind, "string"), f[3] == "tstr", "%s: key %s is %s", name, f[2], f[3])
			require.Equal(t, strings.HasPrefix(kind, "bool"), f[3] == "bool", "%s: key %s is %s", name, f[2], f[3])
			kind = strings.TrimSuffix(kind, " optional")
			if f[1] != "" {
				kind += " optional"
			}
			got[f[2]] = kind
		}
		require.Equal(t, want, got, name)
		require.Contains(t, body, "  extension\n", name)
	}
	for name := range types {
		require.True(t, seen[name], "no rule for %s", name)
	}
}

func TestTheCDDLNamesEveryMessageAndKind(t *testing.T) {
	text := cddl(t)
	types := map[string]uint8{}
	for _, m := range goldenMessages() {
		types[ruleName(m)] = m.messageType()
	}
	for _, m := range cddlType.FindAllStringSubmatch(text, -1) {
		require.Equal(t, m[1], strconv.Itoa(int(types[m[2]])), m[2])
		delete(types, m[2])
	}
	require.Empty(t, types)
	kinds := map[string]Kind{}
	for _, b := range goldenBodies() {
		kinds[ruleName(b)] = b.Kind()
	}
	for _, r := range cddlRecord.FindAllStringSubmatch(text, -1) {
		require.Equal(t, r[1], strconv.Itoa(int(kinds[r[2]])), r[2])
		delete(kinds, r[2])
	}
	require.Empty(t, kinds)
}

func cddl(t *testing.T) string {
	text, err := os.ReadFile("meguri.cddl")
	require.NoError(t, err)
	return string(text)
}
