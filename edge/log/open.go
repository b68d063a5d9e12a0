package log

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"meguri/internal/durable"
	"meguri/protocol"
)

// Files beside that of the log.
const (
	newSuffix      = ".new"      // an empty log that is being made
	renewedSuffix  = ".renewed"  // a copy that takes the log's place when it is whole
	salvagedSuffix = ".salvaged" // what could be read of a broken file, until it takes its place
	suspectSuffix  = ".suspect"  // says that bbolt has panicked over the file
	brokenSuffix   = ".broken-"  // a broken file that was set aside, and its number
)

// Open opens the log in the file at path, or makes one, and counts a boot. A file that is open already is ErrInUse, in
// about a second; one that a newer program made is refused. Neither is touched.
//
// A broken file is set aside, never deleted, and what can be read of it goes on in a new one under a new incarnation: see
// Salvaged. An error then means that this was not possible for now, and the broken file is where it was.
func Open(path string, o Options) (*Log, error) {
	l, err := open(path, o)
	if err != nil {
		return nil, fmt.Errorf("edge log %s: %w", path, err)
	}
	return l, nil
}

func open(path string, o Options) (*Log, error) {
	r, err := newRoom(o)
	if err != nil {
		return nil, err
	}
	l := &Log{path: path, options: o, maxBytes: o.MaxBytes, room: r, appended: make(chan struct{}, 1), turn: make(chan struct{}, 1)}
	if l.maxBytes == 0 {
		l.maxBytes = defaultMaxBytes
	}
	if err := settle(path); err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := makeFile(path, l.maxBytes); err != nil {
			return nil, asFull(err)
		}
	}
	err = l.begin()
	if errors.Is(err, ErrDamaged) {
		if err = l.salvage(err); err == nil {
			err = l.begin()
		}
		if err == nil {
			if l.salvaged, err = l.readSalvaged(); err != nil {
				err = errors.Join(err, l.Close())
			}
		}
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

// begin opens the file and counts a boot.
func (l *Log) begin() error {
	if err := l.use(); err != nil {
		return err
	}
	if err := guard(l.boot); err != nil {
		return errors.Join(asFull(err), l.closeDatabase(err))
	}
	return l.takeBallast()
}

// use opens the file and loads what it says of itself, once it was found to be in order.
func (l *Log) use() error {
	f, err := lockFile(l.path)
	if err != nil {
		return err
	}
	v, err := verifyFile(f)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	db, err := openDatabase(f, l.maxBytes)
	if err != nil {
		return err
	}
	l.db = db
	l.life = v.life
	l.stateMu.Lock()
	l.position = v.position
	l.stateMu.Unlock()
	if len(v.mend) == 0 {
		return nil
	}
	err = guard(func() error { return l.rewrite(l.life, v.mend) })
	if err != nil {
		return errors.Join(asFull(err), l.closeDatabase(err))
	}
	return nil
}

// verifyFile is verify, and does not trust a file over which bbolt has panicked.
func verifyFile(f *os.File) (*verified, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() == 0 {
		return nil, fmt.Errorf("%w: the file is empty", ErrDamaged)
	}
	v, err := verify(f, info.Size())
	if err != nil {
		return nil, err
	}
	if why, err := os.ReadFile(f.Name() + suspectSuffix); err == nil {
		return nil, fmt.Errorf("%w: %.200q", ErrDamaged, why)
	}
	return v, nil
}

// suspect makes the next Open salvage the file. Without room for it the log is opened again as it is, and panics again.
func suspect(path string, why error) {
	_ = os.WriteFile(path+suspectSuffix, []byte(why.Error()), 0o600)
}

// boot counts a boot, and raises the file's format to this program's.
func (l *Log) boot() error {
	next := l.life
	next.Boot++
	return l.rewrite(next, nil)
}

// rewrite writes what the file says of itself, and entries that mend it.
func (l *Log) rewrite(next life, mend []mended) error {
	tx, err := l.db.Begin(true)
	if err != nil {
		return err
	}
	defer func() { _ = rollback(tx) }()
	p := l.committed()
	if next.Version < 2 {
		if _, err := tx.CreateBucketIfNotExists([]byte(bucketBallast)); err != nil {
			return err
		}
		if p.Digest, err = makeDirectory(tx); err != nil {
			return err
		}
	}
	next.Version = formatVersion
	p.Incarnation, p.Boot = next.Incarnation, next.Boot
	for _, m := range mend {
		if err := bucket(tx, m.bucket).Put(m.key, m.stored); err != nil {
			return err
		}
	}
	if err := errors.Join(putLife(tx, next), putPosition(tx, &p, [2]bool{})); err != nil {
		return err
	}
	if err := l.wrap(tx.Commit); err != nil {
		return err
	}
	l.life = next
	l.stateMu.Lock()
	l.position = p
	l.stateMu.Unlock()
	return nil
}

// makeFile makes an empty log at path in one step: a power cut leaves either no file or a whole one.
func makeFile(path string, maxBytes int64) error {
	b, err := newBuilder(path+newSuffix, maxBytes, life{Version: formatVersion, Incarnation: protocol.NewIncarnation()})
	if err != nil {
		return err
	}
	db, err := b.finish()
	if err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return err
	}
	return durable.Rename(path+newSuffix, path)
}

// settle finishes what a power cut stopped between setting a broken file aside and putting what was salvaged in its place.
func settle(path string) error {
	_, err := os.Stat(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if _, err := os.Stat(path + salvagedSuffix); err != nil {
		return nil
	}
	// The mark was of the broken file: left behind, it would have the sound one salvaged, too.
	if err := os.Remove(path + suspectSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return durable.Rename(path+salvagedSuffix, path)
}
