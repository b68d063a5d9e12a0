package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"
)

const (
	langCookie = "meguri_lang"
	aYear      = 365 * 24 * 60 * 60
)

// chooseLang takes the language that was asked for in the address, else chosen before, else preferred by the browser.
func chooseLang(c echo.Context) lang {
	if l := lang(c.QueryParam("lang")); l == english || l == japanese {
		c.SetCookie(&http.Cookie{Name: langCookie, Value: string(l), Path: "/", MaxAge: aYear, HttpOnly: true, SameSite: http.SameSiteLaxMode})
		return l
	}
	if cookie, err := c.Cookie(langCookie); err == nil {
		if l := lang(cookie.Value); l == english || l == japanese {
			return l
		}
	}
	return preferred(c.Request().Header.Get("Accept-Language"))
}

// preferred reads an Accept-Language header (RFC 9110, section 12.5.4).
func preferred(header string) lang {
	best, bestQ := english, 0.0
	for part := range strings.SplitSeq(header, ",") {
		tag, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		q := 1.0
		if text, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			var err error
			if q, err = strconv.ParseFloat(text, 64); err != nil {
				continue
			}
		}
		primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
		if l := lang(primary); slices.Contains([]lang{english, japanese}, l) && q > bestQ {
			best, bestQ = l, q
		}
	}
	return best
}

// otherLang is the address of the page in the other language; for the answer to a post, of the page that it came from.
func otherLang(c echo.Context, l lang) string {
	other := english
	if l == english {
		other = japanese
	}
	u := url.URL{Path: c.Request().URL.Path, RawQuery: c.Request().URL.RawQuery}
	if c.Request().Method != http.MethodGet {
		first, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
		u = url.URL{Path: "/" + first}
	}
	q := u.Query()
	q.Set("lang", string(other))
	u.RawQuery = q.Encode()
	return u.String()
}
