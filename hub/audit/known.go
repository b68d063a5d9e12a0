package audit

import (
	"fmt"
	"strconv"
	"strings"
)

// Known is a head that was seen before and is kept apart from the trail: with it the newest heads cannot be cut off together with their
// entries, nor a trail be made anew.
type Known struct {
	Number uint64
	Hash   Hash
}

// String is "7:" and the hash, as ParseKnown reads it.
func (k Known) String() string { return fmt.Sprintf("%d:%s", k.Number, k.Hash) }

// ParseKnown reads NUMBER:HASH, as the hub's log and hub audit verify tell a head.
func ParseKnown(text string) (k Known, err error) {
	number, hash, ok := strings.Cut(strings.TrimSpace(text), ":")
	if k.Number, err = strconv.ParseUint(number, 10, 64); err == nil {
		err = k.Hash.UnmarshalText([]byte(hash))
	}
	if !ok || err != nil || k.Number == 0 {
		return Known{}, fmt.Errorf("head %.100q: want NUMBER:HASH, with 64 hexadecimal digits", text)
	}
	return k, nil
}

// known says whether the heads that were seen before are among those of the trail.
func (v *Verifier) known() error {
	for _, k := range v.Known {
		switch {
		case k.Number > uint64(len(v.heads)):
			return fmt.Errorf("%w: head %d, which was seen before, is missing; the newest is %d: the tail was cut off, or this is an older backup", ErrBroken,
				k.Number, len(v.heads))
		case v.heads[k.Number-1].Hash != k.Hash:
			return fmt.Errorf("%w: head %d is not the one that was seen before: the trail was made anew", ErrBroken, k.Number)
		}
	}
	return nil
}
