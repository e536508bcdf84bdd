package libcontainer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/cgroups/systemd"
	"github.com/minirun/minirun/nsenter"
)

// openCgroup returns the cgroup of a record, with the manager of its unit if it has one. Nothing is asked of the manager yet.
func openCgroup(r cgroups.Record) *cgroups.Cgroup {
	if r.Unit == nil {
		return cgroups.Open(r)
	}
	return cgroups.OpenUnit(r, systemd.ManagerOf(*r.Unit))
}

// systemdFacts are what compiling must know of the systemd that makes the cgroup.
type systemdFacts struct {
	systemd.Facts
	user bool   // it is the caller's own and not the system's
	bus  string // a user's: where it was found
}

// askSystemd finds the systemd that the caller may ask for a unit: the system's, or for an ordinary user, also for root of a user namespace, the
// user's.
func askSystemd(ctx context.Context) (*systemdFacts, *systemd.Manager, error) {
	c := caller{uid: os.Geteuid(), nested: inUserNamespace()}
	f := &systemdFacts{user: !c.hostRoot()}
	m := systemd.New(f.user)
	var err error
	if f.Facts, err = m.Facts(ctx); err != nil {
		return nil, nil, err
	}
	if f.user {
		f.bus = m.Address()
	}
	return f, m, nil
}

// hostRoot tells whether the caller asks the system's systemd, and moves processes by itself.
func (c *caller) hostRoot() bool { return c.uid == 0 && !c.nested }

// systemdFacts are those for compiling the plan of a recorded container again. What is not known any more shows in properties only.
func (r *record) systemdFacts() *systemdFacts {
	if r.Cgroup == nil || r.Cgroup.Unit == nil {
		return nil
	}
	return &systemdFacts{user: r.Cgroup.Unit.User, bus: r.Cgroup.Unit.Bus}
}

// placeCgroup decides where the cgroup is, and which unit has it.
func (c *compiler) placeCgroup() (cgroups.Record, error) {
	path, s := c.linux().CgroupsPath, c.facts.systemd
	if s == nil {
		return cgroups.Place(c.facts.cgroups, path, c.opts.id)
	}
	slice, name, err := systemd.ParsePath(path, c.opts.id, s.user)
	if err != nil {
		return cgroups.Record{}, err
	}
	u := cgroups.Unit{Name: name, Slice: slice, User: s.user, Bus: s.bus}
	// Nobody else has this directory. The bus takes valid text only.
	u.Description = strings.ToValidUTF8("minirun container "+filepath.Join(c.opts.root, c.opts.id), "?")
	return systemd.Place(c.facts.cgroups, u, s.Facts)
}

// compileUnit makes the properties of the unit out of the limits and the annotations. The limits that it leaves are those for the files.
func (c *compiler) compileUnit() {
	if c.cgroup.record.Unit == nil {
		return
	}
	extra, err := systemd.Annotations(c.spec.Annotations)
	if err != nil {
		c.errs = append(c.errs, err)
	}
	for i, p := range extra {
		if p.Name != "Description" {
			continue
		}
		text, ok := p.Value.(string)
		if !ok {
			c.fail("annotations["+systemd.AnnotationPrefix+p.Name+"]", "it is a text, in quotes")
			continue
		}
		// The unit is still known by whose it is.
		u := c.cgroup.record.Unit
		u.Description = text + " (" + u.Description + ")"
		extra[i].Value = u.Description
	}
	s := c.facts.systemd
	if s.user {
		c.cgroup.writes = c.facts.permittedWrites(c.cgroup.writes)
	}
	limits, writes := systemd.Convert(c.cgroup.writes, s.Facts)
	c.cgroup.writes = writes
	c.cgroup.properties = systemd.UnitProperties(*c.cgroup.record.Unit,
		c.facts.cgroups.Mode() == cgroups.Unified, s.Facts, limits, extra)
}

// hostStartUnit has systemd make the cgroup, with the init inside.
type hostStartUnit struct {
	Record     cgroups.Record
	Properties []systemd.Property
}

// OpName implements nsenter.Op.
func (hostStartUnit) OpName() string { return "unit.start" }

// Fields implements nsenter.Op.
func (o hostStartUnit) Fields() []nsenter.Field {
	f := []nsenter.Field{{Name: "unit", Value: o.Record.Unit.Name}, {Name: "user", Value: o.Record.Unit.User}}
	for _, p := range o.Properties {
		f = append(f, nsenter.Field{Name: "property", Value: p.String()})
	}
	return append(f, hostMakeCgroup{o.Record}.Fields()...)
}

func (o hostStartUnit) run(ctx context.Context, r *runner) error {
	m := r.systemd
	if err := m.Start(ctx, *o.Record.Unit, o.Properties, r.child.Pid()); err != nil {
		return err
	}
	cg, err := cgroups.Adopt(ctx, o.Record, m, r.child.Pid())
	if err != nil { // the undoing removes it
		cg = cgroups.OpenUnit(o.Record, m)
	}
	r.cgroup = cg
	return err
}

// hostAttachUnit has a user's systemd move an exec into the container's unit: the user has no right to move a process that was elsewhere.
type hostAttachUnit struct{ Unit cgroups.Unit }

// OpName implements nsenter.Op.
func (hostAttachUnit) OpName() string { return "unit.attach" }

// Fields implements nsenter.Op.
func (o hostAttachUnit) Fields() []nsenter.Field {
	return []nsenter.Field{{Name: "unit", Value: o.Unit.Name}}
}

// run attaches to the cgroup that was asked for, or where the container's first process is below the unit's own, which may not take processes
// any more.
func (o hostAttachUnit) run(ctx context.Context, r *runner) error {
	at, ok := r.rec.Cgroup.Unified()
	if !ok {
		return errors.New("there is no version 2 hierarchy")
	}
	if other, err := r.cgroupOfInit(); err == nil {
		at, _ = other.Record().Unified()
		other.Close()
	}
	_, sub, ok := strings.Cut(at.Path+"/", "/"+o.Unit.Name+"/")
	if !ok {
		return fmt.Errorf("cgroup %s: it is not below that of %s", at.Path, o.Unit.Name)
	}
	m := systemd.ManagerOf(o.Unit)
	defer m.Close()
	return m.Attach(ctx, o.Unit, "/"+strings.TrimSuffix(sub, "/"), r.child.Pid())
}
