// Package link is the hub's side of the protocol: it takes what devices say, makes it durable together with its effects in
// one transaction, and only then answers. Receiver does that on any wire; MQTT joins it to a broker.
package link

import (
	"context"
	"time"

	"meguri/hub/store"
	"meguri/protocol"
)

// Event is one record of a device's events log, decoded.
type Event struct {
	Device, Place, Role string
	Incarnation         protocol.Incarnation
	Number              uint64
	At                  time.Time     // when it happened, as well as that is known
	Within              time.Duration // At may be off so much, either way
	Received            time.Time
	Clock               time.Time // what the device's own clock said when it recorded this, however wrong; zero where that is not known
	Body                protocol.Body
}

// Effects applies events to the hub's data, in the transaction that also stores the number expected next. It may be run
// again for the same event when a transaction is, and is never asked again for one that it has applied.
type Effects interface {
	// Apply returns *NotApplied for what can never be applied: its writes are undone, the event is kept, and it becomes work
	// for a person. Any other error is taken for a passing one, and the whole batch is tried again later.
	Apply(ctx context.Context, tx *store.Tx, e Event) error
}

// Ahead is what Effects may be, too: it is told of all that a batch says before any of it is applied, so that what they are about is read
// at once, and not one by one.
type Ahead interface {
	Ahead(ctx context.Context, tx *store.Tx, bodies []protocol.Body) error
}

// NotApplied says why an event cannot be applied.
type NotApplied struct{ Reason string }

func (n *NotApplied) Error() string { return n.Reason }
