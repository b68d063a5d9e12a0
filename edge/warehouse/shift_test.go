package warehouse_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/edge/phrase"
	"meguri/edge/warehouse"
	"meguri/protocol"
)

func TestAShiftEndsAlsoForWhoNeverPauses(t *testing.T) {
	d := newDesk(t, protocol.WarehousePlan{})
	d.right(phrase.SignedOn, badge("b1"))
	for begun := d.now; d.now.Sub(begun) < 10*time.Hour-10*time.Minute; d.now = d.now.Add(9 * time.Minute) {
		d.right(phrase.SignedOn, badge("b1"))
	}
	d.now = d.now.Add(9 * time.Minute)
	d.records = nil
	d.refuses(phrase.AskBadge, code(dress, 1))
	require.Equal(t, protocol.OperatorChanged{}, d.records[0])
	d.right(phrase.SignedOn, badge("b1"))
	d.refuses(phrase.AskStep, code(dress, 1))
}

func TestAClockThatIsSetBackMakesNoShiftLonger(t *testing.T) {
	d := newDesk(t, protocol.WarehousePlan{})
	d.right(phrase.SignedOn, badge("b1"))
	d.now = d.now.Add(-24 * time.Hour)
	d.right(phrase.SignedOn, badge("b1"))
	require.Equal(t, d.now.UnixMilli(), d.state.Since)
}

func TestABadgeThatIsInTheListsNoMoreIsSignedOffAtTheNextLook(t *testing.T) {
	d := newDesk(t, protocol.WarehousePlan{})
	d.right(phrase.SignedOn, badge("b1"))
	without := newDesk(t, protocol.WarehousePlan{Operators: []protocol.Operator{{Badge: "b2"}}})
	d.book = without.book
	v := warehouse.Tick(d.state, d.book, d.now)
	require.Equal(t, []protocol.Body{protocol.OperatorChanged{}}, v.Records)
	d.refuses(phrase.NoSuchBadge, badge("b1"))
	d.right(phrase.SignedOn, badge("b2"))
}
