package rental

// Rule is what an event is against. Its text is for people who read logs; screens have their own by language.
type Rule string

// Rules.
const (
	UnknownStep   Rule = "this step is not known here"
	Unregistered  Rule = "the piece is not registered"
	Again         Rule = "the piece is registered already"
	WrongState    Rule = "the piece is not where this step begins"
	NotFit        Rule = "the piece has not passed its inspection since it came back"
	NotOnShelf    Rule = "the piece is on no shelf"
	OffShelf      Rule = "the piece has left its shelf for the order: it has to be put back first"
	Promised      Rule = "the piece is promised to another order"
	PickedTwice   Rule = "another scanner has picked the piece, too"
	OtherOrder    Rule = "the piece was picked for another order"
	NoOrder       Rule = "no order is said"
	NoBag         Rule = "no bag is said"
	OtherBag      Rule = "the piece was expected in another bag"
	OtherBatch    Rule = "the piece went into another batch"
	StillDirty    Rule = "the piece was not cleaned since it came back"
	StillDamaged  Rule = "the piece is said to be fit, and has damages or grade D"
	SamePerson    Rule = "who has repaired a piece may not make its final inspection"
	NothingBroken Rule = "the piece has no damage to repair"
	Gone          Rule = "the piece was sold or retired"
	Elsewhere     Rule = "the piece should be on another shelf"
	StillOut      Rule = "the piece should be with somebody else"
	StepSkipped   Rule = "the step before was not scanned"
)
