//go:build integration

package cgroups

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// These tests make real cgroups, as root, on whatever the machine has. On a
// hybrid host each runs three times: with all hierarchies, with those of version
// 1 only, and with the version 2 tree only, as far as there are the controllers
// that it is about.

// onHosts runs the test on each view of the machine that has the controllers.
func onHosts(t *testing.T, f func(t *testing.T, h *Host), controllers ...string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("these tests make cgroups and need root")
	}
	real, err := Detect("/")
	if err != nil {
		t.Fatal(err)
	}
	hosts := []*Host{real}
	if real.Mode() == Hybrid {
		all := real.Hierarchies()
		u, _ := real.unified()
		hosts = append(hosts, NewHost(all[:len(all)-1]...), NewHost(u))
	}
	ran := false
	for _, h := range hosts {
		ok := h.Mode() != None
		for _, c := range controllers {
			_, has := h.Lookup(c)
			ok = ok && has
		}
		if ok {
			ran = true
			t.Run(h.Mode().String(), func(t *testing.T) { f(t, h) })
		}
	}
	if !ran {
		t.Fatalf("this machine (%s) has no hierarchy with %v", real.Mode(), controllers)
	}
}

// top is the cgroup that all of a test's are below.
func top(t *testing.T) string {
	return fmt.Sprintf("/minirun-cgroups-%d-%s", os.Getpid(), strings.ReplaceAll(t.Name(), "/", "-"))
}

// record places a cgroup and makes sure that it is gone with all processes at
// the end of the test.
func record(t *testing.T, h *Host, name string) Record {
	t.Helper()
	r := place(t, h, top(t)+name)
	t.Cleanup(func() {
		c := Open(r)
		defer c.Close()
		if err := errors.Join(c.Kill(context.Background()), c.Destroy(context.Background())); err != nil {
			t.Errorf("clean up: %v", err)
		}
		for _, d := range r.Dirs {
			first := strings.SplitN(d.Path, "/", 3)[1]
			if err := removeTree(filepath.Join(d.MountPoint, first)); err != nil {
				t.Errorf("clean up: %v", err)
			}
		}
	})
	return r
}

func compile(t *testing.T, h *Host, resources string) []Write {
	t.Helper()
	var r specs.LinuxResources
	if err := json.Unmarshal([]byte(resources), &r); err != nil {
		t.Fatal(err)
	}
	w, _, err := Compile(&r, h)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func create(t *testing.T, r Record, writes []Write) *Cgroup {
	t.Helper()
	c, warnings, err := Create(context.Background(), r, writes)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range warnings {
		t.Errorf("warning: %s", w)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

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

// spawn runs a shell script in the cgroup, which begins once it is inside.
func spawn(t *testing.T, c *Cgroup, script string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", "read go\n"+script)
	out := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = 10 * time.Second
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// All of it, because the output ends with the last process.
		if err := c.Kill(context.Background()); err != nil {
			t.Error(err)
		}
		cmd.Process.Kill()
		cmd.Wait()
	})
	if err := c.Attach(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(in, "\n"); err != nil {
		t.Fatal(err)
	}
	return cmd, out
}

// run is spawn, waited for; it returns what the script printed.
func run(t *testing.T, c *Cgroup, script string) string {
	t.Helper()
	cmd, out := spawn(t, c, script)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return out.String()
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for range 1000 {
		if f() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("after ten seconds still not: %s", what)
}

func processes(t *testing.T, c *Cgroup) []int {
	t.Helper()
	pids, err := c.Processes()
	if err != nil {
		t.Fatal(err)
	}
	return pids
}

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
			return // has no programs
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

// The three ways into a cgroup lead into all hierarchies.
func TestWaysIn(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		c := create(t, record(t, h, "/x"), nil)
		where := func(pid int) []string {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
			if err != nil {
				t.Fatal(err)
			}
			own := parseOwn(string(text))
			var paths []string
			for _, x := range h.Hierarchies() {
				paths = append(paths, own[x.id()])
			}
			return paths
		}
		var want []string
		for _, d := range c.Record().Dirs {
			want = append(want, d.Path)
		}
		expect := func(how string, pid int) {
			t.Helper()
			if got := where(pid); !slices.Equal(got, want) {
				t.Errorf("%s: in %q, want %q", how, got, want)
			}
			if pids := processes(t, c); !slices.Contains(pids, pid) {
				t.Errorf("%s: processes are %v, without %d", how, pids, pid)
			}
			at, err := h.Of(pid)
			if err != nil {
				t.Fatal(err)
			}
			for i, d := range at.Dirs {
				if d.Abs() != c.Record().Dirs[i].Abs() || d.Made != 0 {
					t.Errorf("%s: Of says %+v", how, d)
				}
			}
		}
		cmd, _ := spawn(t, c, "exec sleep 1000")
		expect("Attach", cmd.Process.Pid)

		start := func(script string, extra ...*os.File) *exec.Cmd {
			cmd := exec.Command("/bin/sh", "-c", script)
			cmd.ExtraFiles = extra
			fd, ok, err := c.FD()
			if err != nil {
				t.Fatal(err)
			}
			cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: ok, CgroupFD: fd}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
			return cmd
		}
		cmd = start("exec sleep 1000")
		if err := c.AttachV1(cmd.Process.Pid); err != nil {
			t.Fatal(err)
		}
		expect("FD and AttachV1", cmd.Process.Pid)

		files, err := c.JoinFiles()
		if err != nil {
			t.Fatal(err)
		}
		// dash knows descriptors up to 9 only.
		script := ""
		for i := range files {
			script += fmt.Sprintf("echo 0 > /proc/self/fd/%d && ", 3+i)
		}
		cmd = start(script+"exec sleep 1000", files...)
		eventually(t, "the process has joined", func() bool { return slices.Equal(where(cmd.Process.Pid), want) })
		expect("FD and JoinFiles", cmd.Process.Pid)
		for _, f := range files {
			f.Close()
		}
		if err := c.Attach(1 << 22); !errors.Is(err, unix.ESRCH) {
			t.Errorf("no such process: %v", err)
		}
	})
}

// Signal reaches all processes once.
func TestSignal(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		c := create(t, record(t, h, "/x"), nil)
		cmd, out := spawn(t, c, `trap "echo got it; exit 0" USR1; (trap "" USR1; exec sleep 1000 >&- 2>&-) & wait`)
		eventually(t, "both processes run", func() bool {
			// The trap is set before the child is there.
			return len(processes(t, c)) == 2
		})
		if err := c.Signal(unix.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil || out.String() != "got it\n" {
			t.Errorf("the shell said %q and ended with %v", out, err)
		}
		if err := c.Signal(unix.SIGUSR2); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the other one is gone", func() bool { return len(processes(t, c)) == 0 })
		if err := c.Signal(unix.SIGUSR2); err != nil {
			t.Errorf("with nobody there: %v", err)
		}
	})
}

const bomb = `f() { while :; do sleep 0.02 & sleep 0.01; done; }; f & f & f & f & wait`

// Kill ends a tree that keeps forking, in nested cgroups too, and works on a
// frozen one.
func TestKill(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		for _, frozen := range []bool{false, true} {
			c := create(t, record(t, h, fmt.Sprintf("/x%t", frozen)), nil)
			nested := place(t, h, top(t)+fmt.Sprintf("/x%t/sub", frozen))
			n := Open(nested)
			t.Cleanup(func() { n.Close() })
			for i := range nested.Dirs {
				// Without controllers, so that the upper cgroup may have processes.
				d := &nested.Dirs[i]
				if err := d.mkdir(); err != nil {
					t.Fatal(err)
				}
				if d.Version == 1 && d.has("cpuset") {
					if err := n.inheritCpuset(*d); err != nil {
						t.Fatal(err)
					}
				}
			}
			spawn(t, c, bomb)
			spawn(t, n, bomb)
			eventually(t, "a dozen processes", func() bool { return len(processes(t, c)) >= 12 && len(processes(t, n)) >= 6 })
			if frozen {
				if err := c.Freeze(context.Background()); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.Kill(context.Background()); err != nil {
				t.Fatal(err)
			}
			if pids := processes(t, c); len(pids) != 0 {
				t.Errorf("left: %v", pids)
			}
			if f, err := c.Frozen(); err != nil || f && h.Mode() != Unified {
				t.Errorf("frozen afterwards: %t, %v", f, err)
			}
			if err := c.Destroy(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
}

// The way without cgroup.kill ends it as well.
func TestKillEach(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		c := create(t, record(t, h, "/x"), nil)
		spawn(t, c, bomb)
		eventually(t, "a few processes", func() bool { return len(processes(t, c)) >= 6 })
		for range 100 {
			if err := c.killEach(context.Background()); err != nil {
				t.Fatal(err)
			}
			if len(processes(t, c)) == 0 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if pids := processes(t, c); len(pids) != 0 {
			t.Errorf("left: %v", pids)
		}
		if f, err := c.Frozen(); f || err != nil {
			t.Errorf("frozen afterwards: %t, %v", f, err)
		}
	})
}

// Frozen processes stand still, and go on afterwards.
func TestFreeze(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		c := create(t, record(t, h, "/x"), nil)
		spawn(t, c, bomb)
		eventually(t, "a few processes", func() bool { return len(processes(t, c)) >= 6 })
		for range 10 {
			if err := c.Freeze(context.Background()); err != nil {
				t.Fatal(err)
			}
			if f, err := c.Frozen(); !f || err != nil {
				t.Fatalf("frozen: %t, %v", f, err)
			}
			first := processes(t, c)
			time.Sleep(50 * time.Millisecond)
			if second := processes(t, c); !slices.Equal(first, second) {
				t.Errorf("processes %v became %v", first, second)
			}
			if err := c.Thaw(context.Background()); err != nil {
				t.Fatal(err)
			}
			if f, err := c.Frozen(); f || err != nil {
				t.Fatalf("frozen after thaw: %t, %v", f, err)
			}
			eventually(t, "the processes go on", func() bool { return !slices.Equal(first, processes(t, c)) })
		}
	})
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
			_, _, err := Create(context.Background(), again, nil)
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

// A cgroup in use is a warning; what was there stays when the second user goes.
func TestCreateInUse(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		r := record(t, h, "/x")
		c := create(t, r, nil)
		spawn(t, c, "exec sleep 1000")
		second, warnings, err := Create(context.Background(), r, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer second.Close()
		if len(warnings) != 1 || !strings.HasSuffix(warnings[0].String(), " is in use already: 1 processes are inside") {
			t.Errorf("warnings: %v", warnings)
		}
		if err := second.Destroy(context.Background()); err != nil {
			t.Error(err)
		}
		if len(processes(t, c)) != 1 {
			t.Error("the first user's cgroup is gone")
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
				_, _, err := Create(context.Background(), r, compile(t, h, c.in))
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

// Many cgroups at once in one process: no error, no directory, no descriptor is
// left.
func TestConcurrent(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		base := create(t, record(t, h, ""), nil)
		resources := `{"unified":{}}`
		if _, ok := h.Lookup("memory"); ok {
			resources = `{"memory":{"limit":33554432},"cpu":{"shares":512},"pids":{"limit":20},"devices":[{"allow":false,"access":"rwm"}]}`
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
				for i := range 25 {
					r, err := Place(h, fmt.Sprintf("%s/%d/%d", top(t), worker, i), "id")
					if err != nil {
						t.Error(err)
						return
					}
					c, _, err := Create(context.Background(), r, writes)
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

// On version 2, a parent with processes cannot give a controller that a limit
// needs, but can have children.
func TestBusyParent(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		if d, _ := h.Lookup("hugetlb"); d.Version == 1 {
			return // has no such parents
		}
		parent := create(t, record(t, h, ""), nil)
		spawn(t, parent, "exec sleep 1000")
		below := place(t, h, top(t)+"/a/b")
		_, _, err := Create(context.Background(), below, compile(t, h, `{"hugepageLimits":[{"pageSize":"2MB","limit":0}]}`))
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
			return // has no such cgroups
		}
		d, _ := record(t, h, "/t").Unified()
		if err := d.mkdir(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d.Abs(), "cgroup.type"), []byte("threaded"), 0); err != nil {
			t.Fatal(err)
		}
		for p, kind := range map[string]string{"/t": "threaded", "/t/x": "domain invalid"} {
			_, _, err := Create(context.Background(), place(t, h, top(t)+p), nil)
			want := fmt.Sprintf("linux.cgroupsPath: %s is of type %q: it is part of a threaded subtree, which holds threads and no processes",
				filepath.Join(d.MountPoint, top(t), p), kind)
			if err == nil || err.Error() != want {
				t.Errorf("%s: %v, want %s", p, err, want)
			}
		}
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
		c, _, err := Create(context.Background(), rec, writes)
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Destroy(context.Background()); err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
}
