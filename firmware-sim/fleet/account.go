package fleet

import (
	"fmt"
	"maps"
	"strings"
	"unicode"

	"meguri/protocol"
)

// Tally is a number of records in each log.
type Tally struct{ Events, Readings int64 }

// Account is what a device's agent has made durable, as it said itself. An agent that is killed between the two has not said it,
// so that details of a number may be missing; what is there is true.
type Account struct {
	Tally                             // the highest numbers; they count from 1 without gaps
	Said   map[int64]string           // events in words, by number
	Rounds map[int64][]protocol.Round // by number of their record in the readings log
}

// record is what is noted of one record.
type record struct {
	Log    protocol.LogID
	Number int64
	Said   string           `json:",omitempty"`
	Rounds []protocol.Round `json:",omitempty"`
}

func recordOf(log protocol.LogID, number uint64, body protocol.Body) record {
	r := record{Log: log, Number: int64(number)}
	if rounds, ok := body.(protocol.Rounds); ok {
		r.Rounds, _ = rounds.Split() // it was made by the agent a moment ago
	} else {
		r.Said = words(body)
	}
	return r
}

// words is a kind of event as the hub's lists name it: ContainerPlaced is "container placed".
func words(b protocol.Body) string {
	_, name, _ := strings.Cut(fmt.Sprintf("%T", b), ".")
	var s strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			s.WriteByte(' ')
		}
		s.WriteRune(unicode.ToLower(r))
	}
	return s.String()
}

// note keeps the account of a device.
func (d *Device) note(r record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	highest := &d.account.Events
	if r.Log == protocol.Readings {
		highest = &d.account.Readings
	}
	*highest = max(*highest, r.Number)
	switch {
	case d.closed:
	case r.Log == protocol.Readings:
		d.account.Rounds[r.Number] = r.Rounds
	default:
		d.account.Said[r.Number] = r.Said
	}
}

func (d *Device) tally() Tally {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.account.Tally
}

// CloseAccounts gives the account of each device, by id, up to now. From then on only tallies go on: a fleet may run for days
// after what was to be accounted for.
func (f *Fleet) CloseAccounts() map[string]Account {
	all := map[string]Account{}
	for _, d := range f.Devices() {
		d.mu.Lock()
		d.closed = true
		all[d.ID] = Account{Tally: d.account.Tally, Said: maps.Clone(d.account.Said), Rounds: maps.Clone(d.account.Rounds)}
		d.mu.Unlock()
	}
	return all
}

// Recorded sums up what all devices have made durable so far.
func (f *Fleet) Recorded() Tally {
	var sum Tally
	for _, d := range f.Devices() {
		t := d.tally()
		sum.Events += t.Events
		sum.Readings += t.Readings
	}
	return sum
}
