package rental

import (
	"fmt"
	"strings"
	"time"

	"meguri/hub/alarm"
	"meguri/hub/store"
	"meguri/internal/rental"
	"meguri/protocol"
)

// Custodies are the states of custody as people are told them.
var Custodies = map[protocol.Custody]alarm.Text{
	0:                        {EN: "Not registered", JA: "未登録"},
	protocol.Registered:      {EN: "Registered", JA: "入庫"},
	protocol.InspectedIn:     {EN: "Inspected in", JA: "受入検品済"},
	protocol.Shelved:         {EN: "On the shelf", JA: "格納"},
	protocol.Picked:          {EN: "Picked", JA: "ピッキング済"},
	protocol.Packed:          {EN: "Packed", JA: "梱包済"},
	protocol.Unpacked:        {EN: "Unpacked", JA: "突合済"},
	protocol.InTransitOut:    {EN: "On its way out", JA: "発送中"},
	protocol.OnRent:          {EN: "With the customer", JA: "貸出中"},
	protocol.InTransitBack:   {EN: "On its way back", JA: "返送中"},
	protocol.ReturnReceived:  {EN: "Return received", JA: "返却受付"},
	protocol.ReturnInspected: {EN: "Return inspected", JA: "返却検品済"},
	protocol.Cleaning:        {EN: "Cleaning", JA: "クリーニング"},
	protocol.Repairing:       {EN: "Repair", JA: "補修"},
	protocol.FinalInspected:  {EN: "Final inspection done", JA: "最終検品済"},
	protocol.Quarantined:     {EN: "Quarantined", JA: "保留"},
	protocol.Missing:         {EN: "Missing", JA: "所在不明"},
	protocol.Sold:            {EN: "Sold", JA: "買取済"},
	protocol.Retired:         {EN: "Retired", JA: "除籍"},
}

// Steps are the steps of the round as people are told them.
var Steps = map[protocol.Step]alarm.Text{
	protocol.StepRegister:      {EN: "Registered", JA: "入庫"},
	protocol.StepInspectIn:     {EN: "Inspected in", JA: "受入検品"},
	protocol.StepPutAway:       {EN: "Put away", JA: "格納"},
	protocol.StepPick:          {EN: "Picked", JA: "ピッキング"},
	protocol.StepPack:          {EN: "Packed", JA: "梱包"},
	protocol.StepUnpack:        {EN: "Unpacked", JA: "突合"},
	protocol.StepShip:          {EN: "Shipped", JA: "発送"},
	protocol.StepVoidShip:      {EN: "Shipping called off", JA: "発送取消"},
	protocol.StepDeliver:       {EN: "Delivered", JA: "お届け"},
	protocol.StepSendBack:      {EN: "Sent back", JA: "返送"},
	protocol.StepReceive:       {EN: "Return received", JA: "返却受付"},
	protocol.StepInspectReturn: {EN: "Return inspected", JA: "返却検品"},
	protocol.StepClean:         {EN: "To cleaning", JA: "クリーニングへ"},
	protocol.StepCleaned:       {EN: "Cleaned", JA: "クリーニング済"},
	protocol.StepRepair:        {EN: "To repair", JA: "補修へ"},
	protocol.StepRepaired:      {EN: "Repaired", JA: "補修済"},
	protocol.StepInspectFinal:  {EN: "Final inspection", JA: "最終検品"},
	protocol.StepQuarantine:    {EN: "Quarantined", JA: "保留"},
	protocol.StepCount:         {EN: "Counted", JA: "棚卸"},
	protocol.StepMiss:          {EN: "Not found", JA: "所在不明"},
	protocol.StepSell:          {EN: "Sold", JA: "買取"},
	protocol.StepRetire:        {EN: "Retired", JA: "除籍"},
}

// Acts are the acts on a promise as people are told them.
var Acts = map[rental.Act]alarm.Text{
	rental.Allocate: {EN: "Promised", JA: "引当"},
	rental.Release:  {EN: "Promise taken back", JA: "引当解除"},
}

// Effects are what becomes of an occurrence that a rule is against, as people are told it.
var Effects = map[rental.Effect]alarm.Text{
	rental.Told:    {EN: "it counts", JA: "記録は有効です"},
	rental.Ignored: {EN: "it changes nothing", JA: "状態は変わりません"},
	rental.Held:    {EN: "the piece is quarantined", JA: "個体は保留になります"},
}

// rulesJA are the rules in Japanese. A rule's own text is English.
var rulesJA = map[rental.Rule]string{
	rental.UnknownStep:   "この工程は登録されていません",
	rental.Unregistered:  "未登録の個体です",
	rental.Again:         "登録済みの個体です",
	rental.WrongState:    "この工程を始められる状態ではありません",
	rental.NotFit:        "返却後の検品に合格していません",
	rental.NotOnShelf:    "棚にありません",
	rental.OffShelf:      "注文のために棚から出ています。先に棚へ戻してください",
	rental.Promised:      "別の注文に引当済です",
	rental.PickedTwice:   "別のスキャナーもピッキングしました",
	rental.OtherOrder:    "別の注文のためにピッキングされました",
	rental.NoOrder:       "注文の指定がありません",
	rental.NoBag:         "バッグの指定がありません",
	rental.OtherBag:      "別のバッグに入っているはずです",
	rental.OtherBatch:    "別のバッチに入りました",
	rental.StillDirty:    "返却後にクリーニングされていません",
	rental.StillDamaged:  "合格とされましたが、損傷または等級Dがあります",
	rental.SamePerson:    "補修した本人は最終検品できません",
	rental.NothingBroken: "補修する損傷がありません",
	rental.Gone:          "買取済みまたは除籍済みです",
	rental.Elsewhere:     "別の棚にあるはずです",
	rental.StillOut:      "社外にあるはずです",
	rental.StepSkipped:   "前の工程がスキャンされていません",
}

// RuleText is a rule as people are told it.
func RuleText(r rental.Rule) alarm.Text {
	ja, ok := rulesJA[r]
	if !ok {
		ja = string(r)
	}
	return alarm.Text{EN: string(r), JA: ja}
}

// maxDetail bounds what a work item says in one language, in bytes: it may list pieces.
const maxDetail = 1000

// say is what a work item says, in both languages, as it is stored. Arguments that are texts are given in each.
func say(en, ja string, args ...any) string {
	in := func(lang, format string) string {
		given := make([]any, len(args))
		for n, a := range args {
			given[n] = a
			if t, ok := a.(alarm.Text); ok {
				given[n] = t.In(lang)
			}
		}
		return clean(fmt.Sprintf(format, given...), maxDetail)
	}
	return string(alarm.Say(alarm.Text{EN: in("en", en), JA: in("ja", ja)}))
}

// custodyText is a state of custody, as the API names it in English.
func custodyText(c protocol.Custody) alarm.Text {
	return alarm.Text{EN: CustodyName(c), JA: Custodies[c].JA}
}

var ordersJA = map[string]string{"open": "未発送", "shipped": "発送済", "returned": "返却済", "closed": "完了", "cancelled": "取消済"}

// orderText is the state of an order; empty is one that nobody knows.
func orderText(state string) alarm.Text {
	if state == "" {
		return alarm.Text{EN: "not known", JA: "未登録"}
	}
	return alarm.Text{EN: state, JA: ordersJA[state]}
}

// somebody is a person by their badge, where it is known.
func somebody(badge string) alarm.Text {
	if badge == "" {
		return alarm.Text{EN: "somebody", JA: "担当者不明"}
	}
	return alarm.Text{EN: badge, JA: badge}
}

// japan is where whoever reads Japanese times is.
var japan = time.FixedZone("JST", 9*60*60)

// minute is a time for whoever reads of it in each language.
func minute(t time.Time) alarm.Text {
	return alarm.Text{EN: t.UTC().Format(time.RFC3339), JA: t.In(japan).Format("1月2日 15:04")}
}

// stepText is an occurrence in words, with who and when.
func stepText(e store.RentalEvent) alarm.Text {
	who := "ハブ"
	if e.Device != "" {
		who, _, _ = strings.Cut(e.Device, "/")
	}
	if e.Operator != "" {
		who += " (" + e.Operator + ")"
	}
	at := minute(e.At)
	return alarm.Text{EN: fmt.Sprintf("%s by %s at %s", Words(e), e.Who(), at.EN), JA: fmt.Sprintf("%s（%s、%s）", wordsJA(e), who, at.JA)}
}

// Words says what was done to a piece, and where, for terminals.
func Words(e store.RentalEvent) string {
	what := StepName(e.Step)
	if e.Act != 0 {
		what = ActName(e.Act)
	}
	return with(what, e, "at", "bag", "order", "batch")
}

func wordsJA(e store.RentalEvent) string {
	what := Steps[e.Step].JA
	if e.Act != 0 {
		what = Acts[e.Act].JA
	}
	return with(what, e, "場所", "バッグ", "注文", "バッチ")
}

// with adds where something was done, and to which order.
func with(what string, e store.RentalEvent, at, bag, order, batch string) string {
	for _, detail := range []struct{ word, value string }{{at, e.Place}, {bag, e.Bag}, {order, e.Order}, {batch, e.Batch}} {
		if detail.value != "" {
			what += " " + detail.word + " " + detail.value
		}
	}
	return what
}

// whyOf is a breach in words, with what would have been legal.
func whyOf(b rental.Breach) alarm.Text {
	names, ja := make([]string, len(b.Next)), make([]string, len(b.Next))
	for n, s := range b.Next {
		names[n], ja[n] = StepName(s), Steps[s].JA
	}
	legal := alarm.Text{EN: "nothing may be done with it", JA: "可能な工程はありません"}
	if len(names) > 0 {
		legal = alarm.Text{EN: "legal: " + strings.Join(names, ", "), JA: "可能な工程：" + strings.Join(ja, "、")}
	}
	rule := RuleText(b.Rule)
	return alarm.Text{EN: rule.EN + "; " + Effects[b.Effect].EN + "; " + legal.EN, JA: rule.JA + "。" + Effects[b.Effect].JA + "。" + legal.JA}
}
