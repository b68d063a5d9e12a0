package warehouse

import (
	"meguri/edge/phrase"
	"meguri/internal/rental"
)

// Rules that only a scanner knows: of its lists, and of what lies before the person.
const (
	Unknown       rental.Rule = "the piece is in no list of this scanner"
	OtherOwner    rental.Rule = "the piece is somebody else's"
	NotExpected   rental.Rule = "the piece was not expected in this bag"
	NotListed     rental.Rule = "the piece is on no list to be picked"
	WrongTote     rental.Rule = "the piece went into a wrong tote"
	FullShelf     rental.Rule = "the shelf is full"
	NoShelf       rental.Rule = "the shelf is on no list"
	Short         rental.Rule = "pieces of the bag's order are missing"
	NoBag         rental.Rule = "the bag is on no list"
	NotComingBack rental.Rule = "the bag was not expected back"
	Missing       rental.Rule = "pieces that were expected in the bag are missing"
	Unlabelled    rental.Rule = "the bag has no label"
	Others        rental.Rule = "more errors than are kept one by one"
)

// spoken are the lines of the rules.
var spoken = map[rental.Rule]phrase.Key{
	rental.Unregistered: phrase.RuleUnregistered, rental.Again: phrase.RuleAgain, rental.WrongState: phrase.RuleState,
	rental.NotFit: phrase.RuleNotFit, rental.Promised: phrase.RulePromised, rental.PickedTwice: phrase.RulePickedTwice,
	rental.OtherOrder: phrase.RuleOtherOrder, rental.OtherBag: phrase.SomebodyElses, rental.OtherBatch: phrase.RuleOtherBatch,
	rental.StillDirty: phrase.RuleDirty, rental.StillDamaged: phrase.RuleDamaged, rental.SamePerson: phrase.RuleSamePerson,
	rental.NothingBroken: phrase.RuleNothingBroken, rental.Gone: phrase.RuleGone, rental.Elsewhere: phrase.RuleElsewhere,
	rental.StillOut: phrase.RuleOut, rental.NoOrder: phrase.NotOnPickList, rental.StepSkipped: phrase.RuleSkipped,

	Unknown: phrase.PieceUnknown, OtherOwner: phrase.SomebodyElses, NotExpected: phrase.PieceUnexpected, NotListed: phrase.NotOnPickList,
	WrongTote: phrase.WrongTote, FullShelf: phrase.ShelfFull, NoShelf: phrase.ShelfUnknown, Short: phrase.BagShort,
	NoBag: phrase.BagUnknown, NotComingBack: phrase.BagUnexpected, Missing: phrase.BagMissing, Others: phrase.MoreErrors,
}

// speak is the line of a rule. One that this version does not know says at least that there is one.
func speak(rule rental.Rule, args ...string) phrase.Phrase {
	k, ok := spoken[rule]
	if !ok {
		k = phrase.RuleOther
	}
	return phrase.New(k, args...)
}
