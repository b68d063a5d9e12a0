package report_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/csv"
	"errors"
	"math/big"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/fleet"
	"meguri/hub/pki"
	"meguri/hub/report"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/protocol"
)

const warmFridge = "loc-002-fridge-1"

// troubled is the day on which the fridge with containers is the one that gets warm, has a gap and a faulty sensor.
func troubled(t *testing.T) *apitest.Hub {
	t.Helper()
	url := storetest.SQLite(t)
	h := apitest.OpenAt(t, url)
	h.Day(t)
	storetest.Break(t, url, "DELETE FROM readings WHERE sensor = 'loc-002-fridge-1/air'",
		"UPDATE readings SET sensor = 'loc-002-fridge-1/air' WHERE sensor = 'loc-002-fridge-2/air'",
		"UPDATE alarms SET subject = 'loc-002-fridge-1/air' WHERE subject = 'loc-002-fridge-2/air'",
		"UPDATE temperature_limits SET max_milli_c = 5000 WHERE leg = 'station'")
	return h
}

// journeyOf gives the journey of a dated container in a fridge.
func journeyOf(t *testing.T, h *apitest.Hub, fridge string) (j report.Journey) {
	t.Helper()
	require.NoError(t, h.Store.Read(t.Context(), func(tx *store.Tx) error {
		for _, shop := range []string{"shop-1", "shop-2", "shop-3"} {
			containers, err := tx.ContainersOfShop(t.Context(), apitest.Date, shop)
			if err != nil {
				return err
			}
			for _, c := range containers {
				if c.FridgeID == fridge {
					j, err = report.Read(t.Context(), tx, c.ID, apitest.Now)
					return err
				}
			}
		}
		t.Fatalf("no container in %s", fridge)
		return nil
	}))
	return j
}

func TestAJourneySaysLegsLimitsGapsAndAlarms(t *testing.T) {
	h := troubled(t)
	j := journeyOf(t, h, warmFridge)
	require.NotEmpty(t, j.Orders)
	last := j.Legs[len(j.Legs)-1]
	require.Equal(t, store.LegStation, last.Kind)
	require.True(t, last.HasLimits)
	require.True(t, last.Stats.Values())
	require.Positive(t, last.Stats.Above, "it was too warm for some minutes")
	var states []fleet.State
	for _, g := range last.Gaps {
		states = append(states, g.State)
	}
	require.Contains(t, states, fleet.StateSensorFault)
	require.Equal(t, "alarm-1", last.Alarms[0].ID)
	for i := 1; i < len(j.Legs); i++ {
		require.Equal(t, j.Legs[i-1].Until, j.Legs[i].From, "no time between legs")
	}
}

func TestALegIsReadFromAllSensorsThatStandThere(t *testing.T) {
	h := troubled(t)
	air := journeyOf(t, h, warmFridge).Legs
	of := air[len(air)-1]
	ctx := t.Context()
	require.NoError(t, h.Store.Change(ctx, func(tx *store.Tx) error {
		body, err := protocol.EncodeBody(protocol.SamplingSet{EveryMS: 60_000, Sensors: []string{warmFridge + "/air", warmFridge + "/top"}})
		require.NoError(t, err)
		at := of.From.Add(-time.Hour)
		if err := tx.AddEvent(ctx, store.EventRow{Device: "station-loc-002", Incarnation: "told", Number: 1, Kind: uint16(protocol.KindSamplingSet),
			Body: body, EventAt: at, ReceivedAt: at, Outcome: store.Applied}); err != nil {
			return err
		}
		var rows []store.ReadingRow
		for i := range 10 {
			rows = append(rows, store.ReadingRow{Number: uint64(i + 1), Sensor: warmFridge + "/top", Dated: fleet.Dated{At: of.From.Add(time.Duration(i) * time.Minute)},
				MilliC: 14_000, Samples: 1})
		}
		return tx.AddReadings(ctx, "station-loc-002", "told", apitest.Now, rows)
	}))
	legs := journeyOf(t, h, warmFridge).Legs
	both := legs[len(legs)-1]
	require.Equal(t, []string{warmFridge + "/air", warmFridge + "/top"}, both.Sensors)
	require.EqualValues(t, 14_000, both.Stats.High, "which the air sensor had not seen")
	require.Equal(t, of.Stats.Low, both.Stats.Low)
	require.Greater(t, both.Stats.Above, of.Stats.Above)
}

func TestAReportInJapaneseIsSignedLikeAnyOther(t *testing.T) {
	h := troubled(t)
	j := journeyOf(t, h, warmFridge)
	english, err := report.Write(&j, time.UTC)
	require.NoError(t, err)
	j.Lang = report.Japanese
	plain, err := report.Write(&j, time.UTC)
	require.NoError(t, err)
	again, err := report.Write(&j, time.UTC)
	require.NoError(t, err)
	require.Equal(t, plain, again)
	require.NotEqual(t, english, plain)
	require.Less(t, len(plain), 400_000, "the dots are not too many")
	authority, err := pki.Open(t.TempDir())
	require.NoError(t, err)
	key, cert, err := authority.ReportSigner()()
	require.NoError(t, err)
	pdf, err := report.Sign(plain, key, cert, time.Now())
	require.NoError(t, err)
	_, err = report.Verify(pdf)
	require.NoError(t, err)
	if dir := os.Getenv("MEGURI_SCREENSHOTS"); dir != "" {
		require.NoError(t, os.WriteFile(dir+"/report-ja.pdf", pdf, 0o600))
	}
	t.Log("bytes", len(english), len(plain))
	_, err = report.Language("fr")
	require.ErrorContains(t, err, "want en or ja")
}

// signed is a report of the day, signed by an authority of its own.
func signed(t *testing.T) (pdf []byte, ca []byte) {
	t.Helper()
	h := troubled(t)
	j := journeyOf(t, h, warmFridge)
	plain, err := report.Write(&j, time.FixedZone("JST", 9*3600))
	require.NoError(t, err)
	again, err := report.Write(&j, time.FixedZone("JST", 9*3600))
	require.NoError(t, err)
	require.Equal(t, plain, again, "the same journey gives the same bytes")
	authority, err := pki.Open(t.TempDir())
	require.NoError(t, err)
	key, cert, err := authority.ReportSigner()()
	require.NoError(t, err)
	pdf, err = report.Sign(plain, key, cert, time.Now())
	require.NoError(t, err)
	if dir := os.Getenv("MEGURI_SCREENSHOTS"); dir != "" {
		require.NoError(t, os.WriteFile(dir+"/report.pdf", pdf, 0o600))
	}
	return pdf, authority.CA()
}

func TestASignedReportIsValidUntilAnyByteIsChanged(t *testing.T) {
	pdf, ca := signed(t)
	s, err := report.Verify(pdf)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), s.At, time.Minute)
	by, err := pki.CheckReport(ca, s.Certificate, s.At)
	require.NoError(t, err)
	require.Contains(t, by.Subject.CommonName, "Meguri hub CA")
	for i := range pdf {
		for _, flip := range []byte{1, 0x20} { // 0x20 is the other case of a letter
			pdf[i] ^= flip
			s, err := report.Verify(pdf)
			if err == nil { // a byte of what the authority has signed in the certificate
				_, err = pki.CheckReport(ca, s.Certificate, s.At)
			}
			require.True(t, errors.Is(err, report.ErrAltered) || errors.Is(err, report.ErrUnsigned) || errors.Is(err, pki.ErrStranger),
				"byte %d ^ %#x: %v", i, flip, err)
			pdf[i] ^= flip
		}
	}
	for _, altered := range [][]byte{append(bytes.Clone(pdf), '\n'), pdf[:len(pdf)-1], append([]byte{'\n'}, pdf...), append(bytes.Clone(pdf), pdf...)} {
		_, err := report.Verify(altered)
		require.ErrorIs(t, err, report.ErrAltered)
	}
	_, err = report.Verify([]byte("%PDF-1.3\n%%EOF\n"))
	require.ErrorIs(t, err, report.ErrUnsigned)
}

func TestAReportOfAStrangerOrOfAnotherCertificateOfTheHubIsNotTheHubs(t *testing.T) {
	pdf, ca := signed(t)
	s, err := report.Verify(pdf)
	require.NoError(t, err)
	other, err := pki.Open(t.TempDir())
	require.NoError(t, err)
	_, err = pki.CheckReport(other.CA(), s.Certificate, s.At)
	require.ErrorIs(t, err, pki.ErrStranger)
	_, err = pki.CheckReport(ca, s.Certificate, s.At.AddDate(50, 0, 0))
	require.ErrorIs(t, err, pki.ErrStranger, "when the certificate has ended")
	from, to := other.Validity(time.Hour)
	device, err := other.Device("station-1", from, to)
	require.NoError(t, err)
	pair, err := device.TLS()
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	require.NoError(t, err)
	_, err = pki.CheckReport(other.CA(), leaf, time.Now())
	require.ErrorIs(t, err, pki.ErrStranger, "a device's key signs no reports")
}

// TestASignatureThatWasPutOnAnotherReportIsFound: with the digits of one, or with those of a key that says to be the hub's.
func TestASignatureThatWasPutOnAnotherReportIsFound(t *testing.T) {
	pdf, ca := signed(t)
	j := report.Journey{Journey: store.Journey{Container: "C-1"}, MadeAt: time.Unix(1_800_000_000, 0).UTC()}
	plain, err := report.Write(&j, time.UTC)
	require.NoError(t, err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	s, err := report.Verify(pdf)
	require.NoError(t, err)
	template := *s.Certificate
	template.SerialNumber, template.PublicKey = big.NewInt(1), nil
	raw, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(raw)
	require.NoError(t, err)
	forged, err := report.Sign(plain, crypto.Signer(key), cert, time.Now())
	require.NoError(t, err)
	f, err := report.Verify(forged)
	require.NoError(t, err, "it is whole")
	_, err = pki.CheckReport(ca, f.Certificate, f.At)
	require.ErrorIs(t, err, pki.ErrStranger, "and not the hub's")
	_, err = report.Sign(plain, key, s.Certificate, time.Now()) // the hub's certificate, another key
	require.NoError(t, err)
	stolen, err := report.Sign(plain, key, s.Certificate, time.Now())
	require.NoError(t, err)
	_, err = report.Verify(stolen)
	require.ErrorIs(t, err, report.ErrAltered)
}

func FuzzVerify(f *testing.F) {
	f.Add([]byte("%PDF-1.3\n/ByteRange [0 0000000027 0000004125 0000000001] /Contents <00>"))
	f.Add(append([]byte("/ByteRange [0 0000000057 0000004155 0000000001] /Contents <"), append(bytes.Repeat([]byte("30"), 2048), ">>"...)...))
	f.Fuzz(func(t *testing.T, pdf []byte) {
		if _, err := report.Verify(pdf); err != nil {
			require.True(t, errors.Is(err, report.ErrAltered) || errors.Is(err, report.ErrUnsigned))
		}
	})
}

func TestAnExportHasEveryReadingOfTheSpan(t *testing.T) {
	h := troubled(t)
	var out bytes.Buffer
	pages := 0
	n, err := report.WriteCSV(t.Context(), h.Store, &out, warmFridge+"/air", apitest.Now.Add(-24*time.Hour), apitest.Now, func() { pages++ })
	require.NoError(t, err)
	rows, err := csv.NewReader(&out).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, n+1)
	require.Positive(t, pages)
	faults := 0
	for _, r := range rows[1:] {
		require.Equal(t, r[4] == "", r[5] != "", "a temperature or a fault")
		if r[5] != "" {
			faults++
		}
	}
	require.Positive(t, faults)
}
