package web_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/coldchain"
	"meguri/hub/people"
	"meguri/hub/quality"
	"meguri/hub/store"
	"meguri/protocol"
)

func TestQualityDecidesOnItsPageAndOthersOnlySee(t *testing.T) {
	h := open(t)
	h.Day(t)
	token, dispatcher := h.Token(t, people.Quality), h.Token(t, people.Dispatcher)
	require.Contains(t, get(h, "/quality", token).Body.String(), "No goods are on hold.")
	w := post(h, "/quality", dispatcher, url.Values{"do": {"held"}, "scope": {"location"}, "id": {"loc-001"}, "reason": {"felt warm"}})
	require.Equal(t, 303, w.Code)
	page := get(h, "/quality", token).Body.String()
	require.Contains(t, page, "felt warm")
	require.Contains(t, page, `name="do" value="condemned"`)
	require.NotContains(t, get(h, "/quality", dispatcher).Body.String(), `name="do" value="condemned"`)
	require.Equal(t, 403, post(h, "/quality", dispatcher, url.Values{"do": {"released"}, "scope": {"location"}, "id": {"loc-001"}, "reason": {"felt"}}).Code)
	w = post(h, "/quality", token, url.Values{"do": {"released"}, "scope": {"location"}, "id": {"loc-001"}, "reason": {"felt"}, "hold": {"other"}})
	require.Equal(t, 422, w.Code, "others are held than those that were looked at")
	require.Contains(t, get(h, "/?lang=ja", token).Body.String(), "商品を保留中")

	var ids []string
	require.NoError(t, h.Store.Read(t.Context(), func(tx *store.Tx) error {
		holds, err := tx.OpenHolds(t.Context(), 100)
		for _, hold := range holds {
			ids = append(ids, quality.Seen(hold))
		}
		return err
	}))
	w = post(h, "/quality", token, url.Values{"do": {"released"}, "scope": {"location"}, "id": {"loc-001"}, "reason": {"felt cold"}, "hold": ids})
	require.Equal(t, 303, w.Code)
	require.Contains(t, get(h, w.Header().Get("Location"), token).Body.String(), "Released.")
	require.Contains(t, get(h, "/quality?lang=ja", token).Body.String(), "判断済み")
}

func TestAHoldForTheWaySaysWhatItsStationKnew(t *testing.T) {
	h := open(t)
	h.Day(t)
	token := h.Token(t, people.Quality)
	require.NoError(t, h.Store.Change(t.Context(), func(tx *store.Tx) error {
		all, err := tx.ContainersOfLocation(t.Context(), apitest.Date, "loc-001")
		if err != nil {
			return err
		}
		c := all[0]
		if err := tx.SaveRideJudged(t.Context(), store.RideJudged{Device: "station-1", Incarnation: "i", Number: 1, Container: c.ID, Shipper: "box-9",
			At: apitest.Now, Outcome: store.RideBroken, Outside: 34 * time.Minute}); err != nil {
			return err
		}
		_, err = tx.AddHold(t.Context(), store.Hold{ID: "h1", Container: c.ID, Position: "box-9", Cause: store.CauseDevice, Leg: coldchain.Shipper,
			Since: apitest.Now, HeldAt: apitest.Now, HeldBy: "station-1", Reason: "as programs read it"})
		return err
	}))
	require.Contains(t, get(h, "/quality", token).Body.String(), "By the statement of box-9: 34 min outside on the way")
	require.Contains(t, get(h, "/quality?lang=ja", token).Body.String(), "box-9 の申告：輸送中の範囲外 34 分")
}

func TestWhatAStationHeldByItselfIsToldInTheReadersLanguage(t *testing.T) {
	h := open(t)
	h.Day(t)
	token := h.Token(t, people.Quality)
	says := map[protocol.GoodsCause]string{
		protocol.GoodsBroken: "範囲外 12 分", protocol.GoodsDoubtful: "有効な記録なし", protocol.RideBroken: "保冷箱の申告", protocol.RideDoubtful: "輸送中の記録なし",
		protocol.RideUnstated: "申告なし", protocol.RideCarried: "最後の記録から納品まで", 99: "as programs read it",
	}
	for cause, text := range says {
		require.NoError(t, h.Store.Change(t.Context(), func(tx *store.Tx) error {
			all, err := tx.ContainersOfLocation(t.Context(), apitest.Date, "loc-001")
			if err != nil {
				return err
			}
			id := fmt.Sprintf("h%d", cause)
			_, err = tx.AddHold(t.Context(), store.Hold{ID: id, Container: all[0].ID, Position: "loc-001-fridge-1", Cause: store.CauseDevice, Leg: coldchain.Station,
				Since: apitest.Now, HeldAt: apitest.Now, HeldBy: "station-1", Outside: 12 * time.Minute, Reason: "as programs read it", DeviceCause: cause})
			return err
		}))
		require.Contains(t, get(h, "/quality?lang=ja", token).Body.String(), text, "cause %d", cause)
	}
}

func TestWhatIsWrongWithAFormOfQualityIsToldOnThePage(t *testing.T) {
	h := open(t)
	h.Day(t)
	token := h.Token(t, people.Quality)
	for text, form := range map[string]url.Values{
		"Nothing there is on hold":     {"do": {"held"}, "scope": {"fridge"}, "id": {"nowhere"}, "reason": {"warm"}},
		"Want a temperature between":   {"do": {"probed"}, "id": {"loc-001-fridge-1"}, "celsius": {"NaN"}},
		"Want a temperature between -": {"do": {"probed"}, "id": {"loc-001-fridge-1"}, "celsius": {"four"}},
		"There is no such thing":       {"do": {"probed"}, "id": {"nowhere"}, "celsius": {"4.5"}},
	} {
		w := post(h, "/quality", token, form)
		require.Equal(t, 422, w.Code)
		require.Contains(t, w.Body.String(), text)
	}
	require.Equal(t, 400, post(h, "/quality", token, url.Values{"do": {"lifted"}}).Code)
	require.Equal(t, 303, post(h, "/quality", token, url.Values{"do": {"probed"}, "id": {"loc-001-fridge-1"}, "celsius": {"4.5"}}).Code)
}

func TestAnOrderSaysWhatItsCustomerWasToldOfItsTemperature(t *testing.T) {
	h := open(t)
	h.Day(t)
	s := &quality.Service{Store: h.Store}
	held, err := s.Hold(t.Context(), quality.Act{Scope: store.ScopeLocation, ID: "loc-001", By: "p", Reason: "felt warm", At: apitest.Now}, apitest.Now.Add(-9*time.Hour))
	require.NoError(t, err)
	var order string
	require.NoError(t, h.Store.Read(t.Context(), func(tx *store.Tx) error {
		orders, err := tx.ConcernedBy(t.Context(), held[0].ID)
		for _, o := range orders {
			if o.Taken.IsZero() {
				order = o.OrderID
			}
		}
		return err
	}))
	require.Contains(t, get(h, "/orders/"+order, h.Token(t, people.Support)).Body.String(), "being checked")
	require.Equal(t, coldchain.Leg(""), held[0].Leg)
}
