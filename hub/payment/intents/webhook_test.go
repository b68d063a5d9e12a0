package intents_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/payment"
	"meguri/hub/payment/intents"
)

var at = time.Unix(1_800_000_000, 0)

const event = `{"id":"evt_1","type":"payment_intent.succeeded","data":{"object":{"id":"pi_1","object":"payment_intent","status":"succeeded","metadata":{"meguri_reference":"ref"}}}}`

func webhook(t testing.TB, secrets ...string) *intents.Webhook {
	w, err := intents.NewWebhook(secrets)
	require.NoError(t, err)
	return w
}

func TestASignedEventIsRead(t *testing.T) {
	e, err := webhook(t, "new", "old").Read(intents.SignatureText([]byte("old"), at, []byte(event)), []byte(event), at.Add(time.Minute))
	require.NoError(t, err, "while secrets are changed the old one is good")
	require.Equal(t, payment.Event{ID: "evt_1", Kind: "payment_intent.succeeded", IntentID: "pi_1", Reference: "ref", Status: payment.Taken}, e)
}

// The digest is of another implementation: printf '1800000000.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_test
func TestTheSignatureIsAsOthersMakeIt(t *testing.T) {
	require.Equal(t, "45705be2a45ab5acdd1395cc695e9e7073125385ec24194921c401dff44176f8", hex.EncodeToString(intents.Sign([]byte("whsec_test"), 1_800_000_000, []byte(`{"id":"evt_1"}`))))
}

func TestWhatIsNotTheProvidersIsRefused(t *testing.T) {
	w := webhook(t, "whsec")
	good := intents.SignatureText([]byte("whsec"), at, []byte(event))
	_, hash, _ := strings.Cut(good, "v1=")
	for name, c := range map[string]struct {
		header, body string
		now          time.Time
	}{
		"another secret":    {intents.SignatureText([]byte("other"), at, []byte(event)), event, at},
		"another body":      {good, event + " ", at},
		"another moment":    {fmt.Sprintf("t=%d,v1=%s", at.Unix()+1, hash), event, at},
		"a replay":          {good, event, at.Add(intents.Tolerance + time.Second)},
		"from the future":   {good, event, at.Add(-intents.Tolerance - time.Second)},
		"two moments":       {good + ",t=1", event, at},
		"no moment":         {"v1=" + hash, event, at},
		"no signature":      {fmt.Sprintf("t=%d", at.Unix()), event, at},
		"another scheme":    {fmt.Sprintf("t=%d,v0=%s", at.Unix(), hash), event, at},
		"half a signature":  {fmt.Sprintf("t=%d,v1=%s", at.Unix(), hash[:32]), event, at},
		"nothing":           {"", event, at},
		"too many":          {good + strings.Repeat(",v1=00", 40), event, at},
		"a negative moment": {"t=-1,v1=" + hash, event, at},
	} {
		_, err := w.Read(c.header, []byte(c.body), c.now)
		require.ErrorIs(t, err, intents.ErrSignature, name)
	}
	_, err := w.Read(good+",v1="+strings.Repeat("00", 32), []byte(event), at)
	require.NoError(t, err, "one good signature among several")
}

func TestSignedEventsThatCannotBeReadAreErrorsAndOthersAreNobodys(t *testing.T) {
	w := webhook(t, "whsec")
	read := func(body string) (payment.Event, error) {
		return w.Read(intents.SignatureText([]byte("whsec"), at, []byte(body)), []byte(body), at)
	}
	for _, body := range []string{"", "[]", `{"id":""}`, `{"id":"` + strings.Repeat("x", 300) + `"}`, `{"id":"evt\u0000"}`, strings.Repeat(" ", intents.MaxEvent+1)} {
		_, err := read(body)
		require.ErrorIs(t, err, intents.ErrEvent, body[:min(len(body), 40)])
	}
	e, err := read(`{"id":"evt_2","type":"customer.created","data":{"object":{"id":"cus_1","object":"customer"}}}`)
	require.NoError(t, err)
	require.Empty(t, e.IntentID)
	e, err = read(`{"id":"evt_3","type":"refund.updated","data":{"object":{"id":"re_1","object":"refund","payment_intent":"pi_9"}}}`)
	require.NoError(t, err)
	require.Equal(t, "pi_9", e.IntentID)
	require.Empty(t, e.Status)
}

func TestSecretsAreFew(t *testing.T) {
	for _, secrets := range [][]string{nil, {"", " "}, {"a", "b", "c", "d", "e"}} {
		_, err := intents.NewWebhook(secrets)
		require.Error(t, err)
	}
}

func FuzzWebhook(f *testing.F) {
	f.Add("t=1800000000,v1=00", []byte(event), true)
	f.Add("", []byte(`{"id":"evt_3","type":"refund.updated","data":{"object":{"id":"re_1","object":"refund","payment_intent":"pi_9"}}}`), true)
	f.Add("t=1,t=2,v1=,v1==,=", []byte("{}"), false)
	f.Fuzz(func(t *testing.T, header string, body []byte, sign bool) {
		w := webhook(t, "whsec")
		if sign {
			header = intents.SignatureText([]byte("whsec"), at, body)
		}
		e, err := w.Read(header, body, at)
		if err != nil {
			require.Equal(t, payment.Event{}, e)
			if sign {
				require.ErrorIs(t, err, intents.ErrEvent, "what is signed is the provider's")
			}
			return
		}
		require.True(t, sign, "nothing is read that is not signed")
		for _, word := range []string{e.ID, e.Kind, e.IntentID, e.Reference} {
			require.LessOrEqual(t, len(word), 255)
		}
		require.NotEmpty(t, e.ID)
	})
}
