package token_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/dispatch"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/hub/token"
	"meguri/protocol"
)

var noon = time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)

// hubs are hubs on one database, each with a directory of its own.
type hubs struct {
	t *testing.T
	s *store.Store
}

func newHubs(t *testing.T) *hubs { return &hubs{t, storetest.Open(t, storetest.SQLite(t))} }

func (h *hubs) open(dir string, now time.Time) *token.Signer {
	h.t.Helper()
	signer, err := token.Open(h.t.Context(), h.s, dir, now)
	require.NoError(h.t, err)
	return signer
}

func (h *hubs) sign(signer *token.Signer, now time.Time) string {
	return h.signIssued(signer, now, now)
}

// signIssued signs a token of a grant that was issued before.
func (h *hubs) signIssued(signer *token.Signer, issued, now time.Time) (text string) {
	h.t.Helper()
	require.NoError(h.t, h.s.Read(h.t.Context(), func(tx *store.Tx) (err error) {
		text, err = signer.Sign(h.t.Context(), tx, protocol.Token{Lock: "f", Issued: issued.UnixMilli(), Grant: protocol.Grant{ID: "g", Until: 1000}}, now)
		return err
	}))
	return text
}

func (h *hubs) rotate(signer *token.Signer, now time.Time) store.TokenKey {
	h.t.Helper()
	key, err := signer.Rotate(h.t.Context(), h.s, "test", now)
	require.NoError(h.t, err)
	return key
}

// keys are those that a plan made at a time carries.
func (h *hubs) keys(now time.Time) (all [][]byte) {
	h.t.Helper()
	require.NoError(h.t, h.s.Read(h.t.Context(), func(tx *store.Tx) error {
		found, err := tx.TokenKeys(h.t.Context(), now)
		for _, k := range found {
			all = append(all, k.Public)
		}
		return err
	}))
	return all
}

func (h *hubs) requireTaken(text string, keys [][]byte) {
	h.t.Helper()
	_, err := protocol.OpenToken(text, keys)
	require.NoError(h.t, err)
}

func TestAHubGoesOnSigningWithItsKeyAfterARestart(t *testing.T) {
	h, dir := newHubs(t), filepath.Join(t.TempDir(), "pki")
	h.open(dir, noon)
	planned := h.keys(noon)
	require.Len(t, planned, 1)
	h.requireTaken(h.sign(h.open(dir, noon.Add(time.Hour)), noon.Add(time.Hour)), planned)
	files, err := filepath.Glob(filepath.Join(dir, "token-*.key"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	info, err := os.Stat(files[0])
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "only for the hub")
}

func TestAHubWithoutTheFilesOfTheOthersMakesAKeyOfItsOwn(t *testing.T) {
	h := newHubs(t)
	first := h.open(t.TempDir(), noon)
	second := h.open(t.TempDir(), noon)
	planned := h.keys(noon)
	require.Len(t, planned, 2)
	h.requireTaken(h.sign(first, noon), planned)
	h.requireTaken(h.sign(second, noon), planned)
}

// While keys rotate a token is taken by a lock that has the newest plan, and by one whose plan is as old as it may be.
func TestKeysRotateWithoutAMomentInWhichATokenFails(t *testing.T) {
	h := newHubs(t)
	signer := h.open(t.TempDir(), noon)
	const day = 24 * time.Hour
	h.rotate(signer, noon.Add(day))
	h.rotate(signer, noon.Add(33*day)) // once more, soon after
	used := map[string]bool{}
	for now := noon; now.Before(noon.Add(75 * day)); now = now.Add(11 * time.Hour) {
		text := h.sign(signer, now)
		h.requireTaken(text, h.keys(now))
		used[text[:60]] = true
		if now.After(noon.Add(token.Lead)) {
			h.requireTaken(text, h.keys(now.Add(-token.Lead)))
		}
		h.requireTaken(text, h.keys(now.Add(7*24*time.Hour))) // as long as its grant may be valid
	}
	require.GreaterOrEqual(t, len(used), 3, "each key has signed")
	require.Len(t, h.keys(noon.Add(100*day)), 1, "former ones end")
}

// A station that lost its hub just before the keys were rotated; days later an engineer gets a pass, signed this minute.
func TestAStationThatIsOfflineOverARotationTakesAFreshToken(t *testing.T) {
	h := newHubs(t)
	signer := h.open(t.TempDir(), noon)
	planned := h.keys(noon)
	h.rotate(signer, noon.Add(time.Minute))
	for _, away := range []time.Duration{30 * time.Hour, 72 * time.Hour, dispatch.MostPlanAge} {
		h.requireTaken(h.sign(signer, noon.Add(away)), planned)
	}
}

// A pass for somebody who comes in months is signed today; the keys are rotated tomorrow.
func TestAPassForLaterOutlivesARotation(t *testing.T) {
	h := newHubs(t)
	storetest.Import(t, h.s, storetest.Network(t))
	signer := h.open(t.TempDir(), noon)
	p := dispatch.Pass{ID: "later", PlaceID: "loc-1", Holder: dispatch.Engineer, Name: "Sato", Reason: "yearly service", Uses: 3,
		From: noon.Add(90 * 24 * time.Hour), Until: noon.Add(91 * 24 * time.Hour), IssuedAt: noon}
	require.NoError(t, h.s.Change(t.Context(), func(tx *store.Tx) error { return tx.AddPass(t.Context(), p) }))
	text := h.sign(signer, noon)
	h.rotate(signer, noon.Add(24*time.Hour))
	h.requireTaken(text, h.keys(p.Until.Add(-time.Minute)))
	require.Len(t, h.keys(p.Until), 1, "not for ever")
	require.NoError(t, h.s.Change(t.Context(), func(tx *store.Tx) error {
		_, err := tx.RevokePass(t.Context(), p.ID, noon.Add(48*time.Hour))
		return err
	}))
	require.Len(t, h.keys(p.Until.Add(-time.Minute)), 1, "nobody needs it")
}

// The key that takes over is stored with the end of the former ones, or not at all.
func TestARotationThatFailsLeavesEverythingAsItWas(t *testing.T) {
	url := storetest.SQLite(t)
	h := &hubs{t, storetest.Open(t, url)}
	signer := h.open(t.TempDir(), noon)
	storetest.Break(t, url, `CREATE TRIGGER never BEFORE UPDATE ON token_keys BEGIN SELECT RAISE(ABORT, 'disk full'); END`)
	_, err := signer.Rotate(t.Context(), h.s, "test", noon.Add(time.Hour))
	require.ErrorContains(t, err, "disk full")
	require.Len(t, h.keys(noon.Add(time.Hour)), 1)
}

// A station may go offline with tomorrow's grants just before the keys rotate: it has the key that signed when they were issued.
func TestAGrantIsSignedWithAKeyThatEveryLockThatKnowsItHas(t *testing.T) {
	h := newHubs(t)
	signer := h.open(t.TempDir(), noon)
	planned := h.keys(noon.Add(time.Hour))
	h.rotate(signer, noon.Add(2*time.Hour))
	for days := range 40 {
		h.requireTaken(h.signIssued(signer, noon.Add(time.Hour), noon.Add(time.Duration(days)*24*time.Hour)), planned)
	}
}

// A backup may be older than a key: what it has signed is on telephones.
func TestAKeyOfTheDirectoryThatTheDatabaseHasLostIsTakenAgain(t *testing.T) {
	dir := t.TempDir()
	before := newHubs(t)
	text := before.sign(before.open(dir, noon), noon)
	restored := newHubs(t)
	signer := restored.open(dir, noon.Add(time.Hour))
	restored.requireTaken(text, restored.keys(noon.Add(time.Hour)))
	for hours := range 48 {
		now := noon.Add(time.Duration(1+hours) * time.Hour)
		restored.requireTaken(restored.sign(signer, now), restored.keys(now))
	}
	require.Len(t, restored.keys(noon.Add(time.Hour)), 2)
	restored.open(dir, noon.Add(2*time.Hour))
	require.Len(t, restored.keys(noon.Add(2*time.Hour)), 2, "once")
}

func TestOneHubsRotationIsNoOthers(t *testing.T) {
	h := newHubs(t)
	first, second := h.open(t.TempDir(), noon), h.open(t.TempDir(), noon)
	h.rotate(first, noon)
	later := noon.Add(50 * 24 * time.Hour)
	require.Len(t, h.keys(later), 2)
	h.requireTaken(h.sign(second, later), h.keys(later))
	h.requireTaken(h.sign(first, later), h.keys(later))
}

func TestACommandInAnotherDirectoryMakesNoKey(t *testing.T) {
	h := newHubs(t)
	h.open(t.TempDir(), noon)
	elsewhere := token.In(t.TempDir())
	_, err := elsewhere.Rotate(t.Context(), h.s, "test", noon)
	require.ErrorIs(t, err, token.ErrNoKey)
	require.ErrorIs(t, h.s.Read(t.Context(), func(tx *store.Tx) error {
		_, err := elsewhere.Sign(t.Context(), tx, protocol.Token{}, noon)
		return err
	}), token.ErrNoKey)
	require.Len(t, h.keys(noon), 1)
}

func TestAHubWhoseFileIsDamagedMakesANewKey(t *testing.T) {
	h, dir := newHubs(t), t.TempDir()
	h.open(dir, noon)
	files, err := filepath.Glob(filepath.Join(dir, "token-*.key"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(files[0], []byte("nothing"), 0o600))
	h.requireTaken(h.sign(h.open(dir, noon), noon), h.keys(noon))
	require.Len(t, h.keys(noon), 2)
}
