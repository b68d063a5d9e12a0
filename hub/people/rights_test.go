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

func TestEveryRoleAgainstEveryRoute(t *testing.T) {
	table := NewTable(Rights())
	place := func(string) string { return "mine" }
	elsewhere := func(string) string { return "theirs" }
	for _, right := range Rights() {
		require.Equal(t, right.Public, table.Judge(right.Route, nil, place) == ForPublic, right.Route)
		for _, role := range Roles() {
			p := &Person{Role: role, Place: "mine"}
			got := table.Judge(right.Route, p, place)
			switch {
			case right.Public:
				require.Equal(t, ForPublic, got, "%s %s", role, right.Route)
			case slices.Contains(right.Roles, role):
				require.Equal(t, Allowed, got, "%s %s", role, right.Route)
			default:
				require.Equal(t, Refused, got, "%s %s", role, right.Route)
			}
			if right.Own[role] != "" {
				require.Equal(t, NotOwn, table.Judge(right.Route, p, elsewhere), "%s %s", role, right.Route)
			}
		}
	}
}

func TestARouteOutsideTheTableAnswersNobody(t *testing.T) {
	table := NewTable(Rights())
	require.Equal(t, Login, table.Judge("GET /new", nil, nil))
	require.Equal(t, Refused, table.Judge("GET /new", &Person{Role: Admin}, nil))
}

// The whole table once more in the form in which people argue about it. A change here is a decision, not a repair.
func TestWhoMayChangeWhat(t *testing.T) {
	got := map[Role][]string{}
	for _, right := range Rights() {
		if right.Act && !strings.HasSuffix(right.Route, "/logout") {
			for _, role := range right.Roles {
				got[role] = append(got[role], right.Route)
			}
		}
	}
	order, command, refund := "POST /v1/orders", "POST /v1/devices/:id/commands", "POST /v1/orders/:id/refunds"
	confirm, cancel, lines := "POST /v1/orders/:id/confirm", "POST /v1/orders/:id/cancel", "PUT /v1/orders/:id/lines"
	repair := "POST /check/:id/repair"
	work := []string{"POST /v1/work-items/:id/close", "POST /work-items/:id/close"}
	rent := []string{"POST /v1/rental/orders", "POST /v1/rental/orders/:id/allocate", "POST /v1/rental/orders/:id/release", "POST /v1/rental/orders/:id/deliver"}
	promised := []string{rent[0], rent[2], rent[3]}
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
			[]string{"POST /people", "POST /people/:id/link", "POST /people/:id/remove"}, answer, rent),
		Dispatcher: slices.Concat([]string{order, refund, risk, cancel, lines}, disrupt, answer),
		Support:    slices.Concat([]string{order, refund, risk, confirm, cancel, lines, work[0], riskPage, work[1]}, promised),
		Quality:    slices.Concat([]string{hold, decide, probe, work[0], "POST /quality", work[1]}, sure),
		Warehouse:  slices.Concat(work, rent),
		Kitting:    slices.Concat([]string{probe, command, "POST /v1/devices/:id/commissioning", work[0], "POST /devices/:id/commissioning", work[1]}, maintain),
		Driver:     {"POST /v1/sheets/:id/confirm", probe, "POST /sheet/:id/confirm"},
		Shop:       {limit},
		Customer:   {order, cancel, lines},
		System:     slices.Concat([]string{order, refund, confirm, cancel, lines}, rent),
	}, got)
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
