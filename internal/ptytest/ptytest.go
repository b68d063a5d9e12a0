// Package ptytest gives tests a serial line whose far end they hold: a pseudo terminal, opened by its path as a real line is.
package ptytest

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

// Open returns the far end of a new line and the path of the near one. Closing the far end hangs the line up.
func Open() (far *os.File, path string, err error) {
	far, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, "", err
	}
	var unlock, number int32
	err = errors.Join(
		control(far, syscall.TIOCSPTLCK, uintptr(unsafe.Pointer(&unlock))),
		control(far, syscall.TIOCGPTN, uintptr(unsafe.Pointer(&number))))
	if err != nil {
		return nil, "", errors.Join(err, far.Close())
	}
	return far, fmt.Sprintf("/dev/pts/%d", number), nil
}

// Flush drops what has been written at either end and not been read at the other.
func Flush(far *os.File) error {
	const (
		tcflsh    = 0x540b // asm-generic/ioctls.h; package syscall has no name for it
		tcioflush = 2      // both ways
	)
	return control(far, tcflsh, tcioflush)
}

// Raw says whether who opened the near end has turned off echo and line editing, as the reader of a serial scanner does.
func Raw(far *os.File) bool {
	var t syscall.Termios
	err := control(far, syscall.TCGETS, uintptr(unsafe.Pointer(&t)))
	return err == nil && t.Lflag&(syscall.ECHO|syscall.ICANON) == 0
}

func control(f *os.File, request, argument uintptr) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed syscall.Errno
	err = raw.Control(func(fd uintptr) {
		_, _, failed = syscall.Syscall(syscall.SYS_IOCTL, fd, request, argument)
	})
	if err == nil && failed != 0 {
		err = failed
	}
	return err
}
