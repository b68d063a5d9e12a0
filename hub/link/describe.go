package link

import (
	"cmp"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"meguri/protocol"
)

// Bounds of texts from devices, in bytes.
const (
	maxText   = 100
	maxReason = 500
)

// clean makes a device's text one that any database and screen can hold: valid, without control characters, bounded.
func clean(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

func when(unixMillis int64) string { return time.UnixMilli(unixMillis).UTC().Format(time.RFC3339) }

// millis is a duration within what a duration holds.
func millis(ms int64) time.Duration {
	const most = int64(1<<63-1) / int64(time.Millisecond)
	return time.Duration(max(-most, min(ms, most))) * time.Millisecond
}

// name is a kind of event in words.
func name(b protocol.Body) string {
	switch b.(type) {
	case protocol.Booted:
		return "booted"
	case protocol.ClockSet:
		return "clock set"
	case protocol.PlanApplied:
		return "plan applied"
	case protocol.CommandTaken:
		return "command taken"
	case protocol.CommandAnswered:
		return "command answered"
	case protocol.Damaged:
		return "damaged"
	case protocol.ContainerFilled:
		return "container filled"
	case protocol.ItemShort:
		return "item short"
	case protocol.ContainerShelved:
		return "container shelved"
	case protocol.StopReached:
		return "stop reached"
	case protocol.ContainerLoaded:
		return "container loaded"
	case protocol.ContainerPlaced:
		return "container placed"
	case protocol.ScanRefused:
		return "scan refused"
	case protocol.GrantUsed:
		return "grant used"
	case protocol.GrantRefused:
		return "grant refused"
	case protocol.RelayFired:
		return "relay fired"
	case protocol.DoorOpened:
		return "door opened"
	case protocol.DoorClosed:
		return "door closed"
	case protocol.DoorFault:
		return "door fault"
	case protocol.PickupInferred:
		return "pickup inferred"
	case protocol.UseReturned:
		return "use returned"
	case protocol.UseUncertain:
		return "use uncertain"
	case protocol.KeyUsed:
		return "staff key used"
	case protocol.NotOpened:
		return "door not opened"
	case protocol.DoorWarm:
		return "door warm"
	case protocol.Unbolted:
		return "door not bolted"
	case protocol.Mains:
		return "mains"
	case protocol.Alarm:
		return "alarm"
	case protocol.GoodsHeld:
		return "goods held"
	case protocol.RideJudged:
		return "ride judged"
	case protocol.SigningKey:
		return "signing key"
	case protocol.Bolted:
		return "door bolted"
	case protocol.ClockBattery:
		return "clock battery"
	case protocol.ItemScanned:
		return "item scanned"
	case protocol.BagScanned:
		return "bag scanned"
	case protocol.ShelfCounted:
		return "shelf counted"
	case protocol.OperatorChanged:
		return "operator changed"
	case protocol.Samples:
		return "samples"
	case protocol.Thinned:
		return "thinned"
	case protocol.Rounds:
		return "rounds"
	case protocol.Salvaged:
		return "salvaged"
	case protocol.SamplingSet:
		return "sampling set"
	case protocol.Stopped:
		return "stopped"
	}
	return fmt.Sprintf("kind %d", b.Kind())
}

// subject is what an event is about: a box, a dated container, an order, a position, a run, a sensor, a command.
func subject(b protocol.Body) string {
	switch b := b.(type) {
	case protocol.PlanApplied:
		return fmt.Sprintf("plan %d", b.Plan)
	case protocol.CommandTaken:
		return b.ID
	case protocol.CommandAnswered:
		return b.ID
	case protocol.ContainerFilled:
		return b.GRAI
	case protocol.ItemShort:
		return b.DatedContainer
	case protocol.ContainerShelved:
		return b.GRAI
	case protocol.StopReached:
		return b.Run
	case protocol.ContainerLoaded:
		return b.GRAI
	case protocol.ContainerPlaced:
		return b.GRAI
	case protocol.ScanRefused:
		return b.Scan
	case protocol.GrantUsed:
		return b.Position
	case protocol.GrantRefused:
		return b.Position
	case protocol.RelayFired:
		return b.Position
	case protocol.DoorOpened:
		return b.Position
	case protocol.DoorClosed:
		return b.Position
	case protocol.DoorFault:
		return b.Position
	case protocol.PickupInferred:
		return b.Order
	case protocol.UseReturned:
		return b.Position
	case protocol.UseUncertain:
		return b.Position
	case protocol.KeyUsed:
		return b.Position
	case protocol.NotOpened:
		return b.Position
	case protocol.DoorWarm:
		return b.Position
	case protocol.Unbolted:
		return b.Position
	case protocol.Mains:
		return b.Position
	case protocol.Alarm:
		return b.Sensor
	case protocol.GoodsHeld:
		return b.DatedContainer
	case protocol.RideJudged:
		return b.DatedContainer
	case protocol.Bolted:
		return b.Position
	case protocol.ItemScanned:
		return b.Item
	case protocol.BagScanned:
		return cmp.Or(b.Bag, b.Alias)
	case protocol.ShelfCounted:
		return b.Place
	case protocol.OperatorChanged:
		return b.Badge
	}
	return ""
}
