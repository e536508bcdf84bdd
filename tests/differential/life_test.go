//go:build integration

package differential

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/containerd/cgroups/v3/cgroup1"
	"github.com/containerd/cgroups/v3/cgroup2"
	theirs "github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/manager"
	"github.com/opencontainers/runtime-spec/specs-go"

	ours "github.com/minirun/minirun/cgroups"
)

// lifeEnv makes the test binary the process whose system calls are counted:
// "library path number", how many cgroups it makes and removes.
const lifeEnv = "DIFFERENTIAL_LIFE"

// A library makes a cgroup with limits and removes it. The first one pays for
// what it finds out about the host, if it keeps it.
type library struct {
	name string
	life func(path string, r *specs.LinuxResources) error
}

func libraries(v2 bool) []library {
	var host *ours.Host
	list := []library{
		{"minirun", func(path string, r *specs.LinuxResources) (err error) {
			if host == nil {
				if host, err = ours.Detect("/"); err != nil {
					return err
				}
			}
			return ourLife(host, path, r)
		}},
		{"opencontainers", theirLife},
	}
	if v2 {
		return append(list, library{"containerd", containerdLife2})
	}
	return append(list, library{"containerd", containerdLife1})
}

func ourLife(host *ours.Host, path string, r *specs.LinuxResources) error {
	writes, _, err := ours.Compile(r, host)
	if err != nil {
		return err
	}
	rec, err := ours.Place(host, path, "id")
	if err != nil {
		return err
	}
	cg, err := ours.Create(context.Background(), rec, writes)
	if err != nil {
		return err
	}
	defer cg.Close()
	return cg.Destroy(context.Background())
}

func theirLife(path string, r *specs.LinuxResources) error {
	res := oracleResources(r)
	m, err := manager.New(&theirs.Cgroup{Path: path, Resources: res})
	if err != nil {
		return err
	}
	if err := m.Apply(-1); err != nil {
		return err
	}
	if err := m.Set(res); err != nil {
		return err
	}
	return m.Destroy()
}

func containerdLife1(path string, r *specs.LinuxResources) error {
	cg, err := cgroup1.New(cgroup1.StaticPath(path), r)
	if err != nil {
		return err
	}
	return cg.Delete()
}

func containerdLife2(path string, r *specs.LinuxResources) error {
	m, err := cgroup2.NewManager("/sys/fs/cgroup", path, cgroup2.ToResources(r))
	if err != nil {
		return err
	}
	return m.Delete()
}

// usual are the limits that an engine gives: memory, cpu, pids and the default
// device rules, with all members set, since not every library knows defaults.
func usual() *specs.LinuxResources {
	all := int64(-1)
	rules := append([]specs.LinuxDeviceCgroup{{Type: "a", Access: "rwm"}}, ours.DefaultDeviceRules()...)
	for i := range rules {
		if rules[i].Major == nil {
			rules[i].Major = &all
		}
		if rules[i].Minor == nil {
			rules[i].Minor = &all
		}
	}
	return &specs.LinuxResources{
		Memory:  &specs.LinuxMemory{Limit: ptr(int64(64 << 20)), Swap: ptr(int64(128 << 20))},
		CPU:     &specs.LinuxCPU{Shares: ptr(uint64(512)), Quota: ptr(int64(50000)), Period: ptr(uint64(100000))},
		Pids:    &specs.LinuxPids{Limit: ptr(int64(100))},
		Devices: rules,
	}
}

func ptr[T any](v T) *T { return &v }

// runLives is the counted process.
func runLives(order string) error {
	f := strings.Fields(order)
	n, err := strconv.Atoi(f[2])
	if err != nil {
		return err
	}
	_, err = os.Stat("/sys/fs/cgroup/cgroup.controllers")
	for _, l := range libraries(err == nil) {
		for i := 0; l.name == f[0] && i < n; i++ {
			if err := l.life(fmt.Sprintf("%s/%d", f[1], i), usual()); err != nil {
				return err
			}
		}
	}
	return nil
}

// parentFor makes a cgroup that gives controllers to those below it, as any
// engine's does.
func parentFor(t testing.TB) (host *ours.Host, path string) {
	t.Helper()
	host, err := ours.Detect("/")
	if err != nil {
		t.Fatal(err)
	}
	path = fmt.Sprintf("/minirun-life-%d", os.Getpid())
	t.Cleanup(func() {
		for _, h := range host.Hierarchies() {
			os.Remove(filepath.Join(h.MountPoint, path, "warm"))
			if err := os.Remove(h.MountPoint + path); err != nil && !os.IsNotExist(err) {
				t.Error(err)
			}
		}
	})
	rec, err := ours.Place(host, path+"/warm", "id")
	if err != nil {
		t.Fatal(err)
	}
	writes, _, err := ours.Compile(usual(), host)
	if err != nil {
		t.Fatal(err)
	}
	cg, err := ours.Create(context.Background(), rec, writes)
	if err != nil {
		t.Fatal(err)
	}
	cg.Close()
	return host, path
}

// touching finds the system calls that are about cgroups: strace -y names the
// file behind each descriptor.
var touching = regexp.MustCompile(`(?m)^.*(cgroup|mountinfo|\bbpf\().*$`)

// countCalls counts such system calls of a process that makes and removes n
// cgroups.
func countCalls(t *testing.T, name, path string, n int) int {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("strace", "-f", "-y", "-o", trace, self)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d", lifeEnv, name, path, n),
		"GODEBUG=containermaxprocs=0,updatemaxprocs=0") // Go itself reads its CPU limit otherwise
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	for _, line := range touching.FindAll(text, -1) {
		if !bytes.Contains(line, []byte(" resumed>")) {
			calls++
		}
	}
	return calls
}

// Making and removing a cgroup in a fresh process takes few system calls, with
// those that find out where the hierarchies are. On version 2 none of them writes
// to cgroup.procs: the process is born inside (see libcontainer's plan).
func TestSystemCalls(t *testing.T) {
	host, path := parentFor(t)
	v2 := host.Mode() == ours.Unified
	most := 120
	if v2 {
		most = 40
	}
	for _, l := range libraries(v2) {
		none := countCalls(t, l.name, path, 0)
		first := countCalls(t, l.name, path, 1) - none
		more := countCalls(t, l.name, path, 11) - none - first
		t.Logf("%-14s %3d system calls for the first cgroup, %5.1f for each further one", l.name, first, float64(more)/10)
		if l.name == "minirun" && (first > most || first < 20) {
			t.Errorf("%d system calls for a cgroup, at most %d are allowed", first, most)
		}
	}
}

// BenchmarkLife makes and removes cgroups by each library in turn and reports
// medians in microseconds. The last figure is minirun's over the best of the
// others'.
func BenchmarkLife(b *testing.B) {
	host, path := parentFor(b)
	list := libraries(host.Mode() == ours.Unified)
	times := make([][]time.Duration, len(list))
	for round := 0; b.Loop(); round++ {
		for i := range list {
			i = (i + round) % len(list) // nobody is always first
			start := time.Now()
			if err := list[i].life(path+"/x", usual()); err != nil {
				b.Fatalf("%s: %v", list[i].name, err)
			}
			times[i] = append(times[i], time.Since(start))
		}
	}
	best := time.Hour
	for i, l := range list {
		slices.Sort(times[i])
		median := times[i][len(times[i])/2]
		b.ReportMetric(float64(median.Nanoseconds())/1000, l.name+"-µs")
		if i > 0 {
			best = min(best, median)
		}
	}
	b.ReportMetric(float64(times[0][len(times[0])/2])/float64(best), "ratio")
}
