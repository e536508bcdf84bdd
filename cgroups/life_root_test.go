//go:build integration

package cgroups

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// nothingLeft fails if a directory of the record, or above it, exists.
func nothingLeft(t *testing.T, r Record) {
	t.Helper()
	for _, d := range r.Dirs {
		p := filepath.Join(d.MountPoint, strings.SplitN(d.Path, "/", 3)[1])
		if _, err := os.Stat(p); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left (%v)", p, err)
		}
	}
}

// A frozen cgroup, or one below a frozen one, is refused and nothing is left.
func TestCreateInFrozen(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		r := record(t, h, "/x")
		c := create(t, r, nil)
		if err := c.Freeze(context.Background()); err != nil {
			t.Fatal(err)
		}
		below := place(t, h, top(t)+"/x/y/z")
		for _, again := range []Record{r, below} {
			_, err := Create(context.Background(), again, nil)
			var f *FieldError
			if !errors.Is(err, ErrFrozen) || !errors.As(err, &f) || f.Field != "linux.cgroupsPath" {
				t.Errorf("error: %v", err)
			}
		}
		for _, d := range below.Dirs {
			if _, err := os.Stat(filepath.Dir(d.Abs())); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s is left", filepath.Dir(d.Abs()))
			}
		}
		if err := c.Thaw(context.Background()); err != nil {
			t.Fatal(err)
		}
	})
}

// A cgroup in use is an error, and what is there stays.
func TestCreateInUse(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		r := record(t, h, "/x/y")
		c := create(t, r, nil)
		spawn(t, c, "exec sleep 1000")
		for _, again := range []Record{r, record(t, h, "/x")} {
			_, err := Create(context.Background(), again, nil)
			var f *FieldError
			if !errors.Is(err, ErrInUse) || !errors.As(err, &f) || f.Field != "linux.cgroupsPath" {
				t.Errorf("error: %v", err)
			}
		}
		if len(processes(t, c)) != 1 {
			t.Error("the first user's process is gone")
		}
	})
}

// Create and Destroy are inverse, with all that can be limited in between and
// cgroups that were made inside.
func TestDestroyLeavesNothing(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		r := record(t, h, "/a/b/c")
		c := create(t, r, nil)
		for _, d := range r.Dirs {
			if err := os.MkdirAll(filepath.Join(d.Abs(), "k", "l"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		// As a later process would: from the stored record.
		text, err := json.Marshal(c.Record())
		if err != nil {
			t.Fatal(err)
		}
		var stored Record
		if err := json.Unmarshal(text, &stored); err != nil {
			t.Fatal(err)
		}
		later := Open(stored)
		defer later.Close()
		spawn(t, later, "exec sleep 1000")
		if err := later.Kill(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := later.Destroy(context.Background()); err != nil {
			t.Fatal(err)
		}
		nothingLeft(t, r)
	})
}

// A process inside is named by the error of Destroy.
func TestDestroyBusy(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		c := create(t, record(t, h, "/x"), nil)
		cmd, _ := spawn(t, c, "exec sleep 1000")
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		err := c.Destroy(ctx)
		want := fmt.Sprintf("device or resource busy (processes [%d] are inside)", cmd.Process.Pid)
		if !errors.Is(err, unix.EBUSY) || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("error: %v", err)
		}
	})
}

// A thousand cgroups by eight goroutines of one process: no error, no directory,
// no descriptor is left.
func TestConcurrent(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		base := create(t, record(t, h, ""), nil)
		resources := `{"unified":{}}`
		if _, ok := h.Lookup("memory"); ok {
			resources = `{"memory":{"limit":33554432},"cpu":{"shares":512,"quota":50000},"pids":{"limit":20},"devices":[{"allow":false,"access":"rwm"}]}`
		}
		writes := compile(t, h, resources)
		descriptors := func() int {
			list, err := os.ReadDir("/proc/self/fd")
			if err != nil {
				t.Fatal(err)
			}
			return len(list)
		}
		before := descriptors()
		var g sync.WaitGroup
		for worker := range 8 {
			g.Go(func() {
				for i := range 125 {
					r, err := Place(h, fmt.Sprintf("%s/%d/%d", top(t), worker, i), "id")
					if err != nil {
						t.Error(err)
						return
					}
					c, err := Create(context.Background(), r, writes)
					if err != nil {
						t.Error(err)
						return
					}
					if err := c.Destroy(context.Background()); err != nil {
						t.Error(err)
					}
					c.Close()
				}
			})
		}
		g.Wait()
		if after := descriptors(); after != before {
			t.Errorf("%d descriptors before, %d after", before, after)
		}
		if err := base.Destroy(context.Background()); err != nil {
			t.Error(err)
		}
		nothingLeft(t, base.Record())
	})
}

// BenchmarkLife makes and removes a cgroup with what an engine asks for.
func BenchmarkLife(b *testing.B) {
	h, err := Detect("/")
	if err != nil {
		b.Fatal(err)
	}
	r := &specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: ptr(int64(33554432)), Swap: ptr(int64(67108864))},
		CPU:    &specs.LinuxCPU{Shares: ptr(uint64(512)), Quota: ptr(int64(50000)), Period: ptr(uint64(100000))},
		Pids:   &specs.LinuxPids{Limit: ptr(int64(20))},
		Devices: append([]specs.LinuxDeviceCgroup{{Access: "rwm"}},
			DefaultDeviceRules()...),
	}
	for i := 0; b.Loop(); i++ {
		writes, _, err := Compile(r, h)
		if err != nil {
			b.Fatal(err)
		}
		rec, err := Place(h, fmt.Sprintf("/minirun-cgroups-bench-%d", os.Getpid()), "id")
		if err != nil {
			b.Fatal(err)
		}
		c, err := Create(context.Background(), rec, writes)
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Destroy(context.Background()); err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
}
