//go:build integration

package cgroups

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// knobs returns what files of the controller's directory hold.
func knobs(t *testing.T, c *Cgroup, controller string, files ...string) string {
	t.Helper()
	d, _ := c.Record().Dir(controller)
	var all []string
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(d.Abs(), f))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.TrimSpace(string(text)))
	}
	return strings.Join(all, "; ")
}

// A value that the kernel refuses takes back those that it took before, whatever
// way the limits of memory move.
func TestUpdateAllOrNothing(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		first := compile(t, h, `{"memory":{"limit":33554432,"swap":67108864},"cpu":{"shares":512,"quota":50000,"period":100000},"pids":{"limit":20}}`)
		c := create(t, record(t, h, "/x"), first)
		mem, cpu := []string{"memory.limit_in_bytes", "memory.memsw.limit_in_bytes"}, []string{"cpu.shares", "cpu.cfs_quota_us", "cpu.cfs_period_us"}
		if d, _ := c.Record().Dir("memory"); d.Version == 2 {
			mem, cpu = []string{"memory.max", "memory.swap.max"}, []string{"cpu.weight", "cpu.max"}
		}
		show := func() string {
			return knobs(t, c, "memory", mem...) + "; " + knobs(t, c, "cpu", cpu...) + "; " + knobs(t, c, "pids", "pids.max")
		}
		before := show()
		for _, memory := range []string{`"limit":268435456,"swap":536870912`, `"limit":16777216,"swap":16777216`, `"limit":-1`} {
			bad := compile(t, h, `{"memory":{`+memory+`},"cpu":{"shares":1024,"quota":20000,"period":200000},"pids":{"limit":5}}`)
			bad = append(bad, Write{Field: "linux.resources.pids.limit", Controller: "pids", File: "pids.max", Value: "many"})
			_, err := c.Update(context.Background(), bad, first)
			var f *FieldError
			var w *WriteError
			if !errors.As(err, &f) || f.Field != "linux.resources.pids.limit" || !errors.As(err, &w) || w.Value != "many" || !errors.Is(err, unix.EINVAL) {
				t.Errorf("error: %v", err)
			}
			if got := show(); got != before {
				t.Errorf("after %s was refused: %s, want %s", memory, got, before)
			}
			undo, err := c.Update(context.Background(), bad[:len(bad)-1], first)
			if err != nil || show() == before {
				t.Fatalf("%s: %v, %s", memory, err, show())
			}
			if err := undo.Do(context.Background()); err != nil || show() != before {
				t.Errorf("undone: %v, %s, want %s", err, show(), before)
			}
		}
	}, "memory", "cpu", "pids")
}

// Rules of devices change while a process uses what both allow, and go back with
// the rest.
func TestUpdateDevices(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		const deny = `{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":1,"minor":3,"access":"rw"}`
		first := compile(t, h, `{"devices":[`+deny+`,{"allow":true,"type":"c","major":1,"minor":7,"access":"r"}]}`)
		second := compile(t, h, `{"devices":[`+deny+`,{"allow":true,"type":"c","major":1,"minor":5,"access":"r"}]}`)
		c := create(t, record(t, h, "/x"), first)
		// A child cgroup makes version 1 refuse to begin anew.
		d, _ := c.Record().Dir("devices")
		if err := os.Mkdir(filepath.Join(d.Abs(), "child"), 0o755); err != nil {
			t.Fatal(err)
		}
		failed := filepath.Join(t.TempDir(), "failed")
		spawn(t, c, `trap : TERM; while :; do : 2>&- < /dev/null || echo no > `+failed+`; done`)
		try := `for d in zero full; do if (: < /dev/$d) 2>&-; then echo $d; fi; done`
		for range 10 {
			undo, err := c.Update(context.Background(), second, first)
			if err != nil {
				t.Fatal(err)
			}
			if got := run(t, c, try); got != "zero\n" {
				t.Fatalf("second rules allow %q", got)
			}
			if err := undo.Do(context.Background()); err != nil {
				t.Fatal(err)
			}
			if got := run(t, c, try); got != "full\n" {
				t.Fatalf("first rules allow %q", got)
			}
			bad := append(second[:len(second):len(second)], Write{Field: "f", Controller: "devices", File: "devices.none", Value: "x"})
			if _, err := c.Update(context.Background(), bad, first); err == nil {
				t.Fatal("no error for a file that does not exist")
			}
			if got := run(t, c, try); got != "full\n" {
				t.Fatalf("after a failure: %q", got)
			}
		}
		if _, err := os.Stat(failed); err == nil {
			t.Error("for a moment a device was denied that is always allowed")
		}
	}, "devices")
}

// What is denied of everything goes back too, although version 1 shows it in no file.
func TestUpdateDenied(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		const allow = `{"allow":true,"access":"rwm"},`
		first := compile(t, h, `{"devices":[`+allow+`{"allow":false,"type":"c","major":1,"minor":5,"access":"rw"}]}`)
		second := compile(t, h, `{"devices":[`+allow+`{"allow":false,"type":"c","major":1,"minor":7,"access":"rw"}]}`)
		c := create(t, record(t, h, "/x"), first)
		try := `for d in zero full; do if (: < /dev/$d) 2>&-; then echo $d; fi; done`
		undo, err := c.Update(context.Background(), second, first)
		if err != nil {
			t.Fatal(err)
		}
		if got := run(t, c, try); got != "zero\n" {
			t.Errorf("second rules allow %q", got)
		}
		if err := undo.Do(context.Background()); err != nil {
			t.Fatal(err)
		}
		if got := run(t, c, try); got != "full\n" {
			t.Errorf("first rules allow %q", got)
		}
	}, "devices")
}
