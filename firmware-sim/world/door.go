package world

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"meguri/firmware-sim/chip"

	"periph.io/x/conn/v3/gpio"
)

// ErrBolted is what a person meets who pulls at a door that is locked.
var ErrBolted = errors.New("door is bolted")

// bounces is how often a contact opens and closes again at most before it settles.
const bounces = 4

// leaf is what opens and shuts, with its contact: closed when it is shut.
type leaf struct {
	contact *chip.Pin
	rand    *rand.Rand
	onMove  func(open bool)
	open    bool
}

func (l *leaf) move(open bool) {
	if l.open == open {
		return
	}
	l.open = open
	if l.contact != nil {
		for range l.rand.IntN(bounces) {
			l.contact.Switch(!open)
			l.contact.Switch(open)
		}
		l.contact.Switch(!open)
	}
	if l.onMove != nil {
		l.onMove(open)
	}
}

// Lid is a shipper's lid: it has a contact and no lock.
type Lid struct {
	mu   sync.Mutex
	leaf leaf
}

// NewLid returns a lid that is shut. Its contact, if there is one, is wired to a pin: closed means shut. onMove, if any, hears
// of each move, a box's SetOpen as a rule; it must not touch the lid.
func NewLid(contact *chip.Pin, seed uint64, onMove func(open bool)) *Lid {
	if contact != nil {
		contact.Switch(true)
	}
	return &Lid{leaf: leaf{contact: contact, rand: rand.New(rand.NewPCG(seed, 1)), onMove: onMove}}
}

// SetOpen opens or shuts the lid.
func (l *Lid) SetOpen(open bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leaf.move(open)
}

// IsOpen says whether the lid is open.
func (l *Lid) IsOpen() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.leaf.open
}

// DoorPins are the wires of a door's lock; each may be nil.
type DoorPins struct {
	Relay   *chip.Pin // energises the strike, high moves the bolt
	Bolt    *chip.Pin // switch to ground, closed while bolted
	Contact *chip.Pin // switch to ground, closed while shut
}

// Door is a door with an electric strike that is shut without power. While the relay is energised the bolt is back, and who
// pulls then opens the door. Shut, it bolts by itself as soon as the relay is at rest.
type Door struct {
	bolt *chip.Pin

	mu        sync.Mutex
	leaf      leaf
	energised bool
	jammed    bool
	bolted    bool
	pulling   int
	moved     chan struct{} // closed when the door opens or shuts
}

// NewDoor returns a door that is shut and bolted. onMove, if any, hears of each move, a fridge's SetOpen as a rule; it must not
// touch the door.
func NewDoor(p DoorPins, seed uint64, onMove func(open bool)) *Door {
	d := &Door{bolt: p.Bolt, bolted: true, moved: make(chan struct{})}
	d.leaf = leaf{contact: p.Contact, rand: rand.New(rand.NewPCG(seed, 2)), onMove: onMove}
	for _, closed := range []*chip.Pin{p.Contact, p.Bolt} {
		if closed != nil {
			closed.Switch(true)
		}
	}
	if p.Relay != nil {
		p.Relay.OnChange(d.strike)
		d.strike(p.Relay.Level())
	}
	return d
}

// strike is the relay moving.
func (d *Door) strike(l gpio.Level) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.energised = l == gpio.High
	d.settle()
	if d.pulling > 0 && !d.bolted {
		d.move(true)
	}
}

// settle puts the bolt where it belongs; a jammed one stays where it is.
func (d *Door) settle() {
	bolted := !d.energised && !d.leaf.open
	if d.jammed || bolted == d.bolted {
		return
	}
	d.bolted = bolted
	if d.bolt != nil {
		d.bolt.Switch(bolted)
	}
}

func (d *Door) move(open bool) {
	if d.leaf.open == open {
		return
	}
	d.leaf.move(open)
	d.settle()
	close(d.moved)
	d.moved = make(chan struct{})
}

// Pull is a person who pulls the handle until the door is open, which gives nil, or ctx ends, which gives ErrBolted. Pull first
// and then enter the code: the strike is energised for a short time only.
func (d *Door) Pull(ctx context.Context) error { return d.Grip()(ctx) }

// Grip begins to pull the handle and returns at once. The returned function, to be called once, waits as Pull does and lets go.
func (d *Door) Grip() (wait func(context.Context) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pulling++
	moved := d.moved
	if !d.bolted {
		d.move(true)
	}
	return func(ctx context.Context) error { return d.await(ctx, moved) }
}

func (d *Door) await(ctx context.Context, moved <-chan struct{}) error {
	d.mu.Lock()
	open := d.leaf.open
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		d.pulling--
		d.mu.Unlock()
	}()
	if open {
		return nil
	}
	select {
	case <-moved:
		return nil // it can only have been opened, whatever became of it since
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrBolted, ctx.Err())
	}
}

// Open is one tug at the handle: the door opens, or ErrBolted.
func (d *Door) Open() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.bolted && !d.leaf.open {
		return ErrBolted
	}
	d.move(true)
	return nil
}

// OpenAnyway opens the door past the bolt: by force, with the staff's key, or from inside.
func (d *Door) OpenAnyway() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.move(true)
}

// Shut shuts the door. It bolts, unless it is jammed or the relay is energised still.
func (d *Door) Shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.move(false)
}

// SetJammed makes the bolt stay where it is, whatever the relay does, or ends that.
func (d *Door) SetJammed(jammed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.jammed = jammed
	d.settle()
}

// IsOpen says whether the door is open.
func (d *Door) IsOpen() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.leaf.open
}

// IsBolted says whether the bolt holds the door.
func (d *Door) IsBolted() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.bolted
}
