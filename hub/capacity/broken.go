package capacity

import (
	"fmt"
	"strings"
)

// BrokenError says that what is stored of a date cannot be: something else than numbering has written it. On top of it nothing
// can be numbered, for that would sell what is not there; what only ends orders or accepts what is held needs no book.
type BrokenError struct {
	Date       string
	Containers []string // dated containers that cannot be as they are stored, in the order in which that was found
	Orders     []string // of items that are in no container, or in one that cannot hold them
	Why        string   // what is wrong with the first row of all
}

// maxTold is how many ids a message names of each kind.
const maxTold = 5

// Error is one sentence for people, who find the rest at /check.
func (e *BrokenError) Error() string {
	var of []string
	for _, k := range []struct {
		kind string
		ids  []string
	}{{"containers", e.Containers}, {"orders", e.Orders}} {
		if len(k.ids) == 0 {
			continue
		}
		told := k.kind + " " + strings.Join(k.ids[:min(len(k.ids), maxTold)], ", ")
		if more := len(k.ids) - maxTold; more > 0 {
			told += fmt.Sprintf(" and %d more", more)
		}
		of = append(of, told)
	}
	if of == nil {
		return fmt.Sprintf("the assignments of %s are broken, see /check: %s", e.Date, e.Why)
	}
	return fmt.Sprintf("the assignments of %s are broken, see /check: %s (%s)", e.Date, strings.Join(of, "; "), e.Why)
}

func (e *BrokenError) container(id string, why error) {
	e.Containers = append(e.Containers, id)
	e.because(fmt.Sprintf("dated container %s: %v", id, why))
}

func (e *BrokenError) item(i Item, why error) {
	if n := len(e.Orders); n == 0 || e.Orders[n-1] != i.Order { // items come by order
		e.Orders = append(e.Orders, i.Order)
	}
	e.because(fmt.Sprintf("item %d.%d of order %s: %v", i.Line, i.Unit, i.Order, why))
}

func (e *BrokenError) because(why string) {
	if e.Why == "" {
		e.Why = why
	}
}

// restoreAll takes what is stored into an empty book, and says of all that does not fit.
func (b *Book) restoreAll(s State) error {
	broken := &BrokenError{Date: b.network.Date}
	containers := make(map[string]*container, len(s.Containers)) // nil: is stored and does not fit
	for _, stored := range s.Containers {
		c, err := b.restore(stored)
		if err != nil {
			broken.container(stored.ID, err)
		}
		containers[stored.ID] = c
		b.sequence = max(b.sequence, stored.Sequence)
	}
	misfits := map[*container]bool{} // hold an item that cannot be in them
	for _, i := range s.Items {
		c, known := containers[i.ContainerID]
		if known && c == nil {
			continue // its container says it all
		}
		if err := b.restoreItem(i, c); err != nil {
			broken.item(i, err)
			if c != nil && !misfits[c] {
				misfits[c] = true
				broken.Containers = append(broken.Containers, c.ID)
			}
		}
	}
	for _, stored := range s.Containers {
		c := containers[stored.ID]
		switch {
		case c == nil || misfits[c]:
		case c.load.ml != c.UsedML:
			broken.container(c.ID, fmt.Errorf("its items take %v, want the %d ml that are stored", c.load, c.UsedML))
		case !c.load.within(c.slot.class.room):
			broken.container(c.ID, fmt.Errorf("its items take %v, want at most %v", c.load, c.slot.class.room))
		}
	}
	if broken.Why != "" {
		return broken
	}
	return nil
}
