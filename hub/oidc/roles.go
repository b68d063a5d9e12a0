package oidc

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"meguri/hub/people"
)

// Roles says what a company's groups are here. Of somebody who is in several groups the first row of a business counts there.
type Roles []Role

// Role is what one group is in one business.
type Role struct {
	Group    string
	Role     people.Role
	Place    string // that goes with the role (people.Role.Own)
	Business string // its id
}

const maxRoles = 1000

// columns are those of the file; it may end before place, or before business, which is the first then.
var columns = []string{"group", "role", "place", "business"}

// ReadRoles reads a CSV file with the columns group, role, place and business, of which the last two may be missing. An error names the row.
func ReadRoles(r io.Reader) (Roles, error) {
	in := csv.NewReader(r)
	in.TrimLeadingSpace, in.FieldsPerRecord = true, -1
	want := "want " + strings.Join(columns, ",")
	head, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("first row: %w: %s", err, want)
	}
	head[0] = strings.TrimPrefix(head[0], "\ufeff")
	if len(head) < 2 || len(head) > len(columns) || !slices.Equal(head, columns[:len(head)]) {
		return nil, fmt.Errorf("row 1: %.100q: %s", strings.Join(head, ","), want)
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
		if err == nil && slices.ContainsFunc(all, func(r Role) bool { return r.Group == role.Group && r.Business == role.Business }) {
			err = fmt.Errorf("group %q stands above already for the business %s", role.Group, role.Business)
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
	if len(row) < 2 || len(row) > len(columns) {
		return r, fmt.Errorf("%d fields: want %s", len(row), strings.Join(columns, ","))
	}
	fields := append(row, "", "")
	r = Role{Group: strings.TrimSpace(fields[0]), Role: people.Role(strings.TrimSpace(fields[1])), Place: strings.TrimSpace(fields[2]),
		Business: people.MainBusiness}
	if len(row) == len(columns) {
		r.Business = cmp.Or(strings.TrimSpace(row[3]), people.MainBusiness)
	}
	switch {
	case r.Group == "":
		return r, errors.New("group: want a name")
	case !people.IsBusinessID(r.Business):
		return r, fmt.Errorf("business %.60q: want the id of one, see hub business list", r.Business)
	}
	return r, people.CheckRole(r.Role, r.Place)
}

// Of is what somebody in some groups is in each business; none for who is nothing.
func (all Roles) Of(groups []string) (posts []people.Post) {
	for _, r := range all {
		there := func(p people.Post) bool { return p.Business.ID == r.Business }
		if slices.Contains(groups, r.Group) && !slices.ContainsFunc(posts, there) {
			posts = append(posts, people.Post{Business: people.Business{ID: r.Business}, Role: r.Role, Place: r.Place})
		}
	}
	return posts
}

// Businesses are those of which the file says who is what.
func (all Roles) Businesses() (ids []string) {
	for _, r := range all {
		if !slices.Contains(ids, r.Business) {
			ids = append(ids, r.Business)
		}
	}
	return ids
}
