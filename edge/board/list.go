package board

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"meguri/edge/device"

	"periph.io/x/conn/v3/gpio/gpioreg"
	"periph.io/x/conn/v3/i2c/i2creg"
	"periph.io/x/conn/v3/onewire/onewirereg"
)

// kind is what Linux calls the buses, pins and lines of a kind, and how they come to be there.
type kind struct {
	name   string
	driver string   // in the names of periph's drivers
	files  []string // patterns of device files that the user must be able to open
	mode   uint32   // how: of access(2)
	enable string   // what to do when there is none at all
}

const (
	mayRead      = 4
	mayReadWrite = 6
)

var (
	oneWires = kind{name: "1-Wire bus", driver: "w1-netlink",
		enable: "enable the overlay: dtoverlay=w1-gpio in /boot/firmware/config.txt (its pin is GPIO4), then restart the board"}
	i2cs = kind{name: "I2C bus", driver: "i2c", files: []string{"/dev/i2c-*"}, mode: mayReadWrite,
		enable: "enable the bus: dtparam=i2c_arm=on in /boot/firmware/config.txt and i2c-dev in /etc/modules, then restart the board"}
	pins = kind{name: "pin", driver: "gpio", files: []string{"/dev/gpiochip*"}, mode: mayReadWrite,
		enable: "this machine shows no pins: is it the right board, and does its kernel have a driver for them (ls /dev/gpiochip*)?"}
	serials = kind{name: "serial line", mode: mayReadWrite, files: []string{"/dev/ttyUSB*", "/dev/ttyACM*", "/dev/ttyAMA*", "/dev/ttyS[0-9]"},
		enable: "plug the device in and look what name it gets: ls -l /dev/serial/by-id; of the board's own line, enable_uart=1 in /boot/firmware/config.txt"}
	inputs = kind{name: "input device", files: []string{"/dev/input/event*"}, mode: mayRead,
		enable: "plug the reader in and look what name it gets: ls -l /dev/input/by-id"}
)

// Thing is what there is of a kind on this machine.
type Thing struct {
	What  string   // "I2C bus"
	Names []string // by which a kit may call it
	Wrong string   // why it cannot be used
	Do    string   // what to do about it
}

// List is all that is there: a Thing for each kind, and one for each device file that this user may not open.
func (b *Board) List() (all []Thing) {
	have := map[string][]string{}
	for _, r := range onewirereg.All() {
		have[oneWires.name] = append(have[oneWires.name], r.Name)
	}
	for _, r := range i2creg.All() {
		have[i2cs.name] = append(have[i2cs.name], r.Name)
	}
	for _, p := range gpioreg.All() {
		have[pins.name] = append(have[pins.name], p.Name())
	}
	for _, path := range matching(serials.files) {
		have[serials.name] = append(have[serials.name], "serial:"+path)
	}
	for _, path := range matching(append([]string{"/dev/input/by-id/*"}, inputs.files...)) {
		have[inputs.name] = append(have[inputs.name], "evdev:"+path)
	}
	for _, k := range []kind{oneWires, i2cs, pins, serials, inputs} {
		names := slices.Clone(have[k.name])
		denied := k.denied()
		if len(names) == 0 && len(denied) == 0 {
			all = append(all, Thing{What: k.name, Do: k.enable})
			continue
		}
		if len(names) > 0 {
			all = append(all, Thing{What: k.name, Names: names})
		}
		all = append(all, denied...)
	}
	return all
}

// denied are the device files of a kind that are there and that this user may not open.
func (k kind) denied() (all []Thing) {
	for _, path := range matching(k.files) {
		if err := syscall.Access(path, k.mode); errors.Is(err, fs.ErrPermission) {
			all = append(all, Thing{What: k.name, Names: []string{path}, Wrong: path + ": this user may not open it", Do: joinGroup(path, groupOf(path))})
		}
	}
	return all
}

// doAbout is what to do about a path that this user may not open. A name by-id is a link.
func doAbout(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return joinGroup(path, groupOf(path))
}

func joinGroup(path, group string) string {
	if group == "root" || group == "" {
		return path + " is root's alone: the udev rules that give it to a group are missing (on Raspberry Pi OS they come with raspberrypi-sys-mods)"
	}
	return fmt.Sprintf("join its group: sudo usermod -aG %s %s, and log in again; for a systemd unit SupplementaryGroups=%s", group, me(), group)
}

func me() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "USER"
}

// groupOf names the group that may read and write a file, or "" when none may.
func groupOf(path string) string {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o040 == 0 {
		return ""
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	id := strconv.FormatUint(uint64(stat.Gid), 10)
	if g, err := user.LookupGroupId(id); err == nil {
		return g.Name
	}
	return id
}

func matching(patterns []string) (all []string) {
	for _, p := range patterns {
		m, _ := filepath.Glob(p) // the only error is a bad pattern
		all = append(all, m...)
	}
	return all
}

// isDenied says whether the kernel refused. periph and the serial library keep of its error the text only.
func isDenied(err error) bool {
	text := strings.ToLower(err.Error())
	return errors.Is(err, fs.ErrPermission) || strings.Contains(text, "permission denied") || strings.Contains(text, "operation not permitted")
}

// explainStream adds to an error at opening a path what to do about it.
func explainStream(scheme, path string, err error) error {
	k := serials
	if scheme == "evdev" {
		k = inputs
	}
	do := k.enable
	switch {
	case isDenied(err):
		do = doAbout(path)
	case strings.Contains(err.Error(), "busy"):
		do = "" // whoever knows what else runs on the board says it
	}
	return &device.Advised{Err: err, Do: do}
}
