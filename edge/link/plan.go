package link

import (
	"time"

	"meguri/protocol"
)

// Bounds of fetching a plan.
const (
	maxPlan   = 8 << 20         // bytes of a whole plan
	wantBytes = 1 << 20         // bytes asked for at once
	tryAgain  = 1 * time.Minute // after a plan could not be activated
)

// fetch is a plan on its way.
type fetch struct {
	manifest protocol.Manifest
	held     map[protocol.Hash][]byte
	missing  []protocol.PartRef // each hash once
	asked    map[protocol.Hash]bool
	wantAt   time.Time
	wait     time.Duration
}

// failedPlan is a plan that was not taken; it is left alone for a while, since the hub goes on sending it.
type failedPlan struct {
	plan  uint64
	until time.Time
}

// manifest starts to fetch a plan that is for this incarnation and newer than the active one and the one on its way.
func (c *core) manifest(now time.Time, m protocol.Manifest) {
	switch {
	case c.verdict != protocol.Current, m.Incarnation != c.config.Log.Incarnation(), m.Plan <= c.config.PlanVersion():
		return
	case c.fetch != nil && m.Plan <= c.fetch.manifest.Plan:
		return
	case c.failed.plan == m.Plan && now.Before(c.failed.until):
		return
	}
	f := &fetch{manifest: m, held: map[protocol.Hash][]byte{}, wait: answerAfter}
	names, size := map[string]bool{}, 0
	seen := map[protocol.Hash]uint32{}
	for _, p := range m.Parts {
		first, again := seen[p.Hash]
		if names[p.Name] || again && first != p.Size {
			c.logger.Warn("plan contradicts itself", "plan", m.Plan, "part", p.Name)
			return
		}
		names[p.Name], seen[p.Hash] = true, p.Size
		if again {
			continue
		}
		if size += int(p.Size); size > maxPlan {
			c.logger.Warn("plan is too large", "plan", m.Plan, "most", maxPlan)
			return
		}
		if body, ok := c.heldPart(p); ok {
			f.held[p.Hash] = body
		} else {
			f.missing = append(f.missing, p)
		}
	}
	c.fetch = f
}

// heldPart gives a part that the agent, or the plan on its way until now, has.
func (c *core) heldPart(p protocol.PartRef) ([]byte, bool) {
	if c.fetch != nil {
		if body, ok := c.fetch.held[p.Hash]; ok && len(body) == int(p.Size) {
			return body, true
		}
	}
	body, ok := c.config.Agent.Part(p.Hash)
	return body, ok && len(body) == int(p.Size) && protocol.HashPart(body) == p.Hash
}

// part takes a part that was asked for.
func (c *core) part(now time.Time, p protocol.Part) {
	f := c.fetch
	if f == nil || !f.asked[p.Hash] {
		return
	}
	for i, ref := range f.missing {
		if ref.Hash != p.Hash {
			continue
		}
		if len(p.Body) != int(ref.Size) || protocol.HashPart(p.Body) != p.Hash {
			c.logger.Warn("plan part is not what the plan names", "plan", f.manifest.Plan, "part", ref.Name)
			return
		}
		f.held[p.Hash] = p.Body
		f.missing = append(f.missing[:i], f.missing[i+1:]...)
		delete(f.asked, p.Hash)
		f.wait = answerAfter
		if len(f.asked) == 0 {
			f.wantAt = now // for the next ones
		}
		return
	}
}

// advanceFetch asks for missing parts, or activates the plan when none is missing.
func (c *core) advanceFetch(now time.Time) (time.Time, error) {
	f := c.fetch
	switch {
	case f == nil:
		return time.Time{}, nil
	case c.verdict != protocol.Current, f.manifest.Plan <= c.config.PlanVersion():
		c.fetch = nil
		return time.Time{}, nil
	case len(f.missing) == 0:
		c.activate(now)
		return time.Time{}, nil
	case now.Before(f.wantAt):
		return f.wantAt, nil
	}
	want := protocol.Want{Plan: f.manifest.Plan}
	f.asked = map[protocol.Hash]bool{}
	size := 0
	for _, p := range f.missing {
		if size += int(p.Size); size > wantBytes && len(want.Hashes) > 0 {
			break
		}
		want.Hashes = append(want.Hashes, p.Hash)
		f.asked[p.Hash] = true
	}
	f.wantAt = now.Add(f.wait)
	f.wait = min(2*f.wait, answerMost)
	return f.wantAt, c.send(want)
}

// activate hands the whole plan over, once.
func (c *core) activate(now time.Time) {
	f := c.fetch
	c.fetch = nil
	parts := map[string][]byte{}
	for _, p := range f.manifest.Parts {
		parts[p.Name] = f.held[p.Hash]
	}
	if err := c.config.Agent.Activate(f.manifest, parts); err != nil {
		c.failed = failedPlan{plan: f.manifest.Plan, until: now.Add(tryAgain)}
		c.logger.Warn("plan was not activated", "plan", f.manifest.Plan, "error", err)
	}
}
