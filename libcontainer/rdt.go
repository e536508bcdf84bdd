package libcontainer

import (
	"context"
	"errors"

	"github.com/minirun/minirun/cgroups/resctrl"
	"github.com/minirun/minirun/nsenter"
	"github.com/minirun/minirun/specs"
)

// resctrl is the file system of the options, or the one that is mounted.
func (r *Runtime) resctrl() (*resctrl.FS, error) {
	if r.rdt != nil {
		return r.rdt, nil
	}
	return resctrl.Find("/")
}

// compileRdt places the container's group of linux.intelRdt.
func (c *compiler) compileRdt() {
	cfg := c.linux().IntelRdt
	if cfg == nil {
		return
	}
	fs, err := c.facts.resctrl()
	if err != nil {
		c.fail("linux.intelRdt", "%w", err)
		return
	}
	g := fs.Place(cfg, c.opts.id)
	c.rdt = &g
}

// makeRdt makes the group before there is a process.
func (c *compiler) makeRdt() {
	if c.rdt != nil {
		c.add("linux.intelRdt", hostMakeRdt{Group: *c.rdt, Config: c.linux().IntelRdt})
	}
}

// joinRdt moves the process into the group. Its children follow; a process that comes from outside, as that of an exec, does not by itself.
func (c *compiler) joinRdt() []nsenter.Item {
	if c.rdt == nil {
		return nil
	}
	return []nsenter.Item{step("linux.intelRdt", hostJoinRdt{})}
}

// hostMakeRdt makes the resctrl group.
type hostMakeRdt struct {
	resctrl.Group
	Config *specs.LinuxIntelRdt
}

// OpName implements nsenter.Op.
func (hostMakeRdt) OpName() string { return "rdt.make" }

// Fields implements nsenter.Op.
func (o hostMakeRdt) Fields() []nsenter.Field {
	return []nsenter.Field{
		{Name: "group", Value: o.Name},
		{Name: "monitor", Value: o.Monitor},
		{Name: "l3", Value: o.Config.L3CacheSchema},
		{Name: "mb", Value: o.Config.MemBwSchema},
		{Name: "schemata", Value: o.Config.Schemata},
	}
}

func (o hostMakeRdt) run(_ context.Context, r *runner) error {
	fs, err := r.rt.resctrl()
	if err != nil {
		return err
	}
	g, undo, err := fs.Make(o.Config, o.Group)
	if err != nil {
		return err
	}
	r.rec.Rdt, r.undoRdt = &g, undo
	return r.dir.writeRecord(r.rec) // the place is the container's from now on
}

// lookAtRdt takes what is there already out of the state.
func (r *runner) lookAtRdt() error {
	if r.rec.Rdt == nil {
		return nil
	}
	fs, err := r.rt.resctrl()
	if err != nil {
		return fieldError("linux.intelRdt", err)
	}
	g, err := fs.Look(*r.rec.Rdt)
	r.rec.Rdt = &g
	return err
}

// hostJoinRdt moves the process into the resctrl group.
type hostJoinRdt struct{}

// OpName implements nsenter.Op.
func (hostJoinRdt) OpName() string { return "rdt.join" }

// Fields implements nsenter.Op.
func (hostJoinRdt) Fields() []nsenter.Field { return nil }

func (hostJoinRdt) run(_ context.Context, r *runner) error {
	fs, err := r.rt.resctrl()
	if err != nil {
		return err
	}
	return fs.Join(*r.rec.Rdt, r.child.Pid())
}

// enterRdt makes the resctrl group of a container that is restored and moves CRIU into it: what it restores is born there.
func (m *restorer) enterRdt(ctx context.Context) error {
	if m.c.rdt == nil {
		return nil
	}
	if err := (hostMakeRdt{Group: *m.c.rdt, Config: m.c.linux().IntelRdt}).run(ctx, &m.runner); err != nil {
		return err
	}
	fs, err := m.rt.resctrl()
	if err != nil {
		return fieldError("linux.intelRdt", err)
	}
	return fs.Join(*m.rec.Rdt, m.criu.Pid())
}

// removeRdt removes what of the group goes with the container.
func (r *Runtime) removeRdt(rec *record) error {
	if rec.Rdt == nil {
		return nil
	}
	fs, err := r.resctrl()
	if errors.Is(err, resctrl.ErrNotMounted) { // its groups went with it
		return nil
	}
	if err != nil {
		return err
	}
	return fs.Remove(*rec.Rdt)
}

func (j *jsonObject) rdt(g *resctrl.Group) {
	j.begin()
	j.text("name", g.Name)
	j.flag("own", g.Own)
	j.text("monitor", g.Monitor)
	j.flag("pending", g.Pending)
	j.end()
}

// mergeRdt puts new schemata over old ones.
func mergeRdt(old, change *specs.LinuxIntelRdt) *specs.LinuxIntelRdt {
	merged := *old
	if change.L3CacheSchema != "" {
		merged.L3CacheSchema = change.L3CacheSchema
	}
	if change.MemBwSchema != "" {
		merged.MemBwSchema = change.MemBwSchema
	}
	if len(change.Schemata) > 0 {
		merged.Schemata = change.Schemata
	}
	return &merged
}

// setSchemata changes the schemata of the container's group, all or none, and returns how to take that back.
func (r *Runtime) setSchemata(rec *record, change *specs.LinuxIntelRdt) (undo func() error, err error) {
	if change == nil {
		return func() error { return nil }, nil
	}
	fs, err := r.resctrl()
	if err != nil {
		return nil, fieldError("linux.intelRdt", err)
	}
	return fs.Update(*rec.Rdt, change)
}

// checkRdtUpdate refuses what an update cannot do.
func checkRdtUpdate(rec *record, change *specs.LinuxIntelRdt) error {
	switch {
	case change == nil:
		return nil
	case rec.Rdt == nil:
		return fieldError("linux.intelRdt", errors.New("the container was made without it, so there is nothing to change"))
	case change.ClosID != "" || change.EnableMonitoring:
		return fieldError("linux.intelRdt", errors.New("only the schemata can be changed"))
	}
	return specs.ValidateIntelRdt(change).Err()
}
