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
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
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
	machine, err := Detect("/")
	if err != nil {
		t.Fatal(err)
	}
	hosts := []*Host{machine}
	if machine.Mode() == Hybrid {
		all := machine.Hierarchies()
		u, _ := machine.unified()
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
		t.Skipf("this machine (%s) has no hierarchy with %v", machine.Mode(), controllers)
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
		made := r.clone()
		for i := range made.Dirs {
			made.Dirs[i].Made = 1 // whatever is there is the test's
		}
		c := Open(made)
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
	c, err := Create(context.Background(), r, writes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
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
