package board

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"meguri/edge/device"

	"github.com/stretchr/testify/require"
	"go.bug.st/serial"
)

// event is a struct input_event of a size, as the kernel writes it.
func event(size int, kind, code uint16, value int32) []byte {
	e := make([]byte, size)
	binary.NativeEndian.PutUint16(e[size-8:], kind)
	binary.NativeEndian.PutUint16(e[size-6:], code)
	binary.NativeEndian.PutUint32(e[size-4:], uint32(value))
	return e
}

// typing is the events of keys: 42 is pressed, held and let go, 1042 only pressed, -42 only let go.
func typing(size int, keys ...int) []byte {
	var b []byte
	for _, k := range keys {
		b = append(b, event(size, 4, 4, 0x70004)...) // MSC_SCAN comes before each key
		switch {
		case k < 0:
			b = append(b, event(size, evKey, uint16(-k), keyUp)...)
		case k >= 1000:
			b = append(b, event(size, evKey, uint16(k-1000), keyDown)...)
		default:
			b = append(b, event(size, evKey, uint16(k), keyDown)...)
			b = append(b, event(size, evKey, uint16(k), keyRepeat)...)
			b = append(b, event(size, evKey, uint16(k), keyUp)...)
		}
		b = append(b, event(size, 0, 0, 0)...) // SYN_REPORT
	}
	return b
}

const (
	shift = 1000 + keyLeftShift
	ctrl  = 1000 + keyRightCtrl
)

func TestKeysBecomeText(t *testing.T) {
	for name, c := range map[string]struct {
		keys []int
		want string
	}{
		"digits and enter":          {[]int{2, 3, 4, 11, 28}, "1230\n"},
		"keypad":                    {[]int{79, 80, 82, 55, 96}, "120*\n"},
		"shift":                     {[]int{30, shift, 30, 4, -keyLeftShift, 30}, "aA#a"},
		"a symbology identifier":    {[]int{27, shift, 46, -keyLeftShift, 2}, "]C1"},
		"Ctrl+] is GS":              {[]int{2, ctrl, 27, -keyRightCtrl, 3}, "1\x1d2"},
		"caps lock is letters only": {[]int{58, 30, 2, shift, 30, -keyLeftShift, 58, 30}, "A1aa"},
		"keys without text":         {[]int{59, 60, 125, 200, 767, 2}, "1"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{16, 24} { // 32 and 64 bits
				b := typing(size, c.keys...)
				for _, r := range []io.Reader{bytes.NewReader(b), iotest.OneByteReader(bytes.NewReader(b)), iotest.DataErrReader(bytes.NewReader(b))} {
					got, err := io.ReadAll(newKeyReader(r, size))
					require.NoError(t, err)
					require.Equal(t, c.want, string(got))
				}
			}
		})
	}
}

func TestLostEventsSpoilTheLine(t *testing.T) {
	b := append(typing(24, 2, shift), event(24, evSyn, synDropped, 0)...)
	b = append(b, typing(24, 3, 28)...)
	got, err := io.ReadAll(newKeyReader(bytes.NewReader(b), 24))
	require.NoError(t, err)
	require.Equal(t, "1\x182\n", string(got), "and shift is let go")
}

func TestAReadErrorComesAfterTheText(t *testing.T) {
	k := newKeyReader(iotest.TimeoutReader(iotest.HalfReader(bytes.NewReader(typing(24, 2)))), 24)
	var got []byte
	p := make([]byte, 1)
	for {
		n, err := k.Read(p)
		got = append(got, p[:n]...)
		if err != nil {
			require.ErrorIs(t, err, iotest.ErrTimeout)
			break
		}
	}
	require.LessOrEqual(t, len(got), 1)
}

func FuzzKeys(f *testing.F) {
	f.Add(typing(24, 2, shift, 30, -keyLeftShift, 28))
	f.Add(event(24, evSyn, synDropped, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, size := range []int{16, 24} {
			got, err := io.ReadAll(newKeyReader(bytes.NewReader(b), size))
			require.NoError(t, err)
			require.LessOrEqual(t, len(got), len(b)/size)
			for _, c := range got {
				require.True(t, c > 0 && c < 0x80)
			}
		}
	})
}

func TestSerialSettings(t *testing.T) {
	path, mode, err := parseSerial("/dev/ttyUSB0?baud=115200&bits=7&parity=even&stop=2")
	require.NoError(t, err)
	require.Equal(t, "/dev/ttyUSB0", path)
	require.Equal(t, &serial.Mode{BaudRate: 115200, DataBits: 7, Parity: serial.EvenParity, StopBits: serial.TwoStopBits}, mode)
	_, mode, err = parseSerial("/dev/ttyS0")
	require.NoError(t, err)
	require.Equal(t, &serial.Mode{BaudRate: 9600, DataBits: 8}, mode)
	for spec, want := range map[string]string{
		"ttyUSB0":                 "want a path below /dev",
		"/dev/x?baud=fast":        `baud "fast": want a number from 300 to 921600`,
		"/dev/x?baud=1&baud=2":    "baud is given 2 times",
		"/dev/x?bits=9":           `bits "9": want a number from 5 to 8`,
		"/dev/x?stop=3":           `stop "3": want a number from 1 to 2`,
		"/dev/x?parity=sometimes": `parity "sometimes": want none, odd or even`,
		"/dev/x?speed=9600":       `setting "speed" is unknown`,
		"/dev/x?%zz":              "invalid URL escape",
	} {
		_, _, err := parseSerial(spec)
		require.ErrorContains(t, err, want, spec)
	}
}

func TestWhatIsNotThereIsSaid(t *testing.T) {
	b, err := Open()
	require.NoError(t, err)
	for name, open := range map[string]func(string) error{
		"1-Wire bus": func(n string) error { _, err := b.OneWire(n); return err },
		"I2C bus":    func(n string) error { _, err := b.I2C(n); return err },
		"pin":        func(n string) error { _, err := b.Pin(n); return err },
	} {
		err := open("no-such-thing")
		require.ErrorContains(t, err, name+` "no-such-thing"`)
		require.ErrorContains(t, err, "there ")
	}
	for name, want := range map[string]string{
		"serial:/dev/no-such-thing": "open serial line",
		"evdev:/dev/no-such-thing":  "open input device",
		"evdev:" + plainFile(t):     "grab input device",
		"/dev/ttyUSB0":              "want serial:/dev/ttyUSB0?baud=9600 or evdev:/dev/input/event3",
	} {
		_, err := b.Stream(name)
		require.ErrorContains(t, err, want, name)
	}
	require.NoError(t, b.Close())
	require.NoError(t, b.Close())
	_, err = b.I2C("")
	require.ErrorIs(t, err, ErrClosed)
	_, err = b.Pin("GPIO17")
	require.ErrorIs(t, err, ErrClosed)
	_, err = b.Stream("serial:/dev/ttyUSB0")
	require.ErrorIs(t, err, ErrClosed)
}

func plainFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "event3")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("\x00", 24)), 0o600))
	return path
}

// Whatever a kit calls a stream, it is refused with a reason, or it names a path below /dev or a whole one.
func FuzzStreamNames(f *testing.F) {
	f.Add("serial:/dev/ttyUSB0?baud=9600&parity=even&stop=2&bits=7")
	f.Add("evdev:/dev/input/event3")
	f.Fuzz(func(t *testing.T, name string) {
		if CheckStream(name) != nil {
			return
		}
		kind, rest, _ := strings.Cut(name, ":")
		if kind == "evdev" {
			require.True(t, filepath.IsAbs(rest))
			return
		}
		path, mode, err := parseSerial(rest)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(path, "/dev/"))
		require.True(t, mode.BaudRate >= 300 && mode.DataBits >= 5 && mode.DataBits <= 8)
	})
}

// What a user may not open is said with the group that opens it; files of root's alone need other rules.
func TestWhoMayNotOpenADeviceIsToldTheGroup(t *testing.T) {
	require.Contains(t, joinGroup("/dev/i2c-1", "i2c"), "usermod -aG i2c ")
	require.Contains(t, joinGroup("/dev/i2c-1", "root"), "udev rules")
	for _, err := range []error{fs.ErrPermission, errors.New("sysfs-i2c: open /dev/i2c-1: Permission denied"), syscall.EPERM} {
		require.True(t, isDenied(err), err)
	}
	require.False(t, isDenied(fs.ErrNotExist))
	file := filepath.Join(t.TempDir(), "device")
	require.NoError(t, os.WriteFile(file, nil, 0))
	require.Empty(t, groupOf(file), "no group may")
	require.Contains(t, doAbout(file), "udev rules")
	link := filepath.Join(t.TempDir(), "by-id")
	require.NoError(t, errors.Join(os.Chmod(file, 0o660), os.Symlink(file, link)))
	require.Equal(t, joinGroup(file, groupOf(file)), doAbout(link))
	require.NoError(t, os.Chmod(file, 0))
	k := kind{name: "I2C bus", files: []string{file}, mode: mayReadWrite}
	denied := k.denied()
	if os.Getuid() == 0 {
		require.Empty(t, denied, "root may open all")
	} else {
		require.Len(t, denied, 1)
	}
	require.Len(t, matching([]string{file, file + "-none"}), 1)
}

// Of each kind the list says something: what there is, or what to do that there be.
func TestAListSaysSomethingOfEachKind(t *testing.T) {
	b, err := Open()
	require.NoError(t, err)
	defer func() { require.NoError(t, b.Close()) }()
	seen := map[string]bool{}
	for _, thing := range b.List() {
		seen[thing.What] = true
		require.True(t, len(thing.Names) > 0 || thing.Do != "", thing.What)
	}
	require.Len(t, seen, 5)
	_, err = b.I2C("/dev/i2c-99")
	var advised *device.Advised
	require.ErrorAs(t, err, &advised)
	require.NotContains(t, err.Error(), "Init()")
	_, err = b.Stream("serial:/dev/ttyUSB99")
	require.ErrorAs(t, err, &advised)
	require.NotEmpty(t, advised.Do)
}
