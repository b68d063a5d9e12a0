package warehouse

import (
	"hash/fnv"
	"maps"
	"slices"

	"meguri/protocol"
)

// Note is what this scanner has made of a piece, until the hub's lists say so too.
type Note struct {
	Item  protocol.KnownItem `cbor:"1,keyasint"` // after the scan
	Step  protocol.Step      `cbor:"2,keyasint"`
	Visit uint32             `cbor:"3,keyasint"`
	At    int64              `cbor:"4,keyasint"`           // Unix ms of the scan
	For   string             `cbor:"5,keyasint,omitempty"` // piece of the list in whose place it was picked

	Batch  string `cbor:"6,keyasint,omitempty"` // cleaning batch or work order, the last one
	InWork bool   `cbor:"7,keyasint,omitempty"` // it is in that still
	WasOut bool   `cbor:"8,keyasint,omitempty"` // it has been with a customer
}

// BagNote is what this scanner has done with a bag.
type BagNote struct {
	Bag  string        `cbor:"1,keyasint"`
	Step protocol.Step `cbor:"2,keyasint"` // StepReceive, StepUnpack when it is empty, StepShip, StepVoidShip
	At   int64         `cbor:"3,keyasint"` // Unix ms

	Visit uint32 `cbor:"4,keyasint,omitempty"`
	Order string `cbor:"5,keyasint,omitempty"` // of a bag that was packed here
}

// Bounds of what is kept beside the lists. The records are in the log: who is forgotten here is judged as the list has it.
const (
	Shards     = 256 // parts in which notes are stored, so that a scan writes a small one
	shardNotes = 100 // at most, of pieces and likewise of bags
)

// Book is the day's lists with what this scanner has done since. Scan reads it; Take changes it. It is not safe for concurrent use.
type Book struct {
	*Lists
	notes map[string]Note
	parts [Shards][]Note // the same, the oldest first
	bags  map[string]BagNote
	sacks [Shards][]BagNote // the same, the oldest first

	swapped map[string]string            // piece of the list → the one picked in its place
	moved   map[string]int               // shelf → pieces more than the lists say
	alike   map[string]map[string]uint32 // Lists.likes of garments of which a piece was moved here
}

// NewBook makes a book of the lists. Where a list names a piece, bag or code twice, the later counts.
func NewBook(p protocol.WarehousePlan, items []protocol.ItemsPlan) *Book {
	return Open(NewLists(p, items))
}

// Open makes a book of lists in which nothing is noted yet.
func Open(l *Lists) *Book {
	return &Book{Lists: l, notes: map[string]Note{}, bags: map[string]BagNote{}, swapped: map[string]string{}, moved: map[string]int{},
		alike: map[string]map[string]uint32{}}
}

// shelved counts a piece on its shelf, or no longer.
func (b *Book) shelved(i protocol.KnownItem, on bool) {
	if i.Custody != protocol.Shelved || i.Place == "" {
		return
	}
	gtin := gtinOf(i.Item)
	like := b.alike[gtin]
	if like == nil {
		if like = maps.Clone(b.likes[gtin]); like == nil {
			like = map[string]uint32{}
		}
		b.alike[gtin] = like
	}
	if on {
		b.moved[i.Place]++
		like[i.Place]++
		return
	}
	b.moved[i.Place]--
	if like[i.Place]--; like[i.Place] == 0 {
		delete(like, i.Place)
	}
}

// onShelf is how many pieces are on a shelf.
func (b *Book) onShelf(place string) int { return int(b.shelves[place]) + b.moved[place] }

// like is where the pieces of a garment are: how many on each shelf.
func (b *Book) like(gtin string) map[string]uint32 {
	if own := b.alike[gtin]; own != nil {
		return own
	}
	return b.likes[gtin]
}

// shardOf is where the note of a piece is kept.
func shardOf(item string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(item)) // never fails
	return int(h.Sum32() % Shards)
}

func (b *Book) note(item string) (Note, bool) {
	n, ok := b.notes[item]
	return n, ok
}

// item is what is known of a piece. A bag that was received or sent here takes along what is in it.
func (b *Book) item(id string) (i protocol.KnownItem, known bool) {
	n, noted := b.note(id)
	if noted {
		i = n.Item
	} else if i, known = b.known[id]; !known {
		return protocol.KnownItem{Item: id}, false
	}
	in := i.Bag
	if e := b.bagOf[id]; e != "" && out(i.Custody) {
		in = e
	}
	moved, ok := b.bags[in]
	if !ok || noted && n.At > moved.At {
		return i, true
	}
	switch {
	case moved.Step == protocol.StepReceive && out(i.Custody):
		i.Custody, i.Bag, i.Fit = protocol.ReturnReceived, in, false
	case moved.Step == protocol.StepShip && i.Custody == protocol.Packed:
		i.Custody = protocol.InTransitOut
	case moved.Step == protocol.StepVoidShip && i.Custody == protocol.InTransitOut:
		i.Custody = protocol.Packed
	}
	return i, true
}

// out says whether a piece is away from the warehouse.
func out(c protocol.Custody) bool {
	return c == protocol.InTransitOut || c == protocol.OnRent || c == protocol.InTransitBack
}

// Shard is one part of the notes, as it is to be stored.
type Shard struct {
	Number int
	Notes  []Note
}

// Stage gives the parts of the notes that change with these, as they will be. Nothing is changed yet: they have to be durable first.
func (b *Book) Stage(changes []Note) []Shard {
	var all []Shard
	for _, n := range changes {
		number := shardOf(n.Item.Item)
		at := slices.IndexFunc(all, func(s Shard) bool { return s.Number == number })
		if at < 0 {
			at = len(all)
			all = append(all, Shard{number, b.parts[number]})
		}
		all[at].Notes = with(all[at].Notes, n, func(n Note) string { return n.Item.Item })
	}
	return all
}

// with is a part with one more note, behind the others; the oldest goes when there are too many.
func with[N any](part []N, n N, about func(N) string) []N {
	next := make([]N, 0, len(part)+1)
	for _, old := range part {
		if about(old) != about(n) {
			next = append(next, old)
		}
	}
	next = append(next, n)
	return next[max(0, len(next)-shardNotes):]
}

// Take makes a part of the notes what Stage has given for it, or what was stored.
func (b *Book) Take(parts ...Shard) {
	for _, s := range parts {
		if s.Number < 0 || s.Number >= Shards {
			continue
		}
		kept := make(map[string]bool, len(s.Notes))
		for _, n := range s.Notes {
			kept[n.Item.Item] = true
			b.set(n)
		}
		for _, n := range b.parts[s.Number] {
			if id := n.Item.Item; !kept[id] {
				delete(b.notes, id)
				delete(b.swapped, n.For)
				b.move(n.Item, b.known[id])
			}
		}
		b.parts[s.Number] = s.Notes
	}
}

func (b *Book) set(n Note) {
	id := n.Item.Item
	old, ok := b.notes[id]
	switch {
	case ok && old == n:
		return
	case !ok:
		old.Item = b.known[id]
	}
	b.notes[id] = n
	delete(b.swapped, old.For)
	if n.For != "" {
		b.swapped[n.For] = id
	}
	b.move(old.Item, n.Item)
}

func (b *Book) move(from, to protocol.KnownItem) {
	b.shelved(from, false)
	b.shelved(to, true)
}

// BagShard is one part of the notes of bags, as it is to be stored.
type BagShard struct {
	Number int
	Bags   []BagNote
}

// StageBags gives the parts of the notes of bags that change with these, as they will be. Nothing is changed yet.
func (b *Book) StageBags(changes []BagNote) []BagShard {
	var all []BagShard
	for _, n := range changes {
		number := shardOf(n.Bag)
		at := slices.IndexFunc(all, func(s BagShard) bool { return s.Number == number })
		if at < 0 {
			at = len(all)
			all = append(all, BagShard{number, b.sacks[number]})
		}
		all[at].Bags = with(all[at].Bags, n, func(n BagNote) string { return n.Bag })
	}
	return all
}

// TakeBags makes a part of the notes of bags what StageBags has given for it, or what was stored.
func (b *Book) TakeBags(parts ...BagShard) {
	for _, s := range parts {
		if s.Number < 0 || s.Number >= Shards {
			continue
		}
		for _, n := range b.sacks[s.Number] {
			delete(b.bags, n.Bag)
		}
		for _, n := range s.Bags {
			b.bags[n.Bag] = n
		}
		b.sacks[s.Number] = s.Bags
	}
}

// Carry gives the notes of an old book that the lists of this one do not hold yet, in all their parts. A note goes when the list says the
// same, or when heard says that the hub had it before it made the list: then the hub has decided otherwise. Those of the visit under way
// stay, for they tell a scan that is repeated; what the hub has heard of is there as its list has it.
func (b *Book) Carry(old *Book, s State, heard func(at int64) bool) (parts []Shard, bags []BagShard) {
	for number := range Shards {
		kept, sacks := Shard{Number: number}, BagShard{Number: number}
		for _, n := range old.parts[number] {
			if n, ok := b.carried(n, s.Visit, heard(n.At)); ok {
				kept.Notes = append(kept.Notes, n)
			}
		}
		for _, n := range old.sacks[number] {
			if n.Visit >= s.Begun || !heard(n.At) {
				sacks.Bags = append(sacks.Bags, n)
			}
		}
		parts, bags = append(parts, kept), append(bags, sacks)
	}
	return parts, bags
}

// carried is a note beside the lists of this book, and whether it stays.
func (b *Book) carried(n Note, visit uint32, heard bool) (Note, bool) {
	known, ok := b.known[n.Item.Item]
	switch {
	case n.Visit == visit && !ok:
		return n, true
	case n.Visit == visit && known.Custody == n.Item.Custody:
		if heard {
			n.Item, n.For = known, ""
		}
		return n, true
	}
	return n, !heard && (!ok || known != n.Item)
}

// Size is how many notes there are.
func (b *Book) Size() int { return len(b.notes) }

// Known gives the lists of pieces back, as one part.
func (b *Book) Known() []protocol.ItemsPlan {
	p := protocol.ItemsPlan{Position: b.Plan.Position}
	for _, i := range b.known {
		p.Items = append(p.Items, i)
	}
	return []protocol.ItemsPlan{p}
}

// Holds says whether the notes of a part are these.
func (b *Book) Holds(s Shard) bool { return slices.Equal(b.parts[s.Number], s.Notes) }

// HoldsBags says whether the notes of bags of a part are these.
func (b *Book) HoldsBags(s BagShard) bool { return slices.Equal(b.sacks[s.Number], s.Bags) }
