//go:build integration

package cgroups

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// rounding is a manager like systemd: with each change it writes all files of the
// cgroup as it understands them.
type rounding struct {
	t       *testing.T
	c       *Cgroup
	own     bool
	auto    bool // its device policy: everything is allowed
	sets    int
	stopped int
}

func (m *rounding) Set(_ context.Context, _ Unit, writes []Write) ([]Write, error) {
	m.sets++
	rules := []Write{
		{Controller: "devices", File: "devices.deny", Value: "a"},
		{Controller: "devices", File: "devices.allow", Value: "c 1:3 rwm"},
	}
	if m.auto {
		rules = []Write{{Controller: "devices", File: "devices.allow", Value: "a"}}
	}
	for _, w := range append(rules, []Write{
		{Controller: "cpu", File: "cpu.max", Value: "34000 100000"},
		{Controller: "cpu", File: "cpu.cfs_quota_us", Value: "34000"},
		{Controller: "cpu", File: "cpu.weight", Value: "100"},
		{Controller: "cpu", File: "cpu.shares", Value: "1024"},
		{Controller: "memory", File: "memory.max", Value: "max"},
		{Controller: "pids", File: "pids.max", Value: "7"},
	}...) {
		i := m.c.record.index(w.Controller)
		if i < 0 || unix.Access(m.c.record.Dirs[i].Abs()+"/"+w.File, unix.W_OK) != nil {
			continue
		}
		if err := writeAt(unix.AT_FDCWD, m.c.record.Dirs[i].Abs()+"/"+w.File, w.Value); err != nil && !errors.Is(err, unix.EINVAL) { // systemd logs it
			m.t.Errorf("write %s: %v", w.File, err)
		}
	}
	if i := m.c.record.index("devices"); i >= 0 && m.c.record.Dirs[i].Version == 2 && !m.auto {
		m.attach(i)
	}
	return writes, nil
}

// attach attaches one more device program, which denies everything.
func (m *rounding) attach(i int) {
	m.c.fresh = true // does not look for those that are there
	defer func() { m.c.fresh = false }()
	made := m.c.record.Dirs[i].Made
	m.c.record.Dirs[i].Made = 1
	defer func() { m.c.record.Dirs[i].Made = made }()
	if err := m.c.attachProgram(i, policy{index: -1}.program()); err != nil {
		m.t.Error(err)
	}
}

func (m *rounding) Owns(context.Context, Unit) (bool, error) { return m.own, nil }
func (m *rounding) Close() error                             { return nil }
func (m *rounding) Stop(context.Context, Unit) error {
	m.stopped++
	return nil
}

// unit makes a cgroup as if a manager had made it.
func unit(t *testing.T, h *Host, resources string) (*Cgroup, *rounding) {
	t.Helper()
	first := create(t, record(t, h, "/x.scope"), compile(t, h, resources))
	r := first.Record()
	r.Unit = &Unit{Name: "x.scope", Slice: "test.slice"}
	m := &rounding{t: t, own: true}
	m.c = OpenUnit(r, m)
	t.Cleanup(func() { m.c.Close() })
	return m.c, m
}

// values reads what the test is about; what the version does not have is left out.
func values(t *testing.T, c *Cgroup) string {
	t.Helper()
	var all []string
	for _, f := range []struct{ controller, file string }{
		{"cpu", "cpu.max"},
		{"cpu", "cpu.weight"},
		{"cpu", "cpu.cfs_quota_us"},
		{"cpu", "cpu.cfs_period_us"},
		{"cpu", "cpu.shares"},
		{"memory", "memory.max"},
		{"memory", "memory.limit_in_bytes"},
		{"devices", "devices.list"},
	} {
		d, _ := c.Record().Dir(f.controller)
		if text, err := os.ReadFile(d.Abs() + "/" + f.file); err == nil {
			all = append(all, f.file+"="+strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", ","))
		}
	}
	return strings.Join(all, " ")
}

const unitResources = `{"cpu":{"quota":33333,"period":100000,"shares":512},"memory":{"limit":67108864},"pids":{"limit":20},
	"devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":1,"minor":5,"access":"rw"}]}`

// What an update does not name keeps its exact value, and the device rules are
// those of before.
func TestUnitKeepsOthers(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		c, m := unit(t, h, unitResources)
		before := values(t, c)
		if err := c.Apply(context.Background(), compile(t, h, `{"pids":{"limit":30}}`)); err != nil {
			t.Fatal(err)
		}
		if got := values(t, c); got != before {
			t.Errorf("after another limit has changed:\n%s, want\n%s", got, before)
		}
		if got := knobs(t, c, "pids", "pids.max"); got != "30" || m.sets != 1 {
			t.Errorf("pids.max is %s after %d changes of properties", got, m.sets)
		}
		if frozen, err := c.Frozen(); err != nil || frozen {
			t.Errorf("frozen: %v, %v", frozen, err)
		}
		if got := run(t, c, "(: </dev/zero) && echo zero; (: </dev/null) 2>&- || echo no"); got != "zero\nno\n" {
			t.Errorf("devices: %q", got)
		}
	}, "cpu", "memory", "pids", "devices")
}

// What is denied of everything stays denied when another limit changes, although version 1 does not show it in any file.
func TestUnitKeepsDenied(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		const rules = `"devices":[{"allow":true,"access":"rwm"},{"allow":false,"type":"c","major":1,"minor":5,"access":"rw"}]`
		c, m := unit(t, h, `{`+rules+`}`)
		m.auto = true
		inForce := compile(t, h, `{`+rules+`}`)
		look := func(when string) {
			t.Helper()
			if got := run(t, c, "(: </dev/zero) 2>&- || echo no; (: </dev/full) && echo full"); got != "no\nfull\n" {
				t.Errorf("%s: %q", when, got)
			}
		}
		look("at first")
		undo, err := c.Update(context.Background(), compile(t, h, `{"pids":{"limit":30}}`), inForce)
		if err != nil {
			t.Fatal(err)
		}
		look("after another limit has changed")
		if err := undo.Do(context.Background()); err != nil {
			t.Fatal(err)
		}
		look("after that was undone")
		d, _ := c.Record().Dir("devices")
		if err := os.Mkdir(d.Abs()+"/child", 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Update(context.Background(), compile(t, h, `{"pids":{"limit":40}}`), inForce); err != nil {
			t.Fatal(err)
		}
		look("with a cgroup below")
	}, "pids", "devices")
}

// A period alone keeps the quota that was in force, not the one that the manager writes.
func TestUnitKeepsQuota(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		c, _ := unit(t, h, `{"cpu":{"quota":33333,"period":100000}}`)
		if err := c.Apply(context.Background(), compile(t, h, `{"cpu":{"period":50000}}`)); err != nil {
			t.Fatal(err)
		}
		want, files := "33333; 50000", []string{"cpu.cfs_quota_us", "cpu.cfs_period_us"}
		if d, _ := c.Record().Dir("cpu"); d.Version == 2 {
			want, files = "33333 50000", []string{"cpu.max"}
		}
		if got := knobs(t, c, "cpu", files...); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}, "cpu")
}

// A limit below the usage is refused before the manager writes it.
func TestUnitChecksUsage(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		if d, _ := h.Lookup("memory"); d.Version == 1 {
			t.Skip("version 1 refuses by itself")
		}
		c, m := unit(t, h, `{}`)
		spawn(t, c, "sleep 1000")
		for begin := time.Now(); ; time.Sleep(time.Millisecond) { // it moved in with nothing
			if used, _ := strconv.Atoi(knobs(t, c, "memory", "memory.current")); used > 4096 || time.Since(begin) > 10*time.Second {
				break
			}
		}
		err := c.Apply(context.Background(), compile(t, h, `{"memory":{"limit":4096,"checkBeforeUpdate":true}}`))
		if !errors.Is(err, unix.EBUSY) || m.sets != 0 {
			t.Errorf("%v, after %d changes of properties", err, m.sets)
		}
	}, "memory")
}

// Destroy stops the unit and removes what the manager left.
func TestUnitDestroy(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		c, m := unit(t, h, `{}`)
		for i, d := range c.record.Dirs {
			if d.managed() {
				c.record.Dirs[i].Made = 0 // as Adopt has it
			}
		}
		if err := c.Destroy(context.Background()); err != nil {
			t.Fatal(err)
		}
		if m.stopped != 1 || c.exists() {
			t.Errorf("stopped %d times, exists %v", m.stopped, c.exists())
		}
	})
}

// Of a unit that was not known to be made, only one's own is ended.
func TestUnitPending(t *testing.T) {
	for _, own := range []bool{false, true} {
		onHosts(t, func(t *testing.T, h *Host) {
			c, m := unit(t, h, `{}`)
			m.own = own
			cmd, _ := spawn(t, c, "exec sleep 1000")
			go cmd.Wait() // spawn does it too late
			for i := range c.record.Dirs {
				c.record.Dirs[i].Made = Pending
			}
			ctx, cancel := withDeadline(context.Background(), destroyTimeout/10)
			defer cancel()
			err := c.Destroy(ctx)
			if own && (err != nil || m.stopped != 1 || c.exists()) {
				t.Errorf("own unit: %v, stopped %d times, exists %v", err, m.stopped, c.exists())
			}
			if !own && (!errors.Is(err, ErrInUse) || m.stopped != 0 || len(processes(t, c)) != 1) {
				t.Errorf("another's unit: %v, stopped %d times, processes %v", err, m.stopped, processes(t, c))
			}
		}, "pids")
	}
}

// Without the manager nothing is done behind its back.
func TestUnitWithoutManager(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		c, _ := unit(t, h, `{}`)
		alone := Open(c.Record())
		defer alone.Close()
		err := alone.Apply(context.Background(), compile(t, h, `{"pids":{"limit":30}}`))
		if !errors.Is(err, ErrNoManager) || knobs(t, c, "pids", "pids.max") == "30" {
			t.Errorf("Apply: %v", err)
		}
		if err := alone.Destroy(context.Background()); !errors.Is(err, ErrNoManager) || !c.exists() {
			t.Errorf("Destroy: %v", err)
		}
	}, "pids")
}

// Adopt expects the directory where the record says, and one process in it.
func TestAdopt(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		c, m := unit(t, h, `{}`)
		r := c.Record()
		cmd, _ := spawn(t, c, "exec sleep 1000")
		adopted, err := Adopt(context.Background(), r, m, cmd.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		defer adopted.Close()
		if err := adopted.Complete(context.Background(), compile(t, h, `{"pids":{"limit":9}}`)); err != nil || m.sets != 0 {
			t.Errorf("complete: %v, %d changes of properties", err, m.sets)
		}
		if got := knobs(t, c, "pids", "pids.max"); got != "9" {
			t.Errorf("pids.max is %s", got)
		}
		if _, err := Adopt(context.Background(), r, m, cmd.Process.Pid+1); h.Mode() == Unified && !errors.Is(err, ErrInUse) {
			t.Errorf("adopt with another process: %v", err)
		}
		for i := range r.Dirs {
			r.Dirs[i].Path += ".not"
		}
		if slices.ContainsFunc(r.Dirs, Dir.managed) {
			if _, err := Adopt(context.Background(), r, m, cmd.Process.Pid); !errors.Is(err, unix.ENOENT) {
				t.Errorf("adopt what is not there: %v", err)
			}
		}
	}, "pids")
}
