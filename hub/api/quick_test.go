package api

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
)

const plainBody = `{"order_id":"o-1","delivery_date":"2026-12-01","location_id":"loc-1","customer_id":"m-1","hold_seconds":60,
	"lines":[{"product_id":"p-1","quantity":1},{"product_id":"p-2","quantity":1000}]}`

// What is let through by hand is what the document lets through, and is decoded as it was decoded before.
func FuzzWhatIsSurelyAnOrderFitsTheDocument(f *testing.F) {
	for _, body := range []string{plainBody, `{}`, `null`, `{"Order_ID":"o-1"}`, `{"order_id":""}`,
		`{"order_id":null,"delivery_date":"2026-12-01","location_id":"loc-1","customer_id":"m-1","lines":[{"product_id":"p-1","quantity":1}]}`,
		`{"delivery_date":"2026-12-01","location_id":"loc-1","customer_id":"m-1","hold_seconds":86401,"lines":[{"product_id":"p-1","quantity":1}]}`,
		`{"delivery_date":"2026-12-01","location_id":"loc-1","customer_id":"m-1","lines":[{"product_id":"p-1","quantity":1.0}]}`,
		`{"delivery_date":"2026-12-01","location_id":"loc-1","customer_id":"m-1","lines":[{"product_id":"p-1"}]}`,
		`{"delivery_date":"2026-12-01","location_id":"loc-1","customer_id":"m-1","lines":[{"product_id":"p-1","quantity":1}],"x":{"quantity":1,"product_id":"y"}}`,
		`{"delivery_date":"2026-12-01","location_id":"loc-1","customer_id":"m-1","lines":[{"product_id":"p-1","quantity":1}],"lines":[]}`,
	} {
		f.Add([]byte(body))
	}
	doc, err := loadDocument()
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, body []byte) {
		in, sure := decodeOrder(body)
		if !sure {
			return
		}
		e := echo.New()
		r := httptest.NewRequest("POST", "/v1/orders", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		c := e.NewContext(r, httptest.NewRecorder())
		c.SetPath("/v1/orders")
		fits := false
		require.NoError(t, doc.check(func(c echo.Context) error {
			fits = true
			var slow orderRequestJSON
			require.NoError(t, c.Bind(&slow))
			require.Equal(t, slow, in)
			return nil
		})(c))
		require.True(t, fits)
	})
}

func TestAPlainOrderIsKnownByHand(t *testing.T) {
	in, sure := decodeOrder([]byte(plainBody))
	require.True(t, sure)
	var want orderRequestJSON
	require.NoError(t, json.Unmarshal([]byte(plainBody), &want))
	require.Equal(t, want, in)
	for name, change := range map[string]func(*http.Request){
		"another kind of body": func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") },
		"two keys":             func(r *http.Request) { r.Header["Idempotency-Key"] = []string{"a", "b"} },
		"a key with a space":   func(r *http.Request) { r.Header.Set("Idempotency-Key", "a b") },
		"a body that breaks off": func(r *http.Request) {
			r.Body = io.NopCloser(io.MultiReader(bytes.NewReader([]byte(plainBody[:9])), failing{io.ErrUnexpectedEOF}))
		},
	} {
		r := httptest.NewRequest("POST", "/v1/orders", bytes.NewReader([]byte(plainBody)))
		r.Header.Set("Content-Type", "application/json")
		change(r)
		require.False(t, plainOrder(echo.New().NewContext(r, nil)), name)
		if _, err := io.ReadAll(r.Body); name == "a body that breaks off" {
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, "what comes next sees the same")
		}
	}
}
