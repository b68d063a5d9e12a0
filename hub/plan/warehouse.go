package plan

import (
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"time"

	"meguri/hub/bulk"
	"meguri/hub/rental"
	"meguri/protocol"
)

// rentalKnown is the revision since which scanners know of rental.
const rentalKnown = 5

const (
	// listsAhead is how far the pick lists reach: through tomorrow wherever the warehouse is.
	listsAhead = 33 * time.Hour
	// mostLines and mostBags are how many are read for the lists, about what their parts hold; what does not fit into a part is left out
	// from its end.
	mostLines = 24_000
	mostBags  = 20_000
	// spare is what is left free of a part, for the frame of its lists.
	spare = 1 << 10
)

// What grows with a warehouse is cut into so many parts at most: its shelves along the walk, its orders and bags by a hash of their code,
// so that one that comes or goes changes one part. With the chunks of the pieces they are fewer than protocol.MaxParts.
const (
	shelfChunks    = 10
	shelvesOfChunk = 2000
	orderChunks    = 16
	bagChunks      = 32
)

// warehouse adds the parts of a rental warehouse's scanner.
func (b *builder) warehouse(id string) error {
	if b.revision < rentalKnown {
		return nil
	}
	for name, body := range b.shared[id] {
		b.parts[name] = body
	}
	if len(b.shared[id]) > 0 {
		return nil
	}
	if err := b.lists(id); err != nil {
		return err
	}
	if err := b.items(id); err != nil {
		return err
	}
	if b.shared != nil { // the other scanners of the place get the same
		b.shared[id] = b.parts
	}
	return nil
}

// room is what is left of a part that is filled bit by bit.
type room struct{ bytes int }

// takes says whether one more thing fits, and counts it.
func (r *room) takes(thing any) bool {
	body, err := protocol.EncodeBody(thing)
	if err != nil || len(body) > r.bytes {
		return false
	}
	r.bytes -= len(body)
	return true
}

// fill gives as many as fit, from the front.
func fill[T any](r *room, all []T) []T {
	for n := range all {
		if n == protocol.MaxElements || !r.takes(all[n]) {
			return all[:n]
		}
	}
	return all
}

// lists adds the part with who may do what, and those with the shelves and the day's lists.
func (b *builder) lists(id string) error {
	shelves, err := b.tx.Shelves(b.ctx, id)
	if err != nil {
		return err
	}
	walk := map[string]int{}
	for n, s := range shelves {
		walk[s.ID] = n + 1
	}
	orders, err := b.pickOrders(id, walk)
	if err != nil {
		return err
	}
	bags, err := b.expectedBags(id)
	if err != nil {
		return err
	}
	return errors.Join(b.crew(id), b.shelves(id, shelves),
		cut(b, id+"/orders", orders, orderChunks, func(o protocol.PickOrder) string { return o.Order },
			func(p *protocol.WarehousePlan, all []protocol.PickOrder) { p.Orders = all }),
		cut(b, id+"/bags", bags, bagChunks, func(e protocol.ExpectedBag) string { return e.Bag },
			func(p *protocol.WarehousePlan, all []protocol.ExpectedBag) { p.Bags = all }))
}

// crew adds the part with the warehouse's people, cards and rules.
func (b *builder) crew(id string) error {
	warehouses, err := b.tx.Warehouses(b.ctx)
	if err != nil {
		return err
	}
	operators, err := b.tx.Operators(b.ctx, id)
	if err != nil {
		return err
	}
	w := warehouses[id]
	part := protocol.WarehousePlan{Position: id, Date: b.earliest, Stations: stations(), Kinds: damageKinds(),
		Swaps: protocol.SwapRule{SameGarment: w.SwapGarment, Worst: protocol.Grade(w.SwapWorst)}}
	for _, o := range operators {
		if !o.Revoked.IsZero() {
			continue
		}
		to := protocol.Operator{Badge: o.Badge, Salt: o.Salt, Check: o.Check}
		for _, s := range o.Steps {
			to.Steps = append(to.Steps, protocol.Step(s))
		}
		part.Operators = append(part.Operators, to)
	}
	left := &room{protocol.MaxPart - spare}
	left.takes(protocol.WarehousePlan{Stations: part.Stations, Kinds: part.Kinds})
	part.Operators = fill(left, part.Operators)
	return b.add("warehouse/"+id, part)
}

// shelves adds the parts with the shelves, in the order of the walk.
func (b *builder) shelves(id string, all []bulk.Shelf) error {
	for n, some := range slices.Collect(slices.Chunk(all[:min(len(all), shelfChunks*shelvesOfChunk)], shelvesOfChunk)) {
		part := protocol.WarehousePlan{Position: id}
		for _, s := range some {
			part.Shelves = append(part.Shelves, protocol.ShelfPlan{Place: s.ID, Room: uint32(s.Room)})
		}
		part.Shelves = fill(&room{protocol.MaxPart - spare}, part.Shelves)
		if err := b.add(fmt.Sprintf("warehouse/%s/shelves-%02d", id, n), part); err != nil {
			return err
		}
	}
	return nil
}

// cut adds a list in parts by a hash of what each thing is called.
func cut[T any](b *builder, name string, all []T, most int, called func(T) string, put func(*protocol.WarehousePlan, []T)) error {
	chunks := make([][]T, chunksFor(len(all), most))
	for _, x := range all {
		n := int(crc32.ChecksumIEEE([]byte(called(x)))) % len(chunks)
		chunks[n] = append(chunks[n], x)
	}
	position, _, _ := strings.Cut(name, "/")
	for n, chunk := range chunks {
		if len(chunk) == 0 {
			continue
		}
		part := protocol.WarehousePlan{Position: position}
		put(&part, fill(&room{protocol.MaxPart - spare}, chunk))
		if err := b.add(fmt.Sprintf("warehouse/%s-%02d", name, n), part); err != nil {
			return err
		}
	}
	return nil
}

// pickOrders lists the orders that are to be shipped until tomorrow, each with its pieces in the order of the walk.
func (b *builder) pickOrders(id string, walk map[string]int) ([]protocol.PickOrder, error) {
	lines, err := b.tx.PickLines(b.ctx, id, b.now.Add(listsAhead).UTC().Format(time.DateOnly), mostLines)
	if err != nil {
		return nil, err
	}
	var all []protocol.PickOrder
	for _, l := range lines {
		if b.earliest == "" {
			b.earliest = l.ShipDate
		}
		if n := len(all); n == 0 || all[n-1].Order != l.Order {
			all = append(all, protocol.PickOrder{Order: l.Order, Tote: l.Tote, Bag: l.Bag})
		}
		o := &all[len(all)-1]
		state := uint8(0)
		switch l.Custody {
		case protocol.Picked:
			state = 1
		case protocol.Packed:
			state = 2
		}
		o.Lines = append(o.Lines, protocol.PickLine{Item: l.Piece, Shelf: l.Place, State: state})
	}
	for _, o := range all {
		slices.SortStableFunc(o.Lines, func(x, y protocol.PickLine) int { return walk[x.Shelf] - walk[y.Shelf] })
	}
	return all, nil
}

// expectedBags lists the bags that are out, with what is expected in them: those on their way back first, then those out longest.
func (b *builder) expectedBags(id string) ([]protocol.ExpectedBag, error) {
	contents, err := b.tx.BagsOut(b.ctx, id, mostBags)
	if err != nil {
		return nil, err
	}
	var all []protocol.ExpectedBag
	for _, c := range contents {
		if n := len(all); n == 0 || all[n-1].Bag != c.Bag {
			all = append(all, protocol.ExpectedBag{Bag: c.Bag, Order: c.Order})
		}
		all[len(all)-1].Items = append(all[len(all)-1].Items, c.Item)
	}
	return all, nil
}

// stations are the menu cards: a code for each step, which hub/label prints.
func stations() (all []protocol.Workstation) {
	for s := protocol.StepRegister; s <= protocol.StepRetire; s++ {
		name := rental.StepName(s)
		all = append(all, protocol.Workstation{Code: "step-" + strings.ReplaceAll(name, "_", "-"), Step: s, Name: name})
	}
	return all
}

func damageKinds() (all []protocol.DamageKind) {
	for _, kind := range []string{"stain", "tear", "button", "zip", "smell", "mould", "other"} {
		all = append(all, protocol.DamageKind{Code: "damage-" + kind, Kind: kind})
	}
	return all
}

// Pieces go to scanners in chunks by a hash of their code, so that a piece is always in the same one. Those that stand still, on shelves
// and with customers, have chunks of their own, that change when one of them moves; which ones stand still is said anew once a night. A
// warehouse's plans are made anew every SoonAfter at most (see Maker.Soon), so that what scanners are sent is bounded by that, too.
const (
	restChunks  = 128
	moveChunks  = 64
	nightUTC    = 18 * time.Hour // 3 in the morning in Japan
	mostItems   = 200_000
	chunkMargin = 64
)

// lastNight is when it was said last which pieces stand still.
func lastNight(now time.Time) time.Time {
	return now.Add(-nightUTC).UTC().Truncate(24 * time.Hour).Add(nightUTC)
}

func (b *builder) items(id string) error {
	known, err := b.tx.KnownItems(b.ctx, id, mostItems)
	if err != nil {
		return err
	}
	night := lastNight(b.now)
	chunks := make([][]protocol.KnownItem, restChunks+moveChunks)
	rest, move := chunksFor(len(known), restChunks), chunksFor(len(known)/4, moveChunks)
	for _, k := range known {
		n := int(crc32.ChecksumIEEE([]byte(k.Item)))
		still := (k.Custody == protocol.Shelved && !k.Promised || k.Custody == protocol.OnRent) && k.Since.Before(night)
		if still {
			n %= rest
		} else {
			n = restChunks + n%move
		}
		chunks[n] = append(chunks[n], k.KnownItem)
	}
	for n, chunk := range chunks {
		if len(chunk) == 0 {
			continue
		}
		left := &room{protocol.MaxPart - spare}
		part := protocol.ItemsPlan{Position: id, Items: fill(left, chunk)}
		if err := b.add(fmt.Sprintf("items/%s/%d", id, n), part); err != nil {
			return err
		}
	}
	return nil
}

// chunksFor is in how many chunks so many pieces go: a power of two, so that it seldom changes.
func chunksFor(pieces, most int) int {
	n := 1
	for n < most && pieces > n*chunkMargin {
		n *= 2
	}
	return n
}
