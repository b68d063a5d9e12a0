package log

import (
	"errors"

	bolterrors "go.etcd.io/bbolt/errors"
)

// sound checks the page that a key is on, or all pages for an empty one: that each entry lies within its page, in order. bbolt
// does not: it would carry a flipped bit in an entry's length on into new pages. Whoever calls it commits, so that nobody else
// does meanwhile. What it finds makes the next Open salvage the file.
func (l *Log) sound(name string, key []byte) error {
	err := l.checkPages(name, key)
	if errors.Is(err, ErrDamaged) {
		err = l.fail(&panicError{value: err})
	}
	return err
}

func (l *Log) checkPages(name string, key []byte) error {
	info, err := l.db.file.Stat()
	if err != nil {
		return err
	}
	f := &file{ReaderAt: l.db.file, size: info.Size()}
	newest, _, err := f.metas()
	if err != nil {
		return err
	}
	t, err := f.openTree(*newest, false)
	if err != nil {
		return err
	}
	if len(key) > 0 {
		_, err := t.get(name, key)
		return err
	}
	for name := range t.buckets {
		if err := t.entries(name, func(element) error { return nil }); err != nil {
			return err
		}
	}
	return nil
}

// asDamaged tells a file that is broken from one that is full: there is always more room for bbolt's pages than what is counted
// takes.
func (l *Log) asDamaged(err error) error {
	if !errors.Is(err, bolterrors.ErrMaxSizeReached) {
		return err
	}
	if broken := l.sound("", nil); broken != nil {
		return broken
	}
	return err
}
