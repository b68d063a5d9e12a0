package people

// alarmRights says who answers alarms. Whoever sees that something is wrong may see what is done about it; that what was done is
// enough for the goods is for quality to say, and nobody else.
func alarmRights() []Right {
	answering := []Role{Admin, Dispatcher, Quality}
	rights := []Right{
		{Route: "GET /v1/alarms/:id", Roles: with(staff, System)},
		{Route: "GET /alarms", Roles: staff},
		{Route: "GET /alarms/:id", Roles: staff},
		{Route: "GET /v1/maintenance", Roles: with(staff, System)},
		{Route: "POST /v1/maintenance", Roles: with(answering, Kitting), Act: true},
		{Route: "DELETE /v1/maintenance", Roles: with(answering, Kitting), Act: true},
		{Route: "POST /maintenance", Roles: with(answering, Kitting), Act: true},
	}
	for _, prefix := range []string{"POST /v1/alarms/:id/", "POST /alarms/:id/"} {
		for _, verb := range []string{"acknowledge", "shelve", "unshelve", "reset"} {
			rights = append(rights, Right{Route: prefix + verb, Roles: answering, Act: true})
		}
		rights = append(rights, Right{Route: prefix + "confirm", Roles: []Role{Quality}, Act: true})
	}
	return rights
}
