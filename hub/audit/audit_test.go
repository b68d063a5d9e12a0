package audit_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"

	"meguri/hub/audit"
)

var at = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)

// trail is so many entries in each of two chains, with a head over all.
func trail(n uint64) (entries []audit.Entry, head audit.Head) {
	head = audit.Head{Number: 1, At: at}
	for _, chain := range []string{"c-A", "c-B"} {
		var hash audit.Hash
		for i := uint64(1); i <= n; i++ {
			e := audit.Entry{Chain: chain, Number: i, ID: chain + string(rune('a'+i)), At: at, Person: "p-1", Act: "order.cancel", Subject: "o-1", Before: "x", After: "y"}
			e.Hash = e.Digest(hash)
			hash = e.Hash
			entries = append(entries, e)
		}
		head.Tips = append(head.Tips, audit.Tip{Chain: chain, Number: n, Hash: hash})
	}
	head.Hash = head.Digest(audit.Hash{})
	return entries, head
}

func verify(head audit.Head, entries []audit.Entry) error {
	v := &audit.Verifier{}
	if err := v.Head(head); err != nil {
		return err
	}
	for _, e := range entries {
		if err := v.Entry(e); err != nil {
			return err
		}
	}
	_, err := v.End()
	return err
}

func TestWhateverIsDoneToATrailIsFoundAndNamed(t *testing.T) {
	for name, c := range map[string]struct {
		do   func([]audit.Entry) []audit.Entry
		want string
	}{
		"changed":      {func(e []audit.Entry) []audit.Entry { e[2].Subject = "o-2"; return e }, "entry 3 of chain c-A (c-Ad, order.cancel of o-2 by p-1) was changed"},
		"before moved": {func(e []audit.Entry) []audit.Entry { e[2].Before, e[2].After = "xy", ""; return e }, "entry 3 of chain c-A"},
		"removed":      {func(e []audit.Entry) []audit.Entry { return slices.Delete(e, 1, 2) }, "entry 2 of chain c-A is missing"},
		"first of all": {func(e []audit.Entry) []audit.Entry { return e[1:] }, "entry 1 of chain c-A is missing"},
		"inserted":     {func(e []audit.Entry) []audit.Entry { return slices.Insert(e, 2, e[1]) }, "entry 2 of chain c-A comes after entry 2"},
		"reordered":    {func(e []audit.Entry) []audit.Entry { e[1], e[2] = e[2], e[1]; return e }, "entry 2 of chain c-A is missing"},
		"chains":       {func(e []audit.Entry) []audit.Entry { return append(e[4:], e[:4]...) }, "chain c-A comes after chain c-B"},
		"tail":         {func(e []audit.Entry) []audit.Entry { return slices.Delete(e, 3, 4) }, "entry 4 of chain c-A is missing, and all behind it"},
		"last tail":    {func(e []audit.Entry) []audit.Entry { return e[:7] }, "entry 4 of chain c-B is missing, and all behind it"},
		"whole chain":  {func(e []audit.Entry) []audit.Entry { return e[:4] }, "entry 1 of chain c-B is missing, and the whole chain"},
		"added old":    {func(e []audit.Entry) []audit.Entry { return append(e, audit.Entry{ID: "a-old"}) }, "1 acts are older than the trail, and 0"},
		"made anew": {func(e []audit.Entry) []audit.Entry {
			e[1].Person = "p-2"
			hash := e[0].Hash
			for i := 1; i < 4; i++ {
				e[i].Hash = e[i].Digest(hash)
				hash = e[i].Hash
			}
			return e
		}, "entry 4 of chain c-A is not what head 1 has signed"},
	} {
		t.Run(name, func(t *testing.T) {
			entries, head := trail(4)
			require.NoError(t, verify(head, entries))
			err := verify(head, c.do(entries))
			require.ErrorIs(t, err, audit.ErrBroken)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestHeadsAreChainedAndSigned(t *testing.T) {
	_, one := trail(2)
	two := audit.Head{Number: 2, At: at}
	two.Hash = two.Digest(one.Hash)
	v := &audit.Verifier{}
	require.ErrorContains(t, v.Head(two), "head 2 comes after head 0", "the first is missing")
	require.NoError(t, v.Head(one))
	changed := two
	changed.At = at.Add(time.Second)
	require.ErrorContains(t, v.Head(changed), "head 2 was changed")
	refused := errors.New("a stranger")
	v.Signature = func(audit.Head) error { return refused }
	require.ErrorIs(t, v.Head(two), refused)
	require.ErrorIs(t, v.Head(two), audit.ErrBroken)
}

// The bytes are those of a CBOR library's deterministic encoding, so that anybody can check an export.
func TestTheBytesAreDeterministicCBOR(t *testing.T) {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	require.NoError(t, err)
	for _, number := range []uint64{1, 23, 24, 255, 256, 65535, 65536, 1 << 32, 1<<64 - 1} {
		e := audit.Entry{Chain: "c-A", Number: number, ID: "a-1", At: at, Person: "p-1", Act: "order.cancel", Subject: "o-1",
			Detail: string(make([]byte, number%300)), Before: "x", After: "注文", Signed: "totp"}
		previous := audit.Hash{1, 2}
		b, err := mode.Marshal([]any{"meguri-audit-1", e.Chain, e.Number, e.ID, uint64(e.At.UnixMilli()), e.Person, e.Act, e.Subject, e.Detail,
			e.Before, e.After, e.Signed, previous[:]})
		require.NoError(t, err)
		sum := sha256.Sum256(b)
		require.Equal(t, hex.EncodeToString(sum[:]), e.Digest(previous).String(), "number %d", number)
	}
	_, h := trail(1)
	b, err := mode.Marshal([]any{"meguri-audit-head-1", h.Number, uint64(h.At.UnixMilli()), h.Older,
		[]any{[]any{"c-A", 1, h.Tips[0].Hash[:]}, []any{"c-B", 1, h.Tips[1].Hash[:]}}, make([]byte, 32)})
	require.NoError(t, err)
	sum := sha256.Sum256(b)
	require.Equal(t, hex.EncodeToString(sum[:]), h.Hash.String())
}
