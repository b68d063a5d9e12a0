package bearer_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"meguri/hub/bearer"
	"meguri/hub/bearer/bearertest"
	"meguri/hub/people"
)

// at is a checker that keeps its copies in a directory, as a hub does that starts anew there.
func at(t *testing.T, dir string, i *bearertest.Issuer) (*bearer.Checker, *bearer.Keys) {
	t.Helper()
	keys := &bearer.Keys{Dir: dir, Logger: slog.New(slog.DiscardHandler)}
	k, err := bearer.New(bearer.Config{Issuers: []bearer.Issuer{i.Config(people.Customer, "orders:read")}, Keys: keys})
	require.NoError(t, err)
	return k, keys
}

func good(t *testing.T, k *bearer.Checker, i *bearertest.Issuer, at time.Time) error {
	t.Helper()
	_, err := k.Check(t.Context(), i.Token(t, "member-0001", "orders:read", at), at)
	return err
}

func TestARotatedKeyIsFoundAndOneThatIsGoneIsTakenNoMore(t *testing.T) {
	i := bearertest.New(t)
	k, keys := at(t, t.TempDir(), i)
	require.NoError(t, good(t, k, i, now))
	before := i.Token(t, "member-0001", "orders:read", now)
	i.Rotate(t)
	require.NoError(t, good(t, k, i, now.Add(time.Minute)), "an unknown kid is looked for")
	_, err := k.Check(t.Context(), before, now.Add(time.Minute))
	require.NoError(t, err, "the former is still in the set")
	i.Forget()
	keys.Refresh(t.Context(), k.Issuers, now.Add(2*time.Minute))
	require.Equal(t, 2, i.Fetches(), "a young set is not fetched anew")
	keys.Refresh(t.Context(), k.Issuers, now.Add(2*time.Hour))
	_, err = k.Check(t.Context(), before, now.Add(30*time.Minute))
	require.ErrorContains(t, err, "kid")
}

func TestUnknownKeysOfStrangersMakeFewFetches(t *testing.T) {
	i := bearertest.New(t)
	k, _ := at(t, t.TempDir(), i)
	require.NoError(t, good(t, k, i, now))
	var wg sync.WaitGroup
	for n := range 50 {
		made := bearertest.SignWith(t, jose.SigningKey{Algorithm: jose.ES256, Key: i.Newest().Key}, fmt.Sprint("made-", n), i.Claims("m", "", now), nil)
		wg.Go(func() {
			if _, err := k.Check(t.Context(), made, now.Add(time.Minute)); err == nil {
				t.Error("it let somebody in")
			}
		})
	}
	wg.Wait()
	require.Equal(t, 2, i.Fetches())
}

func TestAnIssuerMayBeAwayForHoursAlsoAcrossARestart(t *testing.T) {
	i, dir := bearertest.New(t), t.TempDir()
	k, _ := at(t, dir, i)
	require.NoError(t, good(t, k, i, now))
	i.Answer(bearertest.Down)
	require.NoError(t, good(t, k, i, now.Add(71*time.Hour)))
	again, keys := at(t, dir, i)
	keys.Refresh(t.Context(), again.Issuers, now.Add(71*time.Hour))
	require.NoError(t, good(t, again, i, now.Add(72*time.Hour)), "from the copy")
	require.ErrorIs(t, good(t, again, i, now.Add(72*time.Hour+time.Minute)), bearer.ErrNoKeys, "not for ever")
	i.Answer(nil)
	require.NoError(t, good(t, again, i, now.Add(72*time.Hour+2*time.Minute)))

	back, _ := at(t, dir, i)
	i.Answer(bearertest.Down)
	require.NoError(t, good(t, back, i, now), "the clock was set back")
	require.ErrorIs(t, good(t, back, i, now.Add(73*time.Hour)), bearer.ErrNoKeys, "and the copy is no younger for it")
}

func TestAnIssuerThatWasNeverReachedLetsNobodyInYet(t *testing.T) {
	i := bearertest.New(t)
	k, _ := at(t, t.TempDir(), i)
	i.Answer(bearertest.Down)
	require.ErrorIs(t, good(t, k, i, now), bearer.ErrNoKeys)
	i.Answer(nil)
	require.ErrorIs(t, good(t, k, i, now.Add(time.Second)), bearer.ErrNoKeys, "it was asked just now")
	require.NoError(t, good(t, k, i, now.Add(time.Minute)))
}

func TestACopyThatIsDamagedOrOfAnotherIsNotUsed(t *testing.T) {
	i, dir := bearertest.New(t), t.TempDir()
	k, _ := at(t, dir, i)
	require.NoError(t, good(t, k, i, now))
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	whole, err := os.ReadFile(files[0])
	require.NoError(t, err)
	i.Answer(bearertest.Down)
	for name, text := range map[string][]byte{"torn": whole[:len(whole)/2], "of another": bytes.Replace(whole, []byte("/keys"), []byte("/keyz"), 1),
		"empty": {}, "without keys": []byte(`{"issuer":"` + i.URL + `","keys_url":"` + i.URL + `/keys","set":{"keys":[]}}`)} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(files[0], text, 0o600))
			k, _ := at(t, dir, i)
			require.ErrorIs(t, good(t, k, i, now), bearer.ErrNoKeys)
		})
	}
}

func TestAnAnswerThatIsNoSetOfKeysChangesNothing(t *testing.T) {
	i := bearertest.New(t)
	k, _ := at(t, t.TempDir(), i)
	require.NoError(t, good(t, k, i, now))
	newest := i.Newest()
	public, err := json.Marshal(newest.Public())
	require.NoError(t, err)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	small, err := json.Marshal(jose.JSONWebKey{Key: &weak.PublicKey, KeyID: "key-1"})
	require.NoError(t, err)
	elsewhere := bearertest.New(t)
	write := func(text []byte) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { _, _ = w.Write(text) }
	}
	later := now
	for name, answer := range map[string]func(http.ResponseWriter){
		"huge":       write(bytes.Repeat([]byte(" "), 256<<10+1)),
		"no JSON":    write([]byte("<html>")),
		"none":       write([]byte(`{"keys":[]}`)),
		"too many":   write([]byte(`{"keys":[` + string(bytes.Repeat([]byte("{},"), 100)) + `{}]}`)),
		"twice":      write([]byte(`{"keys":[` + string(public) + "," + string(public) + `]}`)),
		"a secret":   write([]byte(`{"keys":[{"kty":"oct","kid":"key-1","k":"AAAA"}]}`)),
		"weak":       write([]byte(`{"keys":[` + string(small) + `]}`)),
		"not for it": write(bytes.Replace([]byte(`{"keys":[`+string(public)+`]}`), []byte(`"sig"`), []byte(`"enc"`), 1)),
		"a redirect": func(w http.ResponseWriter) {
			w.Header().Set("Location", elsewhere.URL)
			w.WriteHeader(http.StatusFound)
		},
		"out of work": bearertest.Down,
	} {
		t.Run(name, func(t *testing.T) {
			later = later.Add(time.Hour)
			fetched := i.Fetches()
			i.Answer(answer)
			k.Keys.Refresh(t.Context(), k.Issuers, later)
			require.Equal(t, fetched+1, i.Fetches())
			require.NoError(t, good(t, k, i, later))
			require.Zero(t, elsewhere.Fetches())
		})
	}
}
