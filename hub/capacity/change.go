package capacity

// Change is what one decision changes of a date's numbering. Nothing in it is shared with the book. To store it: write Opened,
// Filled and Relocated as the containers are now, write Added, give Moved their new container, delete Removed, then Closed.
type Change struct {
	Added     []Item      // of the order that was placed
	Moved     []Move      // items that were numbered before and are in another container now
	Removed   []Item      // items that have no place any more
	Opened    []Container // are new, in the order of their sequence, with what is in them now
	Filled    []Container // were there before and hold more or less now
	Relocated []Relocation
	Closed    []Container // hold nothing any more, as they were
}

// Move is an item that is in another container now: Item.ContainerID says in which.
type Move struct {
	Item
	From string // the container in which it was
}

// Relocation is a container that has another slot, shipper, place or address now, and may hold more or less than before.
type Relocation struct{ From, To Container }

// Moves is how many items and containers have to be somewhere else than was said before.
func (c Change) Moves() int { return len(c.Moved) + len(c.Relocated) }
