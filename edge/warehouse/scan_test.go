package warehouse_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/edge/phrase"
	"meguri/edge/warehouse"
	"meguri/internal/gs1"
	"meguri/internal/rental"
	"meguri/protocol"
)

const (
	accepted = protocol.VerdictAccept
	warned   = protocol.VerdictWarn
	refused  = protocol.VerdictRefuse
)

func TestNothingIsDoneBeforeSomebodyHasSignedOnAndChosenAStep(t *testing.T) {
	d := newDesk(t, protocol.WarehousePlan{}, shelved(dress, 1, "A-1"))
	d.refuses(phrase.AskBadge, code(dress, 1))
	d.refuses(phrase.AskBadge, menu("st-19"))
	v := d.right(phrase.SignedOn, badge("b1"))
	require.Equal(t, phrase.AskStep, v.Next.Key)
	require.Contains(t, v.Records, protocol.OperatorChanged{Badge: "b1"})
	d.refuses(phrase.AskStep, code(dress, 1))
	require.Empty(t, d.items(), "no piece is recorded by nobody or at no step")
	d.refuses(phrase.NoSuchBadge, badge("b9"))
	require.Equal(t, "b1", d.state.Badge)
}

func TestAPINIsAskedForWhereThePlanHasOneAndIsInNoRecord(t *testing.T) {
	salt := []byte("salt of b1 ......")
	plan := protocol.WarehousePlan{Operators: []protocol.Operator{{Badge: "b1", Salt: salt, Check: protocol.CheckPIN("2468", salt)}}}
	d := newDesk(t, plan)
	d.right(phrase.AskPIN, badge("b1"))
	require.Empty(t, d.state.Badge)
	d.right(phrase.SignedOn, menu("2"), menu("4"), menu("6"), menu("8"), menu("ok"))
	d.right(phrase.SignedOff, menu("off"))
	d.right(phrase.SignedOn, badge("b1"), "2468")
	d.right(phrase.SignedOff, menu("off"))
	d.refuses(phrase.WrongPIN, badge("b1"), "1357")
	d.refuses(phrase.WrongPIN, "13579753") // reads as an EAN-8 where nobody asks for a PIN
	d.refuses(phrase.WrongPIN, "1111")
	d.refuses(phrase.PINClosed, "2468")
	d.now = d.now.Add(30 * time.Second)
	d.right(phrase.SignedOn, "2468")
	d.refuses(phrase.AskStep, "]d20104912345123459")
	d.refuses(phrase.AskStep, "2468")
	for _, r := range d.records {
		b, err := protocol.EncodeBody(r)
		require.NoError(t, err)
		for _, pin := range []string{"2468", "1357", "1111"} {
			require.NotContains(t, string(b), pin)
		}
	}
	b, err := protocol.EncodeBody(d.state)
	require.NoError(t, err)
	require.NotContains(t, string(b), "2468")
}

func TestWhoHasBeenAwayIsSignedOffAndWhatLiesOpenWaitsForTheNext(t *testing.T) {
	d := newDesk(t, protocol.WarehousePlan{Bags: []protocol.ExpectedBag{{Bag: sscc(1), Order: "o", Items: []string{id(dress, 1)}}}},
		as(shelved(dress, 1, ""), protocol.InTransitBack))
	d.at(protocol.StepReceive)
	d.right(phrase.BagReceived, bagCode(1))
	d.warns(phrase.FindNoted, menu("belongings"))
	d.now = d.now.Add(9 * time.Minute)
	require.Empty(t, warehouse.Tick(d.state, d.book, d.now).Records)
	d.now = d.now.Add(time.Minute)
	v := warehouse.Tick(d.state, d.book, d.now)
	require.Equal(t, []protocol.Body{protocol.OperatorChanged{}}, v.Records)
	require.Equal(t, phrase.AskBadge, v.Next.Key)
	d.take(v)
	d.refuses(phrase.AskBadge, code(dress, 1))
	d.right(phrase.SignedOn, badge("b2"))
	d.right(phrase.PieceRight, code(dress, 1))
	d.right(phrase.BagClosed, menu("close"))
	require.Equal(t, []protocol.BagFind{{Kind: "belongings"}}, of[protocol.BagScanned](d.records)[1].Found)
	require.Equal(t, "b2", d.items()[0].Operator)
}

func TestWhatBelongsToAPersonEndsWithAScanLate(t *testing.T) {
	d := newDesk(t, protocol.WarehousePlan{}).at(protocol.StepRegister)
	d.now = d.now.Add(time.Hour)
	d.refuses(phrase.AskBadge, code(dress, 1))
	require.Equal(t, protocol.OperatorChanged{}, d.records[0], "nobody has looked in between, and all the same")
	d.right(phrase.SignedOn, badge("b1"))
	d.refuses(phrase.AskStep, code(dress, 1))
}

func TestAPersonHasOnlyTheirSteps(t *testing.T) {
	d := newDesk(t, protocol.WarehousePlan{Operators: []protocol.Operator{{Badge: "b1", Steps: []protocol.Step{protocol.StepCount}}}})
	d.right(phrase.SignedOn, badge("b1"))
	d.refuses(phrase.StepNotYours, menu("st-4"))
	d.right(phrase.StepBegun, menu("st-19"))
	d.refuses(phrase.CardUnknown, shelf("A-1"), menu("st-99"))
	d.refuses(phrase.CloseFirst, menu("st-19"))
}

func TestStepsThatNobodyScansAreNone(t *testing.T) {
	d := newDesk(t, protocol.WarehousePlan{})
	d.right(phrase.SignedOn, badge("b1"))
	for _, s := range []string{"st-9", "st-10", "st-20", "st-21"} {
		d.refuses(phrase.StepNotYours, menu(s))
	}
}

func TestAScanRepeatedWithinAStepIsSaidToBeSoAndRecordedOnce(t *testing.T) {
	d := newDesk(t, protocol.WarehousePlan{}).at(protocol.StepRegister)
	d.right(phrase.PieceRight, code(dress, 1))
	d.warns(phrase.PieceAgain, code(dress, 1))
	d.warns(phrase.PieceAgain, "01"+dress+"21S00001") // without a symbology identifier it is the same piece
	require.Len(t, d.items(), 1)
	d.refuses(phrase.RuleAgain, menu("st-1"), code(dress, 1))
	require.Len(t, d.items(), 2, "another time is another event, which the rules judge")
	require.Equal(t, refused, d.items()[1].Verdict)
	require.Equal(t, string(rental.Again), d.items()[1].Rule)
}

func TestAnErrorStaysUntilItIsSeenAndWhatIsScannedMeanwhileIsRecorded(t *testing.T) {
	d := newDesk(t, protocol.WarehousePlan{}, shelved(dress, 1, "A-1")).at(protocol.StepRegister)
	v := d.refuses(phrase.RuleAgain, code(dress, 1))
	require.Equal(t, 3, v.Beeps())
	require.Equal(t, phrase.AskOK, v.Next.Key)
	for n := 2; n < 5; n++ {
		v = d.refuses(phrase.RuleAgain, code(dress, n))
		require.Equal(t, []string{"S00001"}, v.Line.Args, "the first error is on the display")
	}
	require.Len(t, d.items(), 4)
	require.Equal(t, accepted, d.items()[3].Verdict)
	d.right(phrase.ErrorSeen, menu("ok"))
	d.right(phrase.PieceRight, code(dress, 5))
	d.right(phrase.NothingToSee, menu("ok"))
}

func TestSeveralErrorsAreSeenOneByOneAndAreBounded(t *testing.T) {
	d := newDesk(t, protocol.WarehousePlan{}, func() (all []protocol.KnownItem) {
		for n := range 20 {
			all = append(all, shelved(dress, n, "A-1"))
		}
		return all
	}()...).at(protocol.StepRegister)
	for n := range 20 {
		d.refuses(phrase.RuleAgain, code(dress, n))
	}
	require.Len(t, d.state.Held, 8)
	v := d.refuses(phrase.RuleAgain, menu("ok"))
	require.Equal(t, []string{"S00001"}, v.Line.Args, "the next")
	for range 6 {
		d.scan(menu("ok"))
	}
	v = d.refuses(phrase.MoreErrors, menu("ok"))
	require.Equal(t, "12 more errors. Look at the pieces scanned last.", v.Line.In("en"), "none is dropped unsaid")
	d.right(phrase.ErrorSeen, menu("ok"))
	require.Len(t, d.items(), 20)
}

func TestCodesThatMeanNothingAreAnsweredAndNotHeld(t *testing.T) {
	d := newDesk(t, protocol.WarehousePlan{}).at(protocol.StepRegister)
	d.refuses(phrase.NotOurs, "hello")
	d.refuses(phrase.NoPiece, "]d201"+dress)
	d.refuses(phrase.CardUnknown, menu("hello"))
	d.refuses(phrase.NotThisStep, label(gs1.Tote, "4"))
	d.right(phrase.PieceRight, code(dress, 1))
	require.Len(t, of[protocol.ScanRefused](d.records), 4)
}

func TestADigitalLinkAndALotBesideItNameTheSamePiece(t *testing.T) {
	d := newDesk(t, protocol.WarehousePlan{}).at(protocol.StepRegister)
	d.right(phrase.PieceRight, "]Q1https://id.example.jp/01/"+dress+"/21/S00001")
	d.warns(phrase.PieceAgain, "]d201"+dress+"10LOT\x1d21S00001")
	require.Equal(t, id(dress, 1), d.items()[0].Item)
}

func TestTheLineIsShortWhateverIsScanned(t *testing.T) {
	d := newDesk(t, protocol.WarehousePlan{}).at(protocol.StepRegister)
	v := d.right(phrase.PieceRight, "]d201"+dress+"21"+strings.Repeat("9", 20))
	require.Equal(t, "…99999999999: right.", v.Line.In("en"))
}

// withHeld is a desk where an error was not seen, and whose person has gone.
func withHeld(t *testing.T, o protocol.Operator) *desk {
	d := newDesk(t, protocol.WarehousePlan{Operators: []protocol.Operator{{Badge: "b1"}, o}}, shelved(dress, 1, "A-1")).at(protocol.StepRegister)
	d.refuses(phrase.RuleAgain, code(dress, 1))
	d.now = d.now.Add(11 * time.Minute)
	return d
}

func TestAnErrorOfSomebodyWhoIsGoneIsSeenByWhoComesNext(t *testing.T) {
	d := withHeld(t, protocol.Operator{Badge: "b2"})
	v := d.right(phrase.ErrorSeen, menu("ok"))
	require.Equal(t, phrase.AskBadge, v.Next.Key)
	d.right(phrase.SignedOn, badge("b2"))

	salt := []byte("salt of b2 ......")
	d = withHeld(t, protocol.Operator{Badge: "b2", Salt: salt, Check: protocol.CheckPIN("2468", salt)})
	d.refuses(phrase.RuleAgain, badge("b2"))
	v = d.right(phrase.ErrorSeen, menu("ok"))
	require.Equal(t, phrase.AskPIN, v.Next.Key)
	require.Zero(t, d.state.Tries, "it was no PIN")
	d.right(phrase.SignedOn, menu("2"), menu("4"), menu("6"), menu("8"), menu("ok"))
}

func TestWhoIsInThePlanNoLongerIsSignedOff(t *testing.T) {
	d := newDesk(t, protocol.WarehousePlan{Operators: []protocol.Operator{{Badge: "b1", Steps: []protocol.Step{protocol.StepRegister}}}})
	d.at(protocol.StepRegister)
	plan := d.book.Plan
	plan.Operators = []protocol.Operator{{Badge: "b2"}}
	d.book = warehouse.NewBook(plan, nil)
	ticked := warehouse.Tick(d.state, d.book, d.now)
	require.Equal(t, []protocol.Body{protocol.OperatorChanged{}}, ticked.Records, "the agent does it as soon as the plan is active")
	d.refuses(phrase.AskBadge, menu("st-22"))
	require.Empty(t, d.state.Badge)
	d.refuses(phrase.AskBadge, code(dress, 1))
}
