package board

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"meguri/edge/device"
)

// rtcFile is the board's battery clock.
const rtcFile = "/dev/rtc0"

// What RTC_VL_READ of <linux/rtc.h> asks, and the bits of its answer. PCF8523, PCF2127 and PCF2131 tell a low battery, ISL12022 an empty one,
// too; RV-3028 only that the time is invalid; the driver of the DS3231 knows nothing of it: its OSF shows as a clock without a time.
const (
	rtcVoltageLow = 0x80047013 // _IOR('p', 0x13, unsigned int)
	rtcBackupLow  = 1 << 1
	rtcEmpty      = 1 << 2
)

// ClockBattery says whether the battery of the board's clock will not last. Where the clock or its driver does not tell it is device.ErrNotTold.
func (b *Board) ClockBattery() (low bool, err error) { return clockBattery(rtcFile) }

func clockBattery(path string) (low bool, err error) {
	f, err := os.Open(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return false, &device.Advised{Err: fmt.Errorf("clock: %w", err), Do: "enable the clock's overlay, dtoverlay=i2c-rtc,pcf8523 for example, " +
			"in /boot/firmware/config.txt, then restart the board"}
	case errors.Is(err, os.ErrPermission):
		return false, &device.Advised{Err: fmt.Errorf("clock: %w", err), Do: "let the group gpio read it: SUBSYSTEM==\"rtc\", GROUP=\"gpio\", MODE=\"0640\" " +
			"in /etc/udev/rules.d/90-rtc.rules, then restart the board"}
	case err != nil:
		return false, fmt.Errorf("clock: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	var flags uint32
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), rtcVoltageLow, uintptr(unsafe.Pointer(&flags))); errno != 0 {
		if errors.Is(errno, syscall.ENOTTY) || errors.Is(errno, syscall.EINVAL) {
			return false, fmt.Errorf("clock %s: %w", path, device.ErrNotTold)
		}
		return false, fmt.Errorf("clock %s: %w", path, errno)
	}
	return lowBattery(flags), nil
}

func lowBattery(flags uint32) bool { return flags&(rtcBackupLow|rtcEmpty) != 0 }
