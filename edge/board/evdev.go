package board

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"syscall"
)

// Of <linux/input.h> and <linux/input-event-codes.h>.
const (
	eviocgrab = 0x40044590 // _IOW('E', 0x90, int): no other program, and not the console, gets the keys

	evSyn      = 0
	evKey      = 1
	synDropped = 3

	keyUp     = 0
	keyDown   = 1
	keyRepeat = 2
)

// eventSize is that of struct input_event: two longs of time, type, code, value.
const eventSize = 2*bits.UintSize/8 + 8

// evdev is an input device that types text.
type evdev struct {
	f    *os.File
	keys *keyReader
}

// openEvdev opens and grabs an input device.
func openEvdev(path string) (io.ReadWriteCloser, error) {
	f, err := os.Open(path) // with the runtime's poller, so that Close ends a read
	if err != nil {
		return nil, fmt.Errorf("open input device: %w; there are %s", err, existing("/dev/input/by-id/*", "/dev/input/event*"))
	}
	if err := grab(f); err != nil {
		return nil, errors.Join(fmt.Errorf("grab input device %s, which must be a keyboard and not in use by another: %w", path, err), f.Close())
	}
	return &evdev{f: f, keys: newKeyReader(f, eventSize)}, nil
}

func grab(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var errno syscall.Errno
	err = raw.Control(func(fd uintptr) {
		_, _, errno = syscall.Syscall(syscall.SYS_IOCTL, fd, eviocgrab, 1)
	})
	if err != nil {
		return err
	}
	if errno != 0 {
		return errno
	}
	return nil
}

func (e *evdev) Read(p []byte) (int, error) { return e.keys.Read(p) }

// Write fails: an input device shows nothing.
func (e *evdev) Write([]byte) (int, error) {
	return 0, fmt.Errorf("write to %s: an input device shows nothing", e.f.Name())
}

// Close gives the device back and ends a read.
func (e *evdev) Close() error { return e.f.Close() }

// keyReader turns input events into the text that the keys type.
type keyReader struct {
	r    io.Reader
	size int // of an event
	buf  []byte
	have int // bytes of buf that hold no whole event yet
	out  []byte

	shift, ctrl, caps bool
}

func newKeyReader(r io.Reader, size int) *keyReader {
	return &keyReader{r: r, size: size, buf: make([]byte, 64*size)}
}

// Read waits for keys that type something.
func (k *keyReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(k.out) == 0 {
		n, err := k.r.Read(k.buf[k.have:])
		k.have += n
		k.take()
		if err != nil && len(k.out) == 0 {
			return 0, err
		}
	}
	n := copy(p, k.out)
	k.out = k.out[n:]
	return n, nil
}

// take translates all whole events of the buffer; out is empty, so it grows by at most a byte an event.
func (k *keyReader) take() {
	at := 0
	for ; at+k.size <= k.have; at += k.size {
		e := k.buf[at+k.size-8 : at+k.size]
		kind, code, value := binary.NativeEndian.Uint16(e), binary.NativeEndian.Uint16(e[2:]), int32(binary.NativeEndian.Uint32(e[4:]))
		switch {
		case kind == evKey:
			k.key(code, value)
		case kind == evSyn && code == synDropped:
			k.lost()
		}
	}
	k.have = copy(k.buf, k.buf[at:k.have])
}

// lost is the kernel's word that it has thrown events away. CAN makes a reader drop its line and a keypad its code.
func (k *keyReader) lost() {
	k.shift, k.ctrl = false, false
	k.out = append(k.out, cancel)
}

const cancel = 0x18

// Codes of keys that type nothing by themselves.
const (
	keyLeftCtrl   = 29
	keyLeftShift  = 42
	keyRightShift = 54
	keyCapsLock   = 58
	keyRightCtrl  = 97
)

func (k *keyReader) key(code uint16, value int32) {
	down := value == keyDown || value == keyRepeat
	switch code {
	case keyLeftShift, keyRightShift:
		k.shift = down
		return
	case keyLeftCtrl, keyRightCtrl:
		k.ctrl = down
		return
	case keyCapsLock:
		if value == keyDown {
			k.caps = !k.caps
		}
		return
	}
	if value != keyDown || int(code) >= len(usKeys) { // a held key types once: readers do not hold, and people hold by mistake
		return
	}
	c := usKeys[code]
	letter := c[0] >= 'a' && c[0] <= 'z'
	b := c[0]
	if k.shift != (k.caps && letter) {
		b = c[1]
	}
	if k.ctrl && b >= '@' && b <= 0x7F {
		b &= 0x1F // Ctrl+] is GS, which is how wedges type a GS1 separator
	}
	if b != 0 {
		k.out = append(k.out, b)
	}
}

// usKeys is what the keys of a US keyboard type, plain and with shift. Readers must be set to that layout, which is how they
// leave the factory.
var usKeys = [...][2]byte{
	1: {0x1B, 0x1B},
	2: {'1', '!'}, 3: {'2', '@'}, 4: {'3', '#'}, 5: {'4', '$'}, 6: {'5', '%'}, 7: {'6', '^'}, 8: {'7', '&'}, 9: {'8', '*'},
	10: {'9', '('}, 11: {'0', ')'}, 12: {'-', '_'}, 13: {'=', '+'}, 14: {'\b', '\b'}, 15: {'\t', '\t'},
	16: {'q', 'Q'}, 17: {'w', 'W'}, 18: {'e', 'E'}, 19: {'r', 'R'}, 20: {'t', 'T'}, 21: {'y', 'Y'}, 22: {'u', 'U'}, 23: {'i', 'I'},
	24: {'o', 'O'}, 25: {'p', 'P'}, 26: {'[', '{'}, 27: {']', '}'}, 28: {'\n', '\n'},
	30: {'a', 'A'}, 31: {'s', 'S'}, 32: {'d', 'D'}, 33: {'f', 'F'}, 34: {'g', 'G'}, 35: {'h', 'H'}, 36: {'j', 'J'}, 37: {'k', 'K'},
	38: {'l', 'L'}, 39: {';', ':'}, 40: {'\'', '"'}, 41: {'`', '~'}, 43: {'\\', '|'},
	44: {'z', 'Z'}, 45: {'x', 'X'}, 46: {'c', 'C'}, 47: {'v', 'V'}, 48: {'b', 'B'}, 49: {'n', 'N'}, 50: {'m', 'M'},
	51: {',', '<'}, 52: {'.', '>'}, 53: {'/', '?'}, 55: {'*', '*'}, 57: {' ', ' '},
	71: {'7', '7'}, 72: {'8', '8'}, 73: {'9', '9'}, 74: {'-', '-'}, 75: {'4', '4'}, 76: {'5', '5'}, 77: {'6', '6'}, 78: {'+', '+'},
	79: {'1', '1'}, 80: {'2', '2'}, 81: {'3', '3'}, 82: {'0', '0'}, 83: {'.', '.'}, 96: {'\n', '\n'}, 98: {'/', '/'},
}
