package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"meguri/hub/check"
	"meguri/hub/people"
	"meguri/hub/plan"
	"meguri/internal/config"
	"meguri/internal/plural"
)

// repairing applies repairs one after the other, each in a transaction of its own. One that fails does not stop the others.
type repairing struct {
	g       *Globals
	service *check.Service
	plans   *plan.Maker
	quiet   bool // say nothing of what is done
	failed  []error
}

// errs tells what failed, nil when nothing did.
func (r *repairing) errs() error {
	if len(r.failed) == 0 {
		return nil
	}
	lines := make([]string, len(r.failed))
	for i, err := range r.failed {
		lines[i] = "\n  " + err.Error()
	}
	return fmt.Errorf("%s not applied:%s", plural.Of(len(r.failed), "repair"), strings.Join(lines, ""))
}

// apply applies the chosen repairs of a look, or as many as there are.
func (c *CheckCmd) apply(r *repairing, looked check.Report) error {
	if len(c.Apply) == 1 && c.Apply[0] == "all" {
		return r.all(looked, c.Date)
	}
	chosen, err := c.chosen(looked)
	if err != nil {
		return err
	}
	for _, f := range chosen {
		if err := r.one(f); err != nil {
			return err
		}
	}
	return nil
}

// chosen gives the findings with the repairs that are to be applied, in the order of the command line. An id that there is not is
// refused before anything is done.
func (c *CheckCmd) chosen(looked check.Report) (all []check.Finding, err error) {
	var unknown []string
	seen := map[string]bool{}
	for _, id := range c.Apply {
		at := slices.IndexFunc(looked.Findings, func(f check.Finding) bool { return id != "" && f.Repair.ID == id })
		switch {
		case at < 0:
			unknown = append(unknown, id)
		case !seen[id]:
			all = append(all, looked.Findings[at])
		}
		seen[id] = true
	}
	if len(unknown) > 0 {
		return nil, config.Usage(fmt.Errorf("--apply %s: there is no such repair: hub check --repair shows them", strings.Join(unknown, ", ")))
	}
	return all, nil
}

// all looks again after each repair, since with one finding gone the others' repairs may be others. It ends: each turn applies a
// repair or notes one that is not tried again.
func (r *repairing) all(looked check.Report, dates []string) (err error) {
	tried := map[string]bool{"": true}
	for most := 2 * len(looked.Findings); most > 0; most-- {
		at := slices.IndexFunc(looked.Findings, func(f check.Finding) bool { return !tried[f.Repair.ID] })
		if at < 0 {
			return nil
		}
		f := looked.Findings[at]
		tried[f.Repair.ID] = true
		if err := r.one(f); err != nil {
			return err
		}
		if looked, err = r.service.Look(r.g.Ctx, r.g.Clock.Now(), dates...); err != nil {
			return err
		}
	}
	return nil
}

// one applies a finding's repair and makes the plans of the devices concerned. What fails is noted; an error ends the command.
func (r *repairing) one(f check.Finding) error {
	if err := r.g.Ctx.Err(); err != nil {
		return err
	}
	done, err := r.service.ApplyShown(r.g.Ctx, f, people.Console, r.g.Clock.Now())
	switch {
	case errors.Is(err, check.ErrGone): // a neighbour's repair was its, too
		r.say("not needed any more %s: %s\n", f.Repair.ID, f.Text())
		return nil
	case err != nil:
		r.failed = append(r.failed, err)
		return nil
	}
	r.say("applied %s: %s\n", f.Repair.ID, done.Text())
	if !r.quiet {
		printDifferences(r.g.Stdout, done.Repair)
	}
	for _, place := range done.Repair.Places() {
		if err := r.plans.Make(r.g.Ctx, place); err != nil {
			return fmt.Errorf("repair %s is applied, but not planned: %w", f.Repair.ID, err)
		}
	}
	return nil
}

func (r *repairing) say(format string, args ...any) {
	if !r.quiet {
		fmt.Fprintf(r.g.Stdout, format, args...)
	}
}
