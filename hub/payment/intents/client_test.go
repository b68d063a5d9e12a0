package intents_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/payment"
	"meguri/hub/payment/fakepay"
	"meguri/hub/payment/intents"
)

const secretKey = "sk_test_very_secret"

// provider starts the fake provider on a socket, and gives a client for it whose calls may take so long.
func provider(t *testing.T, timeout time.Duration) (*fakepay.Server, *intents.Client) {
	t.Helper()
	fake, err := fakepay.New(fakepay.Config{Key: secretKey, Secret: "whsec", Slow: 50 * time.Millisecond})
	require.NoError(t, err)
	server := httptest.NewServer(fake)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close(); require.NoError(t, fake.Close()) })
	c, err := intents.New(intents.Config{URL: server.URL, Key: secretKey, Timeout: timeout})
	require.NoError(t, err)
	return fake, c
}

func call(key, intent string) payment.Call {
	return payment.Call{Key: key, OrderID: "o-1", Reference: "ref-1", IntentID: intent, AmountYen: 1500, Method: "pm_fake_ok"}
}

func opened(t *testing.T, c *intents.Client) string {
	t.Helper()
	i, err := c.Open(t.Context(), call("open", ""))
	require.NoError(t, err)
	require.Equal(t, payment.Intent{ID: i.ID, Reference: "ref-1", Status: payment.Unpaid}, i)
	return i.ID
}

func problem(t *testing.T, err error) *payment.Problem {
	t.Helper()
	var p *payment.Problem
	require.ErrorAs(t, err, &p)
	require.NotContains(t, p.Error(), secretKey)
	return p
}

func TestMoneyIsReservedTakenAndGivenBack(t *testing.T) {
	fake, c := provider(t, time.Second)
	id := opened(t, c)
	i, err := c.Authorise(t.Context(), call("authorise", id))
	require.NoError(t, err)
	require.Equal(t, payment.Reserved, i.Status)
	require.Zero(t, i.CapturedYen)
	i, err = c.Capture(t.Context(), call("capture", id))
	require.NoError(t, err)
	require.Equal(t, payment.Taken, i.Status)
	require.Equal(t, int64(1500), i.CapturedYen)
	back := call("refund", id)
	back.AmountYen, back.RefundID = 400, "r-1"
	r, err := c.Refund(t.Context(), back)
	require.NoError(t, err)
	require.Equal(t, payment.RefundDone, r.Status)
	again, err := c.Refund(t.Context(), back)
	require.NoError(t, err)
	require.Equal(t, r, again, "the same key is the same refund")
	i, err = c.LookUp(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, []payment.IntentRefund{{ID: r.ID, Reference: "ref-1", RefundID: "r-1", AmountYen: 400, Status: payment.RefundDone}}, i.Refunds)
	require.Equal(t, int64(400), fake.Ledger()[0].RefundedYen)
}

func TestVoidEndsTheMatter(t *testing.T) {
	_, c := provider(t, time.Second)
	id := opened(t, c)
	i, err := c.Void(t.Context(), call("void", id))
	require.NoError(t, err)
	require.Equal(t, payment.Closed, i.Status)
	_, err = c.Authorise(t.Context(), call("authorise", id))
	require.Equal(t, payment.KindRefused, problem(t, err).Kind)
	require.Equal(t, payment.CodeState, problem(t, err).Code)
}

func TestErrorsSayWhetherItWasDone(t *testing.T) {
	for method, want := range map[string]struct {
		kind payment.Kind
		code string
		then payment.Status // how the intent stands afterwards
	}{
		"pm_fake_declined": {payment.KindDeclined, "generic_decline", payment.Unpaid},
		"pm_fake_funds":    {payment.KindDeclined, "insufficient_funds", payment.Unpaid},
		"pm_unknown":       {payment.KindRefused, "resource_missing", payment.Unpaid},
		"pm_fake_timeout":  {payment.KindUnknown, "timeout", payment.Reserved},
		"pm_fake_error":    {payment.KindUnknown, "http_500", payment.Reserved},
		"pm_fake_busy":     {payment.KindUnknown, "http_500", payment.Unpaid},
		"pm_fake_limit":    {payment.KindRetry, "rate_limit", payment.Unpaid},
		"pm_fake_late":     {payment.KindUnknown, "timeout", payment.Reserved},
	} {
		t.Run(method, func(t *testing.T) {
			_, c := provider(t, 150*time.Millisecond)
			id := opened(t, c)
			a := call("authorise", id)
			a.Method = method
			_, err := c.Authorise(t.Context(), a)
			require.Equal(t, want.kind, problem(t, err).Kind, err)
			require.Equal(t, want.code, problem(t, err).Code, err)
			require.Eventually(t, func() bool {
				i, err := c.LookUp(t.Context(), id)
				return err == nil && i.Status == want.then
			}, 5*time.Second, 10*time.Millisecond)
		})
	}
}

// A connection that was used before and breaks is no answer, and net/http asks once more by itself: with the same key, so the
// provider says again what it did.
func TestABrokenConnectionIsNoHarm(t *testing.T) {
	fake, c := provider(t, time.Second)
	id := opened(t, c)
	a := call("authorise", id)
	a.Method = "pm_fake_cut"
	if i, err := c.Authorise(t.Context(), a); err == nil {
		require.Equal(t, payment.Reserved, i.Status)
	} else {
		require.Equal(t, payment.KindUnknown, problem(t, err).Kind)
	}
	i, err := c.LookUp(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, payment.Reserved, i.Status)
	require.Len(t, fake.Ledger(), 1)
}

func TestACustomerWhoWouldHaveToProveThemselvesIsNotPaid(t *testing.T) {
	_, c := provider(t, time.Second)
	a := call("authorise", opened(t, c))
	a.Method = "pm_fake_action"
	i, err := c.Authorise(t.Context(), a)
	require.NoError(t, err)
	require.Equal(t, payment.Unpaid, i.Status)
	require.Equal(t, "authentication_required", i.Code)
}

func TestAProviderThatIsNotThereHasDoneNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	c, err := intents.New(intents.Config{URL: "http://" + l.Addr().String(), Key: secretKey})
	require.NoError(t, err)
	_, err = c.Open(t.Context(), call("open", ""))
	require.Equal(t, payment.KindRetry, problem(t, err).Kind)
}

func TestStrangeAnswersAreUnknownAndBounded(t *testing.T) {
	for name, answer := range map[string]string{
		"no JSON": "<html>", "another thing": `{"object":"customer","id":"x"}`, "no status": `{"object":"payment_intent","id":"pi"}`,
		"endless": `{"object":"payment_intent","id":"` + strings.Repeat("x", 2<<20) + `"}`,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, answer) }))
		c, err := intents.New(intents.Config{URL: server.URL, Key: secretKey})
		require.NoError(t, err)
		_, err = c.Capture(t.Context(), call("capture", "pi"))
		require.Equal(t, payment.KindUnknown, problem(t, err).Kind, name)
		server.Close()
	}
}

func TestTheKeyGoesToTheProviderOnly(t *testing.T) {
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	c, err := intents.New(intents.Config{URL: server.URL, Key: secretKey})
	require.NoError(t, err)
	_, err = c.Open(t.Context(), call("open", ""))
	require.Equal(t, payment.KindUnknown, problem(t, err).Kind)
	require.Zero(t, elsewhere.Load())

	for _, url := range []string{"http://pay.example", "ftp://x", "https://user:pw@pay.example", "https://pay.example/?a=b", "pay.example", "https://pay.example/path"} {
		_, err := intents.New(intents.Config{URL: url, Key: secretKey})
		require.Error(t, err, url)
	}
	_, err = intents.New(intents.Config{URL: "https://pay.example", Key: " "})
	require.ErrorContains(t, err, "secret key")
}

func TestAWrongKeyIsToBeTriedAgain(t *testing.T) {
	fake, err := fakepay.New(fakepay.Config{Key: "another", Secret: "whsec"})
	require.NoError(t, err)
	server := httptest.NewServer(fake)
	defer server.Close()
	c, err := intents.New(intents.Config{URL: server.URL, Key: secretKey})
	require.NoError(t, err)
	_, err = c.Open(t.Context(), call("open", ""))
	require.Equal(t, payment.KindRetry, problem(t, err).Kind)
}

func TestOneKeyForTwoCallsIsRefused(t *testing.T) {
	_, c := provider(t, time.Second)
	_, err := c.Open(t.Context(), call("k", ""))
	require.NoError(t, err)
	more := call("k", "")
	more.AmountYen++
	_, err = c.Open(t.Context(), more)
	require.Equal(t, "idempotency_key_reused", problem(t, err).Code)
}

func TestACallEndsWithItsContext(t *testing.T) {
	_, c := provider(t, time.Minute)
	id := opened(t, c)
	a := call("authorise", id)
	a.Method = "pm_fake_timeout"
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := c.Authorise(ctx, a)
	require.Equal(t, payment.KindUnknown, problem(t, err).Kind)
}
