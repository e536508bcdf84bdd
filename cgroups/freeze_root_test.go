//go:build integration

package cgroups

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"
)

// forks is a load of short processes, vforks among them, of a bounded number at a
// time.
const forks = `while :; do for i in 1 2 3 4; do (sh -c ":" & sh -c "exec true"; wait) & done; wait; done`

// Freezing always comes to an end, and so does thawing, whatever the processes are
// doing at the moment.
func TestFreezeStress(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		c := create(t, record(t, h, "/x"), nil)
		spawn(t, c, forks)
		eventually(t, "a few processes", func() bool { return len(processes(t, c)) >= 4 })
		var longest time.Duration
		for range 500 {
			begin := time.Now()
			if err := c.Freeze(context.Background()); err != nil {
				t.Fatal(err)
			}
			longest = max(longest, time.Since(begin))
			if err := c.Resume(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		t.Logf("the longest freeze took %v", longest)
		if len(processes(t, c)) == 0 {
			t.Error("the load has ended: nothing was tested")
		}
	})
}

// A cgroup below a frozen one is not let go, and Resume says which one holds it.
func TestResumeHeldFromAbove(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		up := create(t, record(t, h, "/up"), nil)
		c := create(t, place(t, h, top(t)+"/up/x"), nil)
		spawn(t, c, "exec sleep 1000")
		for _, x := range []*Cgroup{c, up} {
			if err := x.Freeze(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		d := up.Record().Dirs[up.freezer()]
		want := "thaw cgroup " + filepath.Join(d.Abs(), "x") + ": the cgroup " + d.Abs() + " above it is frozen: the cgroup is frozen"
		if err := c.Resume(context.Background()); !errors.Is(err, ErrFrozen) || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
		if err := up.Resume(context.Background()); err != nil {
			t.Error(err)
		}
		if f, err := c.Frozen(); f || err != nil {
			t.Errorf("frozen afterwards: %t, %v", f, err)
		}
	})
}

// A freeze that is given up leaves nothing frozen.
func TestFreezeGivenUp(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		c := create(t, record(t, h, "/x"), nil)
		spawn(t, c, forks)
		for i := range 50 {
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i)*10*time.Microsecond)
			err := c.Freeze(ctx)
			cancel()
			frozen, ferr := c.Frozen()
			if ferr != nil || frozen != (err == nil) {
				t.Fatalf("freeze: %v; frozen: %t, %v", err, frozen, ferr)
			}
			if err := c.Resume(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	})
}
