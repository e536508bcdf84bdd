//go:build integration

package cgroups

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// asUserEnv makes the test binary a process that tries to make a cgroup.
const asUserEnv = "CGROUPS_AS_USER"

// wantError fails unless the error has exactly this text, PATH being that of the
// first directory with the controller, and N a number.
func wantError(t *testing.T, err error, c *Cgroup, controller, want string) {
	t.Helper()
	d, _ := c.Record().Dir(controller)
	pattern := regexp.QuoteMeta(strings.ReplaceAll(want, "PATH", d.Path))
	pattern = strings.ReplaceAll(pattern, "usage is N", "usage is [0-9]+")
	if err == nil || !regexp.MustCompile("^"+pattern+"$").MatchString(err.Error()) {
		t.Errorf("error: %v\nwant: %s", err, want)
	}
}

// A limit below what is used is refused, by version 1 always and by version 2
// when the configuration asks for the check, and the old ones stay.
func TestLimitBelowUsage(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		first := compile(t, h, `{"memory":{"limit":67108864,"swap":67108864},"pids":{"limit":20}}`)
		c := create(t, record(t, h, "/x"), first)
		_, out := spawn(t, c, `x=$(head -c 24000000 /dev/zero | tr '\0' x); echo ready; read forever < `+fifo(t))
		eventually(t, "the process uses memory", func() bool { return strings.Contains(out.String(), "ready") })
		d, _ := c.Record().Dir("memory")
		files := []string{"memory.max", "memory.swap.max"}
		if d.Version == 1 {
			files = []string{"memory.limit_in_bytes", "memory.memsw.limit_in_bytes"}
		}
		before := knobs(t, c, "memory", files...)
		_, err := c.Update(context.Background(), compile(t, h, `{"pids":{"limit":30},"memory":{"limit":8388608,"swap":8388608,"checkBeforeUpdate":true}}`), first)
		want := "linux.resources.memory.limit: write 8388608 to memory.limit_in_bytes of PATH: device or resource busy (usage is N bytes)"
		if d.Version == 2 {
			want = "linux.resources.memory.limit: write 8388608 to memory.max of PATH: device or resource busy (usage is N bytes, and checkBeforeUpdate is set)"
		}
		wantError(t, err, c, "memory", want)
		if !errors.Is(err, unix.EBUSY) {
			t.Errorf("error %v does not wrap EBUSY", err)
		}
		if after := knobs(t, c, "memory", files...) + knobs(t, c, "pids", "pids.max"); after != before+"20" {
			t.Errorf("limits: %s, want %s20", after, before)
		}
	}, "memory", "pids")
}

func fifo(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// A value that the kernel refuses in an update leaves the old one, and the error
// says which.
func TestUpdateRefused(t *testing.T) {
	for _, c := range []struct{ controller, first, in, v1, v2 string }{
		{
			"memory", `{"memory":{"limit":33554432,"swap":33554432}}`, `{"memory":{"limit":67108864}}`,
			"linux.resources.memory.limit: write 67108864 to memory.limit_in_bytes of PATH: invalid argument (it cannot be more than memory.memsw.limit_in_bytes, the limit of memory and swap)",
			"",
		},
		{
			"cpu", `{"cpu":{"quota":50000,"burst":40000}}`, `{"cpu":{"quota":20000}}`,
			"linux.resources.cpu.quota: write 20000 to cpu.cfs_quota_us of PATH: invalid argument (out of the kernel's range, less than the burst, or more than the parent cgroup has)",
			"linux.resources.cpu.quota: write 20000 to cpu.max of PATH: invalid argument (out of the kernel's range, or less than the burst)",
		},
		{
			"cpu", `{"cpu":{"idle":1}}`, `{"cpu":{"shares":700}}`,
			"linux.resources.cpu.shares: write 700 to cpu.shares of PATH: invalid argument (the cgroup is idle (cpu.idle))",
			"linux.resources.cpu.shares: write 75 to cpu.weight of PATH: invalid argument (the cgroup is idle (cpu.idle))",
		},
	} {
		t.Run(c.controller, func(t *testing.T) {
			onHosts(t, func(t *testing.T, h *Host) {
				first := compile(t, h, c.first)
				cg := create(t, record(t, h, "/x"), first)
				_, err := cg.Update(context.Background(), compile(t, h, c.in), first)
				want := c.v1
				if d, _ := cg.Record().Dir(c.controller); d.Version == 2 {
					want = c.v2
				}
				if want == "" {
					if err != nil {
						t.Errorf("error: %v", err)
					}
					return
				}
				wantError(t, err, cg, c.controller, want)
			}, c.controller)
		})
	}
}

// A user without rights gets an error that says where, and nothing is left.
func TestNotPermitted(t *testing.T) {
	if path := os.Getenv(asUserEnv); path != "" {
		h, err := Detect("/")
		if err != nil {
			t.Fatal(err)
		}
		if os.Getenv(asUserEnv+"_V1") != "" {
			all := h.Hierarchies()
			h = NewHost(all[:len(all)-1]...)
		}
		_, err = Create(context.Background(), place(t, h, path), nil)
		fmt.Printf("error: %v\n", err)
		return
	}
	onHosts(t, func(t *testing.T, h *Host) {
		r := record(t, h, "/x")
		first := r.Dirs[0]
		if u, ok := r.Unified(); ok {
			first = u // is made first
		}
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestNotPermitted$")
		cmd.Env = append(os.Environ(), asUserEnv+"="+first.Path)
		if h.Mode() == Legacy {
			cmd.Env = append(cmd.Env, asUserEnv+"_V1=1")
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := cmd.CombinedOutput()
		want := "error: linux.cgroupsPath: create cgroup " + first.Abs() + ": permission denied (user 65534 may not make cgroups there)\n"
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%v: %s\nwant: %s", err, out, want)
		}
		nothingLeft(t, r)
	})
}
