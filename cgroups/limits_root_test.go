//go:build integration

package cgroups

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Limits are in force as the kernel shows them.
func TestLimitsReadBack(t *testing.T) {
	for _, c := range []struct {
		controller, in string
		v1, v2         map[string]string
	}{
		{
			"memory", `{"memory":{"limit":33554432,"reservation":16777216}}`,
			map[string]string{"memory.limit_in_bytes": "33554432", "memory.soft_limit_in_bytes": "16777216"},
			map[string]string{"memory.max": "33554432", "memory.low": "16777216"},
		},
		{
			"memory", `{"memory":{"limit":33554432,"swap":67108864}}`,
			map[string]string{"memory.limit_in_bytes": "33554432", "memory.memsw.limit_in_bytes": "67108864"},
			map[string]string{"memory.max": "33554432", "memory.swap.max": "33554432"},
		},
		{
			"memory", `{"memory":{"limit":-1,"disableOOMKiller":false,"checkBeforeUpdate":true}}`,
			map[string]string{"memory.limit_in_bytes": "9223372036854771712", "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 0"},
			map[string]string{"memory.max": "max", "memory.swap.max": "max"},
		},
		{
			"cpu", `{"cpu":{"shares":512,"quota":50000,"period":200000,"burst":10000}}`,
			map[string]string{"cpu.shares": "512", "cpu.cfs_quota_us": "50000", "cpu.cfs_period_us": "200000", "cpu.cfs_burst_us": "10000"},
			map[string]string{"cpu.weight": "59", "cpu.max": "50000 200000", "cpu.max.burst": "10000"},
		},
		{
			"cpu", `{"cpu":{"period":50000,"idle":1,"shares":100}}`,
			map[string]string{"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "50000", "cpu.idle": "1"},
			map[string]string{"cpu.max": "max 50000", "cpu.idle": "1"},
		},
		{
			"cpuset", `{"cpu":{"cpus":"0","mems":"0"}}`,
			map[string]string{"cpuset.cpus": "0", "cpuset.mems": "0"},
			map[string]string{"cpuset.cpus": "0", "cpuset.mems": "0"},
		},
		{"pids", `{"pids":{"limit":7}}`, map[string]string{"pids.max": "7"}, map[string]string{"pids.max": "7"}},
		{"pids", `{"pids":{"limit":0}}`, map[string]string{"pids.max": "0"}, map[string]string{"pids.max": "0"}},
		{"pids", `{"pids":{"limit":-1}}`, map[string]string{"pids.max": "max"}, map[string]string{"pids.max": "max"}},
		{
			"hugetlb", `{"hugepageLimits":[{"pageSize":"2MB","limit":4194304}]}`,
			map[string]string{"hugetlb.2MB.limit_in_bytes": "4194304", "hugetlb.2MB.rsvd.limit_in_bytes": "4194304"},
			map[string]string{"hugetlb.2MB.max": "4194304", "hugetlb.2MB.rsvd.max": "4194304"},
		},
		{"devices", `{"devices":[{"allow":false,"access":"rwm"}]}`, map[string]string{"devices.list": ""}, nil},
		{
			"devices",
			`{"devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":136,"access":"rw"},{"allow":true,"type":"b","major":8,"minor":1,"access":"r"}]}`,
			map[string]string{"devices.list": "c 136:* rw\nb 8:1 r"},
			nil,
		},
	} {
		t.Run(c.controller, func(t *testing.T) {
			onHosts(t, func(t *testing.T, h *Host) {
				cg := create(t, record(t, h, "/x"), compile(t, h, c.in))
				d, _ := cg.Record().Dir(c.controller)
				want := c.v1
				if d.Version == 2 {
					want = c.v2
				}
				for file, value := range want {
					got, err := os.ReadFile(filepath.Join(d.Abs(), file))
					if err != nil || strings.TrimSpace(string(got)) != value {
						t.Errorf("%s: %s is %q (%v), want %q", c.in, file, got, err, value)
					}
				}
			}, c.controller)
		})
	}
}

// A limit of processes stops a shell from starting more.
func TestPidsLimit(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		c := create(t, record(t, h, "/x"), compile(t, h, `{"pids":{"limit":4}}`))
		// The shell gives up when it cannot fork.
		cmd, out := spawn(t, c, "for i in 1 2 3 4 5 6 7 8; do sleep 1000 >&- 2>&- & done; wait")
		if err := cmd.Wait(); err == nil || !strings.Contains(out.String(), "fork") {
			t.Errorf("the shell ended with %v: %s", err, out)
		}
		if n := len(processes(t, c)); n != 3 {
			t.Errorf("%d processes are left beside the shell, want 3", n)
		}
	}, "pids")
}

// Devices can be used as the rules say, bit by bit, and later rules replace
// the first ones.
func TestDevicesEnforced(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		try := `for how in "< /dev/zero" "> /dev/zero" "<> /dev/zero" "< /dev/full" "<> /dev/null"; do
			if eval ": $how" 2>&-; then echo "yes $how"; else echo "no $how"; fi; done`
		// The redirection must not end the shell.
		try = strings.ReplaceAll(try, `eval ": $how"`, `(eval ": $how")`)
		c := create(t, record(t, h, "/x"), compile(t, h, `{"devices":[{"allow":false,"access":"rwm"},
			{"allow":true,"type":"c","major":1,"minor":5,"access":"r"},{"allow":true,"type":"c","major":1,"minor":3,"access":"rw"}]}`))
		const want = "yes < /dev/zero\nno > /dev/zero\nno <> /dev/zero\nno < /dev/full\nyes <> /dev/null\n"
		if got := run(t, c, try); got != want {
			t.Errorf("at first: %q, want %q", got, want)
		}
		again := compile(t, h, `{"devices":[{"allow":false,"access":"rwm"},
			{"allow":true,"type":"c","major":1,"minor":5,"access":"rw"},{"allow":true,"type":"c","major":1,"minor":7,"access":"r"}]}`)
		for range 3 {
			if err := c.Apply(context.Background(), again); err != nil {
				t.Fatal(err)
			}
		}
		const want2 = "yes < /dev/zero\nyes > /dev/zero\nyes <> /dev/zero\nyes < /dev/full\nno <> /dev/null\n"
		if got := run(t, c, try); got != want2 {
			t.Errorf("after the change: %q, want %q", got, want2)
		}
		if d, _ := c.Record().Dir("devices"); d.Version == 2 {
			fd, _, err := c.FD()
			if err != nil {
				t.Fatal(err)
			}
			fds, err := programs(fd)
			if err != nil || len(fds) != 1 {
				t.Errorf("programs: %v, %v", fds, err)
			}
			for _, fd := range fds {
				unix.Close(fd)
			}
		}
	}, "devices")
}

// More than one program, as others may have left them, becomes one.
func TestDeviceProgramsReplaced(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		d, _ := h.Lookup("devices")
		if d.Version == 1 {
			t.Skip("version 1 has no device programs")
		}
		c := create(t, record(t, h, "/x"), nil)
		deny := compile(t, h, `{"devices":[{"allow":false,"access":"rwm"}]}`)
		for range 3 {
			c.fresh = true // does not look for those that are there
			if err := c.Apply(context.Background(), deny); err != nil {
				t.Fatal(err)
			}
			c.fresh = false
		}
		fd, _, err := c.FD()
		if err != nil {
			t.Fatal(err)
		}
		count := func() int {
			fds, err := programs(fd)
			if err != nil {
				t.Fatal(err)
			}
			for _, fd := range fds {
				unix.Close(fd)
			}
			return len(fds)
		}
		if n := count(); n != 3 {
			t.Fatalf("%d programs before", n)
		}
		if err := c.Apply(context.Background(), compile(t, h, `{"devices":[{"allow":true,"access":"rwm"}]}`)); err != nil {
			t.Fatal(err)
		}
		if n := count(); n != 1 {
			t.Errorf("%d programs after", n)
		}
		if got := run(t, c, ": < /dev/zero && echo yes"); got != "yes\n" {
			t.Errorf("opening a device: %q", got)
		}
	})
}

// A value that the kernel refuses leaves nothing behind, and the error names
// field, file and value.
func TestCreateRefused(t *testing.T) {
	for _, c := range []struct{ controller, in, want string }{
		{
			"cpuset", `{"cpu":{"cpus":"4095"}}`,
			"linux.resources.cpu.cpus: write 4095 to cpuset.cpus of PATH: ",
		},
		{"cpu", `{"cpu":{"period":1}}`, "linux.resources.cpu.period: write "},
		{"hugetlb", `{"hugepageLimits":[{"pageSize":"3MB","limit":0}]}`, "linux.resources.hugepageLimits[0]: write 0 to hugetlb.3MB."},
	} {
		t.Run(c.controller, func(t *testing.T) {
			onHosts(t, func(t *testing.T, h *Host) {
				r := record(t, h, "/x/y")
				_, err := Create(context.Background(), r, compile(t, h, c.in))
				want := strings.ReplaceAll(c.want, "PATH", r.Dirs[0].Path)
				if err == nil || !strings.HasPrefix(err.Error(), want) {
					t.Errorf("error: %v, want %s...", err, want)
				}
				var w *WriteError
				if !errors.As(err, &w) {
					t.Errorf("error %v wraps no WriteError", err)
				}
				nothingLeft(t, r)
			}, c.controller)
		})
	}
}

// On version 2, a parent with processes cannot give a controller that a limit
// needs, but can have children.
func TestBusyParent(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		if d, _ := h.Lookup("hugetlb"); d.Version == 1 {
			t.Skip("version 1 has no such parents")
		}
		parent := create(t, record(t, h, ""), nil)
		spawn(t, parent, "exec sleep 1000")
		below := place(t, h, top(t)+"/a/b")
		_, err := Create(context.Background(), below, compile(t, h, `{"hugepageLimits":[{"pageSize":"2MB","limit":0}]}`))
		d, _ := below.Unified()
		want := "linux.resources.hugepageLimits[0]: the hugetlb controller is not available in cgroup " + d.Path +
			": write +hugetlb to cgroup.subtree_control of " + filepath.Join(d.MountPoint, top(t)) + ": device or resource busy " +
			"(this cgroup has processes of its own, so it cannot give controllers to its children)"
		if !errors.Is(err, unix.EBUSY) || err.Error() != want {
			t.Errorf("error: %v, want %s", err, want)
		}
		// Without limits it works, and without making the parent threaded.
		c := create(t, below, nil)
		cmd, _ := spawn(t, c, "exec sleep 1000")
		if pids := processes(t, c); !slices.Equal(pids, []int{cmd.Process.Pid}) {
			t.Errorf("processes: %v, want %d", pids, cmd.Process.Pid)
		}
	}, "hugetlb")
}

// On version 2, a threaded subtree cannot hold a container.
func TestThreadedParent(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		if _, ok := h.unified(); !ok {
			t.Skip("version 1 has no threaded cgroups")
		}
		d, _ := record(t, h, "/t").Unified()
		if err := d.mkdir(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d.Abs(), "cgroup.type"), []byte("threaded"), 0); err != nil {
			t.Fatal(err)
		}
		for p, kind := range map[string]string{"/t": "threaded", "/t/x": "domain invalid"} {
			_, err := Create(context.Background(), place(t, h, top(t)+p), nil)
			want := fmt.Sprintf("linux.cgroupsPath: %s is of type %q: it is part of a threaded subtree, which holds threads and no processes",
				filepath.Join(d.MountPoint, top(t), p), kind)
			if err == nil || err.Error() != want {
				t.Errorf("%s: %v, want %s", p, err, want)
			}
		}
	})
}
