package wiring_test

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/edge/app"
	"meguri/edge/wiring"
)

// The pages in deploy/wiring say what the kits say: `make wiring` makes them again.
func TestThePagesAreThoseOfTheKits(t *testing.T) {
	kits, err := filepath.Glob("../../deploy/kits/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, kits)
	for _, file := range kits {
		kit, err := app.ReadKit(file)
		require.NoError(t, err)
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		parts := wiring.Of(kit)
		for ext, want := range map[string][]byte{".md": wiring.Markdown(name+".yaml", name+".svg", parts), ".svg": wiring.SVG(name+".yaml", parts)} {
			got, err := os.ReadFile(filepath.Join("../../deploy/wiring", name+ext))
			require.NoError(t, err)
			require.Equal(t, string(want), string(got), "%s%s is stale: make wiring", name, ext)
		}
	}
}

func wires(k app.Kit) (all []wiring.Wire) {
	for _, p := range wiring.Of(k) {
		all = append(all, p.Wires...)
	}
	return all
}

func TestEachPinOfAKitIsWiredOnce(t *testing.T) {
	kit, err := app.ReadKit("../../deploy/kits/station.yaml")
	require.NoError(t, err)
	seen := map[string]int{}
	for _, w := range wires(kit) {
		if w.Kind == wiring.Signal {
			require.NotEmpty(t, w.Where(), w.From)
			seen[w.From]++
		}
	}
	for _, pin := range []string{"GPIO17", "GPIO27", "GPIO22", "GPIO16", "GPIO6", "GPIO13", "GPIO23", "GPIO24"} {
		require.Equal(t, 1, seen[pin], pin)
	}
}

// A relay must rest while nobody drives its pin, and some pins do the contrary at power-on.
func TestARelayHasItsPullDown(t *testing.T) {
	for pin, want := range map[string]string{"GPIO17": "keeps the lock shut", "17": "keeps the lock shut", "GPIO5": "HIGH at power-on", "8": "HIGH at power-on"} {
		found := false
		for _, w := range wires(app.Kit{Locks: []app.Lock{{Position: "f", Relay: pin, Bolt: "GPIO27", Door: "GPIO22", Keypad: "serial:/dev/ttyS0"}}}) {
			found = found || w.To == "IN" && strings.Contains(w.Note, want) && strings.Contains(w.Note, "to GND")
		}
		require.True(t, found, pin)
	}
}

func TestAConverterIsDrawnOnceWithAllItsThermistors(t *testing.T) {
	kit, err := app.ReadKit("../../deploy/kits/collection.yaml")
	require.NoError(t, err)
	parts := wiring.Of(kit)
	require.Len(t, parts, 2, "converter and mains")
	require.Len(t, parts[0].Wires, 7)
}

// Names in a kit may hold anything: the drawing stays XML, and the table a table.
func TestNamesAreEscaped(t *testing.T) {
	kit := app.Kit{Scanner: &app.Terminal{Position: `<a href="x">&|`, Reader: "serial:/dev/x"}}
	parts := wiring.Of(kit)
	d := xml.NewDecoder(strings.NewReader(string(wiring.SVG(`"<&`, parts))))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if e, ok := token.(xml.StartElement); ok {
			require.NotEqual(t, "a", e.Name.Local)
		}
	}
	require.Contains(t, string(wiring.Markdown("k", "k.svg", parts)), `&\|`)
}
