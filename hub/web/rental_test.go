package web_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/people"
)

func TestWhatNoScanDecidesIsDecidedOnPages(t *testing.T) {
	h := open(t)
	h.Day(t)
	h.Warehouse(t)
	lead, looks := h.Token(t, people.Warehouse), h.Token(t, people.Dispatcher)
	page := func(path string) string { return get(h, path+"?lang=ja", lead).Body.String() }
	do := func(path string, fields url.Values) (int, string) {
		w := post(h, path+"?lang=ja", lead, fields)
		return w.Code, w.Body.String()
	}

	require.Contains(t, page("/rental/cleaning"), "遅延：")
	code, body := do("/rental/cleaning", url.Values{"do": {"close"}, "id": {"b-7"}})
	require.Equal(t, http.StatusConflict, code)
	require.Contains(t, body, "実行できません：まだ戻っていない個体があります。")
	code, _ = do("/rental/cleaning", url.Values{"do": {"receive"}, "id": {"b-7"}})
	require.Equal(t, http.StatusSeeOther, code)
	require.Contains(t, page("/rental/cleaning"), "未完了のバッチはありません。")
	require.Contains(t, page("/rental/items/"+url.PathEscape(apitest.Shirt)), "クリーニング済")

	code, body = do("/rental/repairs", url.Values{"do": {"close"}, "id": {"f-7"}, "cost": {"800"}})
	require.Equal(t, http.StatusConflict, code)
	require.Contains(t, body, "補修者のバッジが必要です")
	code, _ = do("/rental/repairs", url.Values{"do": {"close"}, "id": {"f-7"}, "cost": {"800"}, "badge": {"op-1"}})
	require.Equal(t, http.StatusSeeOther, code)
	require.Contains(t, get(h, "/rental/repairs?all=true&lang=ja", lead).Body.String(), "最終検品待ち（op-1 以外の人）")
	code, body = do("/rental/repairs", url.Values{"do": {"open"}, "id": {"f-8"}, "item": {"rubbish"}, "what": {"zip"}})
	require.Equal(t, http.StatusConflict, code)
	require.Contains(t, body, "個体のコードではありません")

	code, body = do("/rental/orders/r-1", url.Values{"do": {"cancel"}, "reason": {"wish"}})
	require.Equal(t, http.StatusConflict, code, "it has gone out")
	require.Contains(t, body, "受付中・未完了ではありません")
	code, _ = do("/rental/orders/r-2", url.Values{"do": {"cancel"}, "reason": {"wish"}})
	require.Equal(t, http.StatusSeeOther, code)
	require.Contains(t, get(h, "/rental/orders?state=cancelled", lead).Body.String(), "r-2")
	require.NotContains(t, get(h, "/rental/cleaning", looks).Body.String(), "<form class=\"stack\"", "who only looks is offered nothing")
	require.Equal(t, http.StatusForbidden, post(h, "/rental/orders/r-1", looks, url.Values{"do": {"cancel"}}).Code)
	code, _ = do("/rental/items/"+url.PathEscape(apitest.Coat), url.Values{"do": {"retire"}, "reason": {"worn"}})
	require.Equal(t, http.StatusSeeOther, code)
	require.Contains(t, page("/rental/items/"+url.PathEscape(apitest.Coat)), "除籍")
}
