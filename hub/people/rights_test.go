package people

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheTableOfRightsNamesEachRouteOnce(t *testing.T) {
	require.NotNil(t, NewTable(Rights()))
	require.Nil(t, NewTable([]Right{{Route: "GET /"}, {Route: "GET /"}}))
}

// call is a request with everything asked for at one place, and one field of its body.
func call(place, field string) Call {
	return Call{Param: func(string) string { return place }, Field: func(string) string { return field }}
}

// A person with everything, one whose session owes the second factor, and one who has not shown just now that it is they, against
// each route: whatever is refused is refused for the reason that stands in the table.
func TestEveryRoleAgainstEveryRoute(t *testing.T) {
	table := NewTable(Rights())
	for _, right := range Rights() {
		require.Equal(t, right.Public, table.Judge(right.Route, nil, call("mine", "")) == ForPublic, right.Route)
		field := ""
		if right.Sign != nil && right.Sign.Field != "" {
			field = right.Sign.Values[0]
		}
		for _, role := range Roles() {
			sure := Caller{Person: Person{Role: role, Place: "mine"}, Whole: true, Fresh: true}
			half, stale := sure, sure
			half.Whole, stale.Fresh = false, false
			got, owes, unsigned := table.Judge(right.Route, &sure, call("mine", field)), table.Judge(right.Route, &half, call("mine", field)),
				table.Judge(right.Route, &stale, call("mine", field))
			want := [3]Verdict{Allowed, Allowed, Allowed}
			switch {
			case right.Public:
				want = [3]Verdict{ForPublic, ForPublic, ForPublic}
			case !slices.Contains(right.Roles, role):
				want = [3]Verdict{Refused, Refused, Refused}
			default:
				if !right.Half {
					want[1] = Owes
				}
				if right.Sign != nil {
					want[2] = Unsigned
				}
			}
			require.Equal(t, want, [3]Verdict{got, owes, unsigned}, "%s %s", role, right.Route)
			if right.Own[role] != "" {
				require.Equal(t, NotOwn, table.Judge(right.Route, &sure, call("theirs", field)), "%s %s", role, right.Route)
			}
		}
	}
}

func TestOnlyTheUsesThatAreToBeSignedAskForIt(t *testing.T) {
	table := NewTable(Rights())
	kitting, quality := Caller{Person: Person{Role: Kitting}, Whole: true}, Caller{Person: Person{Role: Quality}, Whole: true}
	require.Equal(t, Unsigned, table.Judge("POST /v1/devices/:id/commissioning", &kitting, call("", "sign")))
	require.Equal(t, Allowed, table.Judge("POST /v1/devices/:id/commissioning", &kitting, call("", "begin")))
	require.Equal(t, Unsigned, table.Judge("POST /quality", &quality, call("", "condemned")))
	require.Equal(t, Allowed, table.Judge("POST /quality", &quality, call("", "held")))
	require.Equal(t, Unsigned, table.Judge("POST /v1/quality/decisions", &quality, call("", "")))
}

// What an act that somebody answers for is, as people argue about it.
func TestWhatIsSigned(t *testing.T) {
	var got []string
	for _, right := range Rights() {
		if right.Sign != nil {
			got = append(got, strings.TrimSpace(right.Route+" "+strings.Join(right.Sign.Values, "|")))
		}
	}
	require.ElementsMatch(t, []string{"POST /v1/quality/decisions", "POST /quality released|condemned",
		"POST /v1/fridges/:id/openings", "POST /v1/openings/:id/confirm", "POST /doors/:id",
		"POST /v1/devices/:id/commissioning sign", "POST /devices/:id/commissioning sign",
		"POST /people", "POST /people/colleagues", "POST /people/:id/link", "POST /people/:id/remove", "POST /people/:id/role", "POST /people/:id/reset",
		"POST /v1/customers/:id/erasure"}, got)
}

func TestARouteOutsideTheTableAnswersNobody(t *testing.T) {
	table := NewTable(Rights())
	require.Equal(t, Login, table.Judge("GET /new", nil, Call{}))
	require.Equal(t, Refused, table.Judge("GET /new", &Caller{Person: Person{Role: Admin}, Whole: true, Fresh: true}, Call{}))
}

// The whole table once more in the form in which people argue about it. A change here is a decision, not a repair.
func TestWhoMayChangeWhat(t *testing.T) {
	got := map[Role][]string{}
	for _, right := range Rights() {
		if right.Act && !own(right.Route) {
			for _, role := range right.Roles {
				got[role] = append(got[role], right.Route)
			}
		}
	}
	order, command, refund := "POST /v1/orders", "POST /v1/devices/:id/commands", "POST /v1/orders/:id/refunds"
	confirm, cancel, lines := "POST /v1/orders/:id/confirm", "POST /v1/orders/:id/cancel", "PUT /v1/orders/:id/lines"
	repair := "POST /check/:id/repair"
	work := []string{"POST /v1/work-items/:id/close", "POST /work-items/:id/close"}
	rent := []string{"POST /v1/rental/orders", "POST /v1/rental/orders/:id/allocate", "POST /v1/rental/orders/:id/release", "POST /v1/rental/orders/:id/deliver",
		"POST /v1/rental/orders/:id/end", "POST /v1/rental/items/:id/end", "POST /v1/rental/batches", "POST /v1/rental/repairs",
		"POST /v1/rental/bags/:id/carrier"}
	rentPages := []string{"POST /rental/orders/:id", "POST /rental/items/:id", "POST /rental/cleaning", "POST /rental/repairs"}
	promised := []string{rent[0], rent[2], rent[3], rent[4], rent[5], rent[8], rentPages[0], rentPages[1]}
	known := []string{"POST /v1/customers", "POST /v1/customers/search", "PUT /v1/customers/:id"}
	erase := []string{"POST /v1/customers/:id/erasure", "POST /customers"}
	limit := "PUT /v1/products/:id/limit"
	hold, decide, probe := "POST /v1/quality/holds", "POST /v1/quality/decisions", "POST /v1/probings"
	ask, confirmDoor := "POST /v1/fridges/:id/openings", "POST /v1/openings/:id/confirm"
	risk, riskPage := "POST /v1/orders/:id/risk", "POST /orders/:id/risk"
	disrupt := []string{"POST /v1/outages", "DELETE /v1/outages", "POST /v1/calloffs", limit, "POST /v1/exceptions", hold, probe, command,
		"POST /v1/devices/:id/stolen", ask, confirmDoor, work[0], riskPage, "POST /devices/:id/stolen", "POST /doors/:id", "POST /outages",
		"POST /exceptions", "POST /quality", work[1], repair}
	maintain := []string{"POST /v1/maintenance", "DELETE /v1/maintenance", "POST /maintenance"}
	programs, pages := "POST /v1/alarms/:id/", "POST /alarms/:id/"
	answer := slices.Concat(maintain, answers(programs), answers(pages))
	sure := slices.Concat(maintain, append(answers(programs), programs+"confirm"), append(answers(pages), pages+"confirm"))
	require.Equal(t, map[Role][]string{
		Admin: slices.Concat([]string{order, refund, risk, confirm, cancel, lines}, disrupt,
			[]string{"POST /people", "POST /people/colleagues", "POST /people/:id/link", "POST /people/:id/remove", "POST /people/:id/role", "POST /people/:id/reset"}, answer, rent, rentPages, known, erase),
		Dispatcher: slices.Concat([]string{order, refund, risk, cancel, lines}, disrupt, answer),
		Support:    slices.Concat([]string{order, refund, risk, confirm, cancel, lines, work[0], riskPage, work[1]}, promised, known, erase),
		Quality:    slices.Concat([]string{hold, decide, probe, work[0], "POST /quality", work[1]}, sure),
		Warehouse:  slices.Concat(work, rent, rentPages),
		Kitting:    slices.Concat([]string{probe, command, "POST /v1/devices/:id/commissioning", work[0], "POST /devices/:id/commissioning", work[1]}, maintain),
		Driver:     {"POST /v1/sheets/:id/confirm", probe, "POST /sheet/:id/confirm"},
		Shop:       {limit},
		Customer:   {order, cancel, lines},
		System:     slices.Concat([]string{order, refund, confirm, cancel, lines}, rent, known),
	}, got)
}

// own says whether a route is for everybody's own account.
func own(route string) bool {
	_, path, _ := strings.Cut(route, " ")
	return strings.HasSuffix(path, "/logout") || strings.HasPrefix(path, "/v1/me") || strings.HasPrefix(path, "/account") || path == "/businesses"
}

func TestEverybodyLooksAfterTheirOwnAccount(t *testing.T) {
	for _, right := range Rights() {
		if own(right.Route) {
			require.Equal(t, Roles(), right.Roles, right.Route)
		}
	}
}

// answers are what somebody who answers alarms may do, all but confirm.
func answers(prefix string) []string {
	return []string{prefix + "acknowledge", prefix + "shelve", prefix + "unshelve", prefix + "reset"}
}

func TestWhateverIsNotOnlyReadIsAnAct(t *testing.T) {
	for _, right := range Rights() {
		if !right.Public {
			require.Equal(t, !strings.HasPrefix(right.Route, "GET "), right.Act, right.Route)
		}
	}
}

func TestACustomersOrderIsForThatCustomer(t *testing.T) {
	require.True(t, Person{Role: Customer, Place: "member-1"}.Owns("member-1"))
	require.False(t, Person{Role: Customer, Place: "member-1"}.Owns("member-2"))
	require.True(t, Person{Role: Support}.Owns("member-2"))
}
