package warehouse

import (
	"slices"
	"strings"

	"meguri/edge/phrase"
	"meguri/protocol"
)

// inspect takes a piece, then what is found of it by cards, then the outcome, with which all is recorded.
func (t *turn) inspect(c code) Verdict {
	if t.s.Inspected.Item == "" {
		return t.beginInspection(c)
	}
	switch {
	case c.kind == menu && (c.value == MenuPass || c.value == MenuFail):
		return t.inspected(c.value == MenuPass)
	case c.kind == menu:
		return t.finding(c)
	case c.kind == piece && c.value == t.s.Inspected.Item:
		return t.warn(phrase.PieceAgain, name(c.value))
	}
	return t.nothing(c, "an inspection is under way", phrase.FinishFirst, name(t.s.Inspected.Item))
}

func (t *turn) beginInspection(c code) Verdict {
	item, v, ok := t.pieceOf(c)
	switch {
	case !ok:
		return v
	case t.repeated(protocol.ItemScanned{Item: item, Step: t.s.Step}):
		t.s.Inspected = Inspection{Item: item} // somebody looks at it again
		return t.warn(phrase.PieceAgain, name(item))
	}
	t.s.Inspected = Inspection{Item: item}
	return t.accept(phrase.PieceRight, name(item))
}

// finding notes what a card says of the piece.
func (t *turn) finding(c code) Verdict {
	i := &t.s.Inspected
	if grade, ok := strings.CutPrefix(c.value, MenuGrade); ok && len(grade) == 1 && strings.Contains("abcd", grade) {
		i.Grade = protocol.Grade(grade[0]-'a') + protocol.GradeA
		return t.accept(phrase.GradeNoted, strings.ToUpper(grade))
	}
	if c.value == MenuDirty {
		i.Dirty = true
		return t.accept(phrase.DirtNoted)
	}
	if kind, ok := t.b.damages[c.value]; ok {
		if len(i.Damages) >= protocol.MaxDamages {
			return t.nothing(c, "too many damages of one piece", phrase.DamagesFull)
		}
		i.Damages = append(slices.Clip(i.Damages), protocol.Damage{Kind: kind})
		return t.accept(phrase.DamageNoted, kind, number(len(i.Damages)))
	}
	return t.detail(c)
}

// detail notes where the damage named last is, or its photo.
func (t *turn) detail(c code) Verdict {
	at, isPlace := argument(c, MenuAt)
	photo, isPhoto := argument(c, MenuPhoto)
	switch {
	case !isPlace && !isPhoto:
		return t.nothing(c, "no card of an inspection", phrase.CardUnknown)
	case len(t.s.Inspected.Damages) == 0:
		return t.nothing(c, "a detail of no damage", phrase.DamageFirst)
	}
	damages := slices.Clone(t.s.Inspected.Damages)
	last := &damages[len(damages)-1]
	if isPlace {
		last.Place = at
	} else {
		last.Photo = photo
	}
	t.s.Inspected.Damages = damages
	return t.accept(phrase.DetailNoted, at+photo)
}

// inspected ends an inspection. One made again within the step is recorded again: the person has looked again, and the last counts.
func (t *turn) inspected(pass bool) Verdict {
	i := t.s.Inspected
	t.s.Inspected = Inspection{}
	if t.repeated(protocol.ItemScanned{Item: i.Item, Step: t.s.Step}) {
		t.s.Visit++
	}
	said := phrase.New(phrase.PieceFailed, name(i.Item))
	if pass {
		said = phrase.New(phrase.PiecePassed, name(i.Item))
	}
	return t.did(protocol.ItemScanned{Item: i.Item, Step: t.s.Step, Place: t.s.Place, Conformant: pass, Grade: i.Grade, Dirty: i.Dirty,
		Damages: i.Damages}, said, "")
}
