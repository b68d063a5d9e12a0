package bulk

// optional is a whole number from 0 to most of a column that may be missing; a field that is empty is 0, which limits nothing.
func (r *row) optional(column string, most int64) int64 {
	if i, has := r.table.columns[column]; !has || r.fields[i] == "" {
		return 0
	}
	return r.number(column, 0, most)
}

// given is whether a column that may be missing is there and says something.
func (r *row) given(column string) bool {
	i, has := r.table.columns[column]
	return has && r.fields[i] != ""
}

// yes is whether a column that may be missing says true.
func (r *row) yes(column string) bool {
	if i, has := r.table.columns[column]; !has || r.fields[i] == "" {
		return false
	}
	return r.oneOf(column, "true", "false") == "true"
}

// measures are length, width and height in mm: all of them or none.
func (r *row) measures() (length, width, height int64) {
	length, width, height = r.optional("length_mm", maxMM), r.optional("width_mm", maxMM), r.optional("height_mm", maxMM)
	if (length > 0) == (width > 0) && (width > 0) == (height > 0) {
		return length, width, height
	}
	for _, column := range []string{"length_mm", "width_mm", "height_mm"} {
		if i, has := r.table.columns[column]; !has {
			r.table.problem(r.line, column, "", "this column, for the other measures are given")
		} else if r.fields[i] == "" || r.fields[i] == "0" {
			r.problem(column, "a number above 0, for the other measures are given")
		}
	}
	return 0, 0, 0
}
