package cgroups

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// What is written to get back to what a file said before.
func TestPrevious(t *testing.T) {
	for _, c := range []struct{ file, text, value, want string }{
		{"memory.limit_in_bytes", "9223372036854771712", "33554432", "9223372036854771712"},
		{"memory.max", "max", "33554432", "max"},
		{"memory.oom_control", "oom_kill_disable 1\nunder_oom 0\noom_kill 3", "0", "1"},
		{"memory.oom_control", "", "0", "none"},
		{"cpu.max", "max 100000", "50000", "max 100000"},
		{"cpu.weight", "59", "100", "59"},
		{"cpu.weight", "0", "100", "none"},
		{"cpuset.cpus", "", "0-1", "\n"},
		{"cpuset.cpus", "0-3", "0-1", "0-3"},
		{"io.max", "8:0 rbps=600 wbps=max riops=max wiops=max\n8:16 rbps=max wbps=1 riops=max wiops=max", "8:0 wiops=5", "8:0 rbps=600 wbps=max riops=max wiops=max"},
		{"io.max", "8:16 rbps=max wbps=1 riops=max wiops=max", "8:0 wiops=5", "8:0 rbps=max wbps=max riops=max wiops=max"},
		{"io.max", "", "8:0 wiops=5", "8:0 rbps=max wbps=max riops=max wiops=max"},
		{"io.latency", "", "8:0 target=100", "8:0 target=0"},
		{"io.weight", "default 100\n8:0 300", "500", "default 100"},
		{"io.weight", "default 100\n8:0 300", "default 500", "default 100"},
		{"io.weight", "default 100\n8:0 300", "8:0 500", "8:0 300"},
		{"io.weight", "default 100\n8:0 300", "8:16 500", "8:16 default"},
		{"io.bfq.weight", "100", "500", "100"},
		{"blkio.bfq.weight", "100", "500", "100"},
		{"blkio.bfq.weight_device", "default 100\n8:0 200", "8:1 300", "8:1 default"},
		{"blkio.throttle.read_bps_device", "8:0 600", "8:0 700", "8:0 600"},
		{"blkio.throttle.read_bps_device", "8:0 600", "8:16 700", "8:16 0"},
		{"net_prio.ifpriomap", "lo 0\neth0 7", "eth0 9", "eth0 7"},
		{"rdma.max", "mlx4_0 hca_handle=2 hca_object=max", "mlx4_0 hca_object=3", "mlx4_0 hca_handle=2 hca_object=max"},
		{"some.stat", "a 1\nb 2", "x", "none"}, // no file to write to
	} {
		got, ok := previous(c.file, c.text, c.value)
		if !ok {
			got = "none"
		}
		if got != c.want {
			t.Errorf("%s with %q, written %q: %q, want %q", c.file, c.text, c.value, got, c.want)
		}
	}
}

// list is devices.list of the cgroup.
func (g *v1Cgroup) list() string {
	if g.allow {
		return "a *:* rwm"
	}
	var lines []string
	for _, e := range g.exceptions {
		if e.access != 0 {
			lines = append(lines, e.String()+" "+e.access.String())
		}
	}
	return strings.Join(lines, "\n")
}

// rules returns the device writes of version 1, and a cgroup that has them.
func rules(t *testing.T, list []specs.LinuxDeviceCgroup) ([]Write, *v1Cgroup) {
	t.Helper()
	w, _, err := Compile(&specs.LinuxResources{Devices: list}, hostV1())
	if err != nil {
		t.Fatal(err)
	}
	g := &v1Cgroup{allow: true}
	for _, x := range w {
		g.write(t, x)
	}
	return w, g
}

func sortedLines(s string) string {
	l := strings.Split(s, "\n")
	slices.Sort(l)
	return strings.Join(l, "\n")
}

// The lines lead from one list of rules to another and back, and at no moment is
// something refused that both allow.
func TestDeviceLines(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	random := func() []specs.LinuxDeviceCgroup {
		list := []specs.LinuxDeviceCgroup{{Access: "rwm"}}
		for range rnd.IntN(6) {
			list = append(list, specs.LinuxDeviceCgroup{
				Allow: true, Type: []string{"b", "c"}[rnd.IntN(2)], Major: ptr(int64(rnd.IntN(2))), Minor: ptr(int64(rnd.IntN(3) - 1)),
				Access: []string{"rwm", "r", "w", "rw", "m"}[rnd.IntN(5)],
			})
		}
		return list
	}
	all := func(f func(d devices, want access)) {
		for _, typ := range []int{'b', 'c'} {
			for major := range int64(2) {
				for minor := range int64(3) {
					for want := accMknod; want <= accAll; want++ {
						f(devices{typ, major, minor}, want)
					}
				}
			}
		}
	}
	for range 300 {
		_, g := rules(t, random())
		want, target := rules(t, random())
		before := g.list()
		from := *g
		from.exceptions = slices.Clone(g.exceptions)
		change, back, ok := deviceLines(before, want)
		if !ok {
			t.Fatalf("cannot go from %q by lines", before)
		}
		for _, w := range change {
			g.write(t, w)
			all(func(d devices, acc access) {
				if from.permits(d, acc) && target.permits(d, acc) && !g.permits(d, acc) {
					t.Fatalf("from %q to %q: %s %s is refused after %s", before, target.list(), d, acc, w)
				}
			})
		}
		if sortedLines(g.list()) != sortedLines(target.list()) {
			t.Fatalf("from %q by %v: %q, want %q", before, change, g.list(), target.list())
		}
		for _, w := range back {
			g.write(t, w)
		}
		if sortedLines(g.list()) != sortedLines(before) {
			t.Fatalf("back by %v: %q, want %q", back, g.list(), before)
		}
	}
	want, _ := rules(t, random())
	if _, _, ok := deviceLines("a *:* rwm", want); ok {
		t.Error("from a default of allow, whose exceptions nobody sees")
	}
	want, _ = rules(t, []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}})
	if _, _, ok := deviceLines("c 1:3 r", want); ok {
		t.Error("to a default of allow")
	}
	want, _ = rules(t, []specs.LinuxDeviceCgroup{{Access: "rwm"}, {Allow: true, Type: "c", Major: ptr(int64(1)), Access: "rw"}})
	if change, back, ok := deviceLines("c 1:* rw", want); !ok || len(change)+len(back) > 0 {
		t.Errorf("nothing changes, but: %v, %v, %t", change, back, ok)
	}
}

// The cgroup of a machine that is only files: what fails in the middle leaves the
// old values, and the undo of what did not fail does the same.
func TestUpdateUndo(t *testing.T) {
	h := fakeHost(t)
	c, err := Create(t.Context(), place(t, h, "/x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	d, _ := c.Record().Dir("memory")
	dir, err := openDir(d.Abs())
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(dir)
	for name, text := range map[string]string{"memory.a": "1", "memory.b": "2"} {
		if err := os.WriteFile(filepath.Join(d.Abs(), name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	now := func() string {
		a, _ := readAt(dir, "memory.a")
		b, _ := readAt(dir, "memory.b")
		return a + b
	}
	w := func(file, value string) Write {
		return Write{Field: "f", Controller: "memory", File: file, Value: value}
	}
	undo, err := c.Update(t.Context(), []Write{w("memory.a", "3"), w("memory.b", "4"), w("memory.a", "5")}, nil)
	if err != nil || now() != "54" {
		t.Fatalf("%s, %v", now(), err)
	}
	if err := undo.Do(t.Context()); err != nil || now() != "12" {
		t.Errorf("undone: %s, %v", now(), err)
	}
	_, err = c.Update(t.Context(), []Write{w("memory.a", "6"), w("memory.none", "7"), w("memory.b", "8")}, nil)
	const want = "f: write 7 to memory.none of /x: no such file or directory (the kernel does not offer this file)"
	if err == nil || err.Error() != want || now() != "12" {
		t.Errorf("after a failure: %s, %v", now(), err)
	}
}
