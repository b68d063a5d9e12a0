package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"periph.io/x/conn/v3/gpio"

	"meguri/edge/device/contact"
	"meguri/edge/device/strike"
	"meguri/edge/device/textline"
	"meguri/internal/clock"
)

// Finding is one bus, sensor, pin or line that was looked at.
type Finding struct {
	What  string `json:"what"`            // "sensor f1/air: ds18b20 28-0000071b2c3d on OneWire1"
	Found string `json:"found,omitempty"` // what it shows: "4.125 °C"
	Wrong string `json:"wrong,omitempty"` // why it does not do what it should
	Do    string `json:"do,omitempty"`    // what a person may do about it
}

// examiner gathers findings, in the order in which a person goes along the wires.
type examiner struct {
	*hardware
	kit  Kit
	all  []Finding
	dead map[string]bool // buses that do not open
}

// Examine opens all that a kit names, one by one, so that what is broken hides nothing else; reads every sensor once; and says
// what it found. Each relay is brought to rest and none is pulled; displays are told so. No agent may run on the board meanwhile.
// It takes about a second for each probe.
func Examine(ctx context.Context, k Kit, b Board) []Finding {
	x := &examiner{kit: k, dead: map[string]bool{}, hardware: &hardware{ctx: ctx, board: b, clock: clock.Real(), logger: slog.New(slog.DiscardHandler)}}
	for _, l := range k.Locks { // first: a relay must rest
		x.relay(l)
	}
	var oneWires, i2cs []string
	k.eachProbe(func(_ string, p Probe) {
		if p.Chip == chipDS18B20 {
			oneWires = append(oneWires, p.Bus)
		} else {
			i2cs = append(i2cs, p.Bus)
		}
	})
	slices.Sort(oneWires)
	slices.Sort(i2cs)
	x.buses(slices.Compact(oneWires), slices.Compact(i2cs))
	k.eachProbe(x.sensor)
	for _, f := range k.Fridges {
		if f.Mains != "" {
			x.contact("mains of "+f.Position, f.Mains, "the mains are on", "the mains are off")
		}
	}
	for _, l := range k.Locks {
		x.contact("door contact of "+l.Position, l.Door, "the door is shut", "the door is open")
		x.contact("bolt contact of "+l.Position, l.Bolt, "the bolt is out", "the bolt is back")
		if l.Key != "" {
			x.contact("key contact of "+l.Position, l.Key, "the key is turned", "the key is not turned")
		}
	}
	for _, l := range k.Locks {
		if l.Matrix != nil {
			x.matrix(l)
		}
	}
	x.streams()
	return x.all
}

// ExamineBuses looks at what answers on buses, without any kit.
func ExamineBuses(ctx context.Context, oneWires, i2cs []string, b Board) []Finding {
	x := &examiner{dead: map[string]bool{}, hardware: &hardware{ctx: ctx, board: b, clock: clock.Real()}}
	x.buses(oneWires, i2cs)
	return x.all
}

func (x *examiner) say(f Finding) { x.all = append(x.all, f) }

// fail says what is wrong, with what the error says to do about it, or else that.
func (x *examiner) fail(what string, err error, do string) {
	x.say(Finding{What: what, Wrong: err.Error(), Do: advice(err, do)})
}

// comesBack does something with a bus, and says whether that ended within patience. What do has set may be looked at only then.
func (x *examiner) comesBack(name, what string, do func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-done:
		return true
	case <-late.C:
	case <-x.ctx.Done():
	}
	x.dead[name] = true
	if x.ctx.Err() != nil {
		x.say(Finding{What: what, Wrong: "was not looked at to the end"})
		return false
	}
	x.say(Finding{What: what, Wrong: fmt.Sprintf("does not come back within %v", patience), Do: adviceHung})
	return false
}

func (x *examiner) buses(oneWires, i2cs []string) {
	for _, name := range oneWires {
		x.oneWire(name)
	}
	for _, name := range i2cs {
		x.i2c(name)
	}
}

// relay sees that a relay rests, which it does from then on.
func (x *examiner) relay(l Lock) {
	what := fmt.Sprintf("relay of %s: %s", l.Position, l.Relay)
	pin, err := x.board.Pin(l.Relay)
	if err != nil {
		x.fail(what, err, adviceName)
		return
	}
	s, err := strike.New(pin, strikePulse, x.sleep)
	switch {
	case err != nil:
		x.fail(what, err, adviceName)
	case pin.Read() == gpio.High:
		x.fail(what, errors.New("was told to rest, and its pin stays high: the lock may be open"),
			"take the relay off the board; if the pin is low then, the wire is shorted to the supply, else the pin is broken")
	default:
		x.say(Finding{What: what, Found: "at rest, low"})
	}
	if s != nil {
		_ = s.Halt() // as it is already
	}
}

// sensor reads a probe once.
func (x *examiner) sensor(position string, p Probe) {
	what := fmt.Sprintf("sensor %s: %s", sensorName(position, p.Name), p.where())
	if x.dead[p.Bus] {
		x.say(Finding{What: what, Wrong: "its bus does not work, see there"})
		return
	}
	read, err := x.openProbe(p)
	if err != nil {
		x.fail(what, err, adviceName)
		return
	}
	milliC, err := (&probe{sensor: sensorName(position, p.Name), read: read}).ask(x.ctx)
	if err != nil {
		x.fail(what, err, adviceSensor(p, err))
		return
	}
	x.say(Finding{What: what, Found: degrees(milliC)})
}

// where says which chip it is.
func (p Probe) where() string {
	switch {
	case p.Thermistor != nil:
		return fmt.Sprintf("thermistor at input %d of the %s %#x on %s", p.Thermistor.Input, p.Chip, p.Address, p.Bus)
	case p.ROM != "":
		return fmt.Sprintf("%s %s on %s", p.Chip, p.ROM, p.Bus)
	case p.Chip == chipDS18B20:
		return fmt.Sprintf("%s %s on %s", p.Chip, romOf(p), p.Bus)
	}
	return fmt.Sprintf("%s %#x on %s", p.Chip, p.Address, p.Bus)
}

func degrees(milliC int64) string { return fmt.Sprintf("%.3f °C", float64(milliC)/1000) }

// How long a contact is looked at, and how often: one that moves meanwhile without anybody at it chatters.
const (
	looked = 300 * time.Millisecond
	look   = 5 * time.Millisecond
)

func (x *examiner) contact(name, pin, closed, open string) {
	what := name + ": " + pin
	p, err := x.board.Pin(pin)
	if err != nil {
		x.fail(what, err, adviceName)
		return
	}
	d, err := contact.New(p, debounce)
	if err != nil {
		x.fail(what, err, adviceName)
		return
	}
	defer func() { _ = d.Halt() }()
	moves, was := 0, d.Closed()
	for range looked / look {
		if x.sleep(look); d.Closed() != was {
			moves, was = moves+1, !was
		}
	}
	found := "open, pin high: " + open
	if was {
		found = "closed, pin low: " + closed
	}
	if moves > 1 {
		x.say(Finding{What: what, Found: found, Wrong: fmt.Sprintf("moved %d times in %v", moves, looked),
			Do: "if nobody moved it: tighten its screws and plug, and look for a wire beside the mains or a motor; a pull-up of 10 kΩ to 3.3 V calms a long wire"})
		return
	}
	x.say(Finding{What: what, Found: found})
}

// matrix looks whether a key of a keypad on pins is down, for nobody should be pressing one.
func (x *examiner) matrix(l Lock) {
	what := "keypad of " + l.Position + ": rows " + strings.Join(l.Matrix.Rows, " ") + ", columns " + strings.Join(l.Matrix.Columns, " ")
	m, err := x.openMatrix(*l.Matrix)
	if err != nil {
		x.fail(what, err, adviceName)
		return
	}
	down, err := m.Down()
	if err = errors.Join(err, m.Halt()); err != nil {
		x.fail(what, err, adviceName)
		return
	}
	if down != "" {
		x.say(Finding{What: what, Wrong: "keys are down: " + down, Do: "if nobody presses them: look for water or a bent contact under the keys, and whether rows and columns are swapped"})
		return
	}
	x.say(Finding{What: what, Found: "no key is down"})
}

// streams opens each line once, and shows on displays that they were found.
func (x *examiner) streams() {
	uses := map[string][]string{}
	shows := map[string]bool{}
	use := func(name, what string) {
		if name != "" {
			uses[name] = append(uses[name], what)
		}
	}
	for _, l := range x.kit.Locks {
		use(l.Keypad, "keypad of "+l.Position)
		use(l.Display, "display of "+l.Position)
		shows[l.Display] = true
	}
	for name, t := range map[string]*Terminal{"hand-in": x.kit.HandIn, "scanner": x.kit.Scanner, "driver": x.kit.Driver, "warehouse": x.kit.Warehouse} {
		if t != nil {
			use(t.Reader, "reader of "+name)
			use(t.Display, "display of "+name)
			shows[t.Display] = true
		}
	}
	if s := x.kit.Shipper; s != nil {
		use(s.Display, "display of "+s.Position)
		shows[s.Display] = true
	}
	for _, name := range slices.Sorted(maps.Keys(uses)) {
		x.stream(name, uses[name], shows[name])
	}
}

func (x *examiner) stream(name string, uses []string, shows bool) {
	slices.Sort(uses)
	what := fmt.Sprintf("%s: %s", strings.Join(uses, " and "), name)
	s, err := x.board.Stream(name)
	if err != nil {
		x.fail(what, err, adviceName)
		return
	}
	found := "opens; whether keys and codes come shows when somebody types or scans"
	if shows {
		found = "opens; its display should read \"edge probe\" now"
		err = textline.New(s).Show("edge probe")
	}
	if err = errors.Join(err, s.Close()); err != nil {
		x.fail(what, err, "look whether the display is plugged in")
		return
	}
	x.say(Finding{What: what, Found: found})
}
