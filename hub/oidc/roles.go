package oidc

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"meguri/hub/people"
)

// Roles says what a company's groups are here. Of somebody who is in several groups the first row counts.
type Roles []Role

// Role is what one group is here.
type Role struct {
	Group string
	Role  people.Role
	Place string // a driver's route, a shop's id, a customer's pseudonym
}

const maxRoles = 1000

// ReadRoles reads a CSV file with the columns group, role and place, the last of which may be missing. An error names the row.
func ReadRoles(r io.Reader) (Roles, error) {
	in := csv.NewReader(r)
	in.TrimLeadingSpace, in.FieldsPerRecord = true, -1
	head, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("first row: %w: want group,role,place", err)
	}
	head[0] = strings.TrimPrefix(head[0], "\ufeff")
	if !slices.Equal(head, []string{"group", "role", "place"}) && !slices.Equal(head, []string{"group", "role"}) {
		return nil, fmt.Errorf("row 1: %.100q: want group,role,place", strings.Join(head, ","))
	}
	var all Roles
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err // it names the line
		}
		line, _ := in.FieldPos(0)
		role, err := readRole(row)
		if err == nil && slices.ContainsFunc(all, func(r Role) bool { return r.Group == role.Group }) {
			err = fmt.Errorf("group %q stands above already", role.Group)
		}
		if err == nil && len(all) == maxRoles {
			err = fmt.Errorf("want at most %d groups", maxRoles)
		}
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", line, err)
		}
		all = append(all, role)
	}
	if len(all) == 0 {
		return nil, errors.New("no group has a role: want at least one row")
	}
	return all, nil
}

func readRole(row []string) (r Role, err error) {
	if len(row) < 2 || len(row) > 3 {
		return r, fmt.Errorf("%d fields: want group,role,place", len(row))
	}
	r.Group, r.Role = strings.TrimSpace(row[0]), people.Role(strings.TrimSpace(row[1]))
	if len(row) == 3 {
		r.Place = strings.TrimSpace(row[2])
	}
	if r.Group == "" {
		return r, errors.New("group: want a name")
	}
	return r, people.CheckRole(r.Role, r.Place)
}

// Of is what somebody in some groups is here; the empty role for who is nothing.
func (all Roles) Of(groups []string) (people.Role, string) {
	for _, r := range all {
		if slices.Contains(groups, r.Group) {
			return r.Role, r.Place
		}
	}
	return "", ""
}
