package api

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// Checking a request against the document compiles a schema each time, which takes longer than placing the order. So requests
// that come by the thousand in a second are looked at by hand first: what surely fits goes on at once, and the document has the
// word on all others, also on what is wrong with them.

// requestKey is where a request's decoded body is left for its handler.
const requestKey = "request"

// checkUnless checks a request against the document unless sure says that it fits.
func (d *document) checkUnless(sure func(echo.Context) bool, next echo.HandlerFunc) echo.HandlerFunc {
	slow := d.check(next)
	return func(c echo.Context) error {
		if c.Request().URL.RawQuery == "" && sure(c) {
			return next(c)
		}
		return slow(c)
	}
}

// plainID says whether a request that has no body surely fits.
func plainID(c echo.Context) bool {
	id := c.Param("id")
	return c.Request().ContentLength == 0 && id != "" && len(id) <= 64 && !strings.ContainsAny(id, "%/")
}

// plainOrder says whether a request to place an order surely fits, and decodes it.
func plainOrder(c echo.Context) bool {
	r := c.Request()
	if keys := r.Header.Values(keyHeader); len(keys) > 1 || len(keys) == 1 && !printable(keys[0]) {
		return false
	}
	if r.Header.Get(echo.HeaderContentType) != echo.MIMEApplicationJSON {
		return false
	}
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failing{err}))
	if err != nil {
		return false
	}
	in, ok := decodeOrder(body)
	if ok {
		c.Set(requestKey, in)
	}
	return ok
}

// failing is a reader that ends with an error; nil is the end.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err == nil {
		return 0, io.EOF
	}
	return 0, f.err
}

func printable(key string) bool {
	return key != "" && len(key) <= 255 && !strings.ContainsFunc(key, func(r rune) bool { return r < '!' || r > '~' })
}

// Keys of an order's body, and of its lines.
var (
	orderKeys = []string{"order_id", "delivery_date", "location_id", "customer_id", "hold_seconds", "lines"}
	lineKeys  = []string{"product_id", "quantity"}
)

// decodeOrder decodes a body that surely fits the document: with known keys as they are written, each once, without null, and
// with values that the document allows.
func decodeOrder(body []byte) (in orderRequestJSON, ok bool) {
	top, lines := namesIn(body)
	if bytes.Contains(body, []byte("null")) || !each1(top, orderKeys) || json.Unmarshal(body, &in) != nil {
		return in, false
	}
	if len(lines) != 2*len(in.Lines) {
		return in, false
	}
	for i := 0; i < len(lines); i += 2 {
		if !each1(lines[i:i+2], lineKeys) {
			return in, false
		}
	}
	if in.OrderID == "" && slices.Contains(top, "order_id") {
		return in, false
	}
	r := requestOf(in, "", "")
	return in, r.Check() == nil
}

// each1 says whether all of names are known and none comes twice.
func each1(names, known []string) bool {
	for i, n := range names {
		if !slices.Contains(known, n) || slices.Contains(names[:i], n) {
			return false
		}
	}
	return true
}

// namesIn gives the names, as they are written, in the outermost object of a JSON text and in objects inside it. It need not
// understand texts that are no JSON: the decoder does.
func namesIn(body []byte) (top, inner []string) {
	depth := 0
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			end := i + 1
			for end < len(body) && body[end] != '"' {
				if body[end] == '\\' {
					end++
				}
				end++
			}
			if end >= len(body) {
				return nil, nil
			}
			after := end + 1
			for after < len(body) && strings.IndexByte(" \t\r\n", body[after]) >= 0 {
				after++
			}
			if after < len(body) && body[after] == ':' {
				if name := string(body[i+1 : end]); depth == 1 {
					top = append(top, name)
				} else {
					inner = append(inner, name)
				}
			}
			i = end
		}
	}
	return top, inner
}
