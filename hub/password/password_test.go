package password

import (
	"context"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/people"
)

var cheap = Parameters{MemoryKiB: 32, Passes: 1, Lanes: 1}

const (
	eventually = 10 * time.Second
	poll       = time.Millisecond
)

func TestAPasswordIsItsOwnAndNoOther(t *testing.T) {
	h := New(cheap)
	hash, err := h.Hash(t.Context(), "correct horse battery")
	require.NoError(t, err)
	require.Regexp(t, `^\$argon2id\$v=19\$m=32,t=1,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`, hash)
	again, err := h.Hash(t.Context(), "correct horse battery")
	require.NoError(t, err)
	require.NotEqual(t, hash, again, "salted")
	for password, want := range map[string]bool{"correct horse battery": true, "correct horse batterz": false, "": false} {
		right, old, err := h.Verify(t.Context(), hash, password, true)
		require.NoError(t, err)
		require.Equal(t, want, right)
		require.False(t, old)
	}
	right, _, err := h.Verify(t.Context(), "", "correct horse battery", true)
	require.NoError(t, err)
	require.False(t, right, "nobody's")
}

func TestHashesAreArgon2idAsOthersMakeIt(t *testing.T) { // of the reference implementation's test.c: argon2id, v=19, t=2, m=2^8 and 2^16, p=1
	for _, c := range []struct {
		with Parameters
		key  string
	}{
		{Parameters{1 << 8, 2, 1}, "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe"},
		{Parameters{1 << 8, 2, 2}, "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037"},
	} {
		require.Equal(t, c.key, hex.EncodeToString(c.with.key("password", []byte("somesalt"))))
	}
}

func TestAHashOfOlderParametersIsRightAndOld(t *testing.T) {
	hash, err := New(cheap).Hash(t.Context(), "correct horse battery")
	require.NoError(t, err)
	right, old, err := New(Parameters{64, 2, 1}).Verify(t.Context(), hash, "correct horse battery", true)
	require.NoError(t, err)
	require.True(t, right)
	require.True(t, old)
}

func TestTheSameWordFromTwoKeyboardsIsOne(t *testing.T) {
	h := New(cheap)
	require.Equal(t, h.Normal("ガイド café"), h.Normal("カ\u3099イト\u3099 cafe\u0301"))
}

func TestWhatIsNoHashIsRefusedAndCostsNothing(t *testing.T) {
	good, err := New(cheap).Hash(t.Context(), "x")
	require.NoError(t, err)
	for _, bad := range []string{"x", "$argon2i$v=19$m=32,t=1,p=1$c29tZXNhbHQ$" + strings.Repeat("A", 43), strings.Replace(good, "v=19", "v=16", 1),
		strings.Replace(good, "m=32", "m=4294967295", 1), strings.Replace(good, "m=32", "m=0", 1), strings.Replace(good, "t=1", "t=4000000000", 1),
		strings.Replace(good, "p=1", "p=0", 1), strings.Replace(good, "m=32", "m=x", 1), good[:len(good)-2], good + "$"} {
		_, _, err := New(cheap).Verify(t.Context(), bad, "x", true)
		require.ErrorContains(t, err, "password hash", bad)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("$argon2id$v=19$m=32,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$" + strings.Repeat("A", 43))
	f.Add("$argon2id$v=19$m=-1,t=1,p=1$$")
	f.Fuzz(func(t *testing.T, text string) {
		p, salt, key, err := parse(text)
		if err != nil {
			return
		}
		require.LessOrEqual(t, p.MemoryKiB, uint32(maxMemoryKiB))
		again, _, _, err := parse(p.text(salt, key))
		require.NoError(t, err)
		require.Equal(t, p, again)
	})
}

func TestAFloodOfStrangersWaitsInBoundsAndKeepsNobodyKnownWaiting(t *testing.T) {
	h := New(cheap)
	hash, err := h.Hash(t.Context(), "correct horse battery")
	require.NoError(t, err)
	for range strangers { // all places of strangers are taken for good
		h.unknown.queue <- struct{}{}
		h.unknown.first <- struct{}{}
		h.working <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range waiting {
		wg.Go(func() {
			_, _, err := h.Verify(ctx, hash, "x", false)
			require.ErrorIs(t, err, context.Canceled)
		})
	}
	require.Eventually(t, func() bool { return len(h.unknown.queue) == cap(h.unknown.queue) }, eventually, poll)
	_, _, err = h.Verify(t.Context(), hash, "x", false)
	require.ErrorIs(t, err, people.ErrBusy)
	right, _, err := h.Verify(t.Context(), hash, "correct horse battery", true)
	require.NoError(t, err)
	require.True(t, right, "who is known is hashed meanwhile")
	cancel()
	wg.Wait()
	require.Len(t, h.unknown.queue, strangers, "who gave up has left")
	require.Len(t, h.working, strangers)
}

func TestEvenTheKnownWaitInBounds(t *testing.T) {
	h := New(cheap)
	for range cap(h.known.queue) {
		h.known.queue <- struct{}{}
	}
	_, err := h.Hash(t.Context(), "x")
	require.ErrorIs(t, err, people.ErrBusy)
}

func TestTheKeyIsMadeOnceAndNeverAnewOverWhatIsSealed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	first, err := Vault("", dir, false)
	require.NoError(t, err)
	sealed := first.Seal([]byte("secret"), "p")
	info, err := os.Stat(filepath.Join(dir, KeyFile))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	again, err := Vault("", dir, true)
	require.NoError(t, err)
	_, err = again.Open(sealed, "p")
	require.NoError(t, err)

	require.NoError(t, os.Remove(filepath.Join(dir, KeyFile)))
	_, err = Vault("", dir, true)
	require.ErrorContains(t, err, "put it back")
	_, err = os.Stat(filepath.Join(dir, KeyFile))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(filepath.Join(dir, KeyFile), []byte("c2hvcnQ="), 0o600))
	_, err = Vault("", dir, true)
	require.ErrorContains(t, err, "want base64 of 32 random bytes")
	_, err = Vault("hunter2hunter2", dir, true)
	require.ErrorContains(t, err, "want base64 of 32 random bytes")
	require.NotContains(t, err.Error(), "hunter2")
}

func TestOfHubsThatStartAtOnceAllHaveOneKey(t *testing.T) {
	dir := t.TempDir()
	vaults := make([]*people.Vault, 8)
	var wg sync.WaitGroup
	for i := range vaults {
		wg.Go(func() {
			var err error
			vaults[i], err = Vault("", dir, false)
			require.NoError(t, err)
		})
	}
	wg.Wait()
	for _, v := range vaults {
		_, err := v.Open(vaults[0].Seal([]byte("x"), "p"), "p")
		require.NoError(t, err)
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1)
}
