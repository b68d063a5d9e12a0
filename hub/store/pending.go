package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Rows of events wait in the transaction for company: a statement for several is much cheaper than one for each, and in a group
// the batches of many devices share statements. Nobody can see that: who asks for events has them written first, and so has the
// end of the transaction.

const eventColumnsIn = 16

var eventInto = []string{"device_id", "incarnation", "number", "boot", "kind", "name", "subject", "body", "mono", "claimed_at",
	"wall_quality", "event_at", "uncertainty_ms", "received_at", "outcome", "reason"}

// eventSizes are how many events one statement adds, as readingSizes are.
var eventSizes = [...]int{64, 16, 4, 1}

// eventInserts are the texts of these statements.
var eventInserts = func() (texts [len(eventSizes)]string) {
	for i, size := range eventSizes {
		texts[i] = insertText("events", eventInto, size, "")
	}
	return texts
}()

// eventSize is where the sizes of a database begin, fewEvents for one in the process.
const fewEvents = 1

func (tx *Tx) firstEventSize() int {
	if tx.e.prepares() {
		return 0
	}
	return fewEvents
}

// addPending keeps a row for the next statement, and writes as soon as there are enough for the largest.
func (tx *Tx) addPending(ctx context.Context, e EventRow) error {
	tx.pending = append(tx.pending, e)
	if len(tx.pending) < eventSizes[tx.firstEventSize()] {
		return nil
	}
	return tx.Flush(ctx)
}

// Flush writes the events that wait for company, so that an error of theirs comes here and not at the end of the transaction.
func (tx *Tx) Flush(ctx context.Context) error {
	rows := tx.pending
	tx.pending = nil // a new array next time: a savepoint may hold the old one
	args := make([]any, 0, min(len(rows), eventSizes[tx.firstEventSize()])*eventColumnsIn)
	for i := tx.firstEventSize(); len(rows) > 0; {
		size := eventSizes[i]
		if size > len(rows) {
			i++
			continue
		}
		args = args[:0]
		for j := range rows[:size] {
			e := &rows[j]
			args = append(args, e.Device, e.Incarnation, int64(e.Number), int64(e.Boot), int64(e.Kind), e.Name, e.Subject, e.Body, e.Mono,
				e.ClaimedAt, int64(e.WallQuality), millis(e.EventAt), withinMillis(e.Within), millis(e.ReceivedAt), string(e.Outcome), e.Reason)
		}
		if _, err := tx.exec(ctx, eventInserts[i], args...); err != nil {
			return fmt.Errorf("insert into events: %w", err)
		}
		rows = rows[size:]
	}
	return nil
}

// ofOneDevice are the queries of events that see those of their first argument, a device, only. Each batch asks them: were
// others' events written for them, nothing would ever wait for company.
var ofOneDevice = map[string]bool{pairsQuery: true, bootsBefore: true, bootsAfter: true}

// settle writes the events that a statement may see.
func (tx *Tx) settle(ctx context.Context, query string, args []any) error {
	if len(tx.pending) == 0 || !strings.Contains(query, "events") {
		return nil
	}
	if ofOneDevice[query] && !slices.ContainsFunc(tx.pending, func(e EventRow) bool { return e.Device == args[0] }) {
		return nil
	}
	return tx.Flush(ctx)
}
