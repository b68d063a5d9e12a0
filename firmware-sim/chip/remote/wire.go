// Package remote lends a chip.Hardware to an agent in another process over a Unix socket, so that the agent can be killed
// while chips and world live on. One connection is one session: when it ends, however it ends, its board is closed, and what
// it held is free.
//
// The wire is a stream of gob requests and one of gob replies, joined by a number. A call that waits, for an edge or for
// bytes, waits in the server in a goroutine of its own and returns when the board closes. The peer is one of our own
// processes; the socket must stand where nobody else can open it.
package remote

import (
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/onewire"
)

const (
	bytesMost = 4096 // that one call moves
	callsMost = 256  // of one client that are under way
)

var (
	errClosed  = errors.New("connection to the lent hardware is closed")
	errTooMany = fmt.Errorf("more than %d calls are under way", callsMost)
)

// op is what a client may ask for.
type op uint8

const (
	openOneWire op = iota + 1
	openI2C
	openPin
	openStream
	oneWireTx
	oneWireSearch
	i2cTx
	pinIn
	pinRead
	pinWait
	pinHalt
	pinOut
	streamRead
	streamWrite
	streamClose
)

// request has the fields of all calls. gob carries exported fields only, and no zeros.
type request struct {
	ID      uint64
	Op      op
	Name    string
	Addr    uint16        // i2cTx
	W       []byte        // to be written
	Read    int           // bytes to be read
	Flag    bool          // strong pull-up, alarms only, high
	Pull    gpio.Pull     // pinIn
	Edge    gpio.Edge     // pinIn
	Timeout time.Duration // pinWait
}

// class is what kind of error a 1-Wire bus gave, for its callers ask for that.
type class uint8

const (
	noDevices class = iota + 1
	shorted
)

func classOf(err error) class {
	var none onewire.NoDevicesError
	var short onewire.ShortedBusError
	switch {
	case errors.As(err, &none) && none.NoDevices():
		return noDevices
	case errors.As(err, &short) && short.IsShorted():
		return shorted
	}
	return 0
}

// busError is an error of the other side with its class.
type busError struct {
	text string
	class
}

func (e *busError) Error() string   { return e.text }
func (e *busError) NoDevices() bool { return e.class == noDevices }
func (e *busError) IsShorted() bool { return e.class == shorted }
func (e *busError) BusError() bool  { return true }

type reply struct {
	ID    uint64
	Err   string
	Class class
	R     []byte
	Found []onewire.Address
	Level bool
	Edge  bool
}
