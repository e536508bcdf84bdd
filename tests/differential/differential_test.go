//go:build integration

package differential

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	theirs "github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/manager"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	ours "github.com/minirun/minirun/cgroups"
)

// probeEnv makes the test binary the process that tries devices.
const probeEnv = "DIFFERENTIAL_PROBE"

func TestMain(m *testing.M) {
	if os.Getenv(probeEnv) != "" {
		probe()
		return
	}
	logrus.SetOutput(io.Discard)
	if order := os.Getenv(lifeEnv); order != "" {
		if err := runLives(order); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// probe waits for a line and prints which devices can be opened how.
func probe() {
	os.Stdin.Read(make([]byte, 1))
	for _, dev := range []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/tty"} {
		for how, flags := range map[string]int{"r": unix.O_RDONLY, "w": unix.O_WRONLY, "rw": unix.O_RDWR} {
			if fd, err := unix.Open(dev, flags|unix.O_NOCTTY, 0); err != unix.EPERM {
				fmt.Printf("%s:%s\n", dev, how)
				unix.Close(fd)
			}
		}
	}
	dir, err := os.MkdirTemp("", "differential")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	for name, dev := range map[string][2]uint32{"c": {unix.S_IFCHR, 5}, "b": {unix.S_IFBLK, 7}} {
		if unix.Mknod(filepath.Join(dir, name), dev[0], int(unix.Mkdev(dev[1], 0))) != unix.EPERM {
			fmt.Println("mknod:" + name)
		}
	}
}

// A side is one of the two libraries with one cgroup.
type side interface {
	// step creates the cgroup, or updates it.
	step(r *specs.LinuxResources) error
	destroy() error
}

type ourSide struct {
	host *ours.Host
	rec  ours.Record
	cg   *ours.Cgroup
	// writes are those in force.
	writes []ours.Write
}

func (s *ourSide) step(r *specs.LinuxResources) error {
	writes, _, err := ours.Compile(r, s.host)
	if err != nil {
		return err
	}
	if s.cg != nil {
		_, err = s.cg.Update(context.Background(), writes, s.writes)
	} else {
		s.cg, err = ours.Create(context.Background(), s.rec, writes)
	}
	s.writes = writes
	return err
}

func (s *ourSide) destroy() error {
	if s.cg == nil {
		return nil
	}
	defer s.cg.Close()
	return s.cg.Destroy(context.Background())
}

type theirSide struct {
	path    string
	manager theirs.Manager
}

func (s *theirSide) step(r *specs.LinuxResources) error {
	res := oracleResources(r)
	if s.manager != nil {
		return s.manager.Set(res)
	}
	m, err := manager.New(&theirs.Cgroup{Path: s.path, Resources: res})
	if err != nil {
		return err
	}
	s.manager = m
	if err := s.manager.Apply(-1); err != nil {
		return err
	}
	return s.manager.Set(res)
}

func (s *theirSide) destroy() error {
	if s.manager == nil {
		return nil
	}
	return s.manager.Destroy()
}

// notKnobs are files that can be written but show what happened, or what all
// cgroups show alike.
var notKnobs = []string{
	"cgroup.procs", "cgroup.threads", "tasks", "cgroup.clone_children", "notify_on_release", "release_agent", "cgroup.event_control",
	"memory.failcnt", "memory.max_usage_in_bytes", "memory.memsw.failcnt", "memory.memsw.max_usage_in_bytes", "memory.pressure_level",
	"memory.kmem.failcnt", "memory.kmem.max_usage_in_bytes", "memory.kmem.tcp.failcnt", "memory.kmem.tcp.max_usage_in_bytes",
	"memory.peak", "memory.swap.peak", "cpuacct.usage",
}

// knobs returns the content of every file of the cgroup, in all hierarchies,
// that can be read and written, and devices.list.
func knobs(t *testing.T, host *ours.Host, path string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, h := range host.Hierarchies() {
		dir := filepath.Join(h.MountPoint, path)
		entries, err := os.ReadDir(dir)
		if os.IsNotExist(err) && host.Mode() != ours.Unified {
			continue // not every library joins every hierarchy
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			info, err := e.Info()
			if err != nil {
				t.Fatal(err)
			}
			name := e.Name()
			isKnob := info.Mode().Perm()&0o200 != 0 && info.Mode().Perm()&0o400 != 0 && !strings.HasSuffix(name, ".pressure")
			if info.IsDir() || slices.Contains(notKnobs, name) || !isKnob && name != "devices.list" {
				continue
			}
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				text = []byte(err.(*os.PathError).Err.Error())
			}
			lines := strings.Split(strings.TrimSpace(string(text)), "\n")
			slices.Sort(lines) // the order of rules and devices means nothing
			found[name] = strings.Join(lines, "; ")
		}
	}
	return found
}

// tryDevices runs the probe in the cgroup.
func tryDevices(t *testing.T, host *ours.Host, path string) string {
	t.Helper()
	h, ok := host.Lookup("devices")
	if !ok {
		t.Fatal("no hierarchy for devices")
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), probeEnv+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	err = os.WriteFile(filepath.Join(h.MountPoint, path, "cgroup.procs"), fmt.Append(nil, cmd.Process.Pid), 0)
	in.Close()
	if werr := cmd.Wait(); err != nil || werr != nil {
		t.Fatalf("probe: %v, %v: %s", err, werr, &out)
	}
	lines := strings.Fields(out.String())
	slices.Sort(lines)
	return strings.Join(lines, " ")
}

// numbers returns "major:minor" of a disk of the machine.
func numbers(t *testing.T) string {
	t.Helper()
	for _, pattern := range []string{"vd*", "sd*", "nvme*", "loop0"} {
		names, _ := filepath.Glob("/sys/block/" + pattern + "/dev")
		if len(names) > 0 {
			text, err := os.ReadFile(names[0])
			if err != nil {
				t.Fatal(err)
			}
			return strings.TrimSpace(string(text))
		}
	}
	t.Fatal("this machine has no block device")
	return ""
}

func parse(t *testing.T, text, disk string) *specs.LinuxResources {
	t.Helper()
	major, minor, _ := strings.Cut(disk, ":")
	text = strings.NewReplacer("DISK", `"major":`+major+`,"minor":`+minor, "DEV", disk).Replace(text)
	var r specs.LinuxResources
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return &r
}

// compare runs a case and returns what differs.
func compare(t *testing.T, host *ours.Host, c testCase, top, disk string) []found {
	t.Helper()
	rec, err := ours.Place(host, top+"/ours", "id")
	if err != nil {
		t.Fatal(err)
	}
	a, b := &ourSide{host: host, rec: rec}, &theirSide{path: top + "/theirs"}
	defer func() {
		for _, s := range []side{a, b} {
			if err := s.destroy(); err != nil {
				t.Errorf("%T: %v", s, err)
			}
		}
	}()
	devices := false
	for i, text := range c.steps {
		r := parse(t, text, disk)
		devices = devices || len(r.Devices) > 0
		errA, errB := a.step(r), b.step(r)
		if errA == nil && errB == nil {
			continue
		}
		t.Logf("step %d:\n\tours:   %v\n\ttheirs: %v", i, errA, errB)
		if errA != nil && errB != nil {
			return nil
		}
		return []found{{"result", verdict(errA), verdict(errB)}}
	}
	var diff []found
	ka, kb := knobs(t, host, top+"/ours"), knobs(t, host, top+"/theirs")
	if len(ka) < 10 || len(kb) < 10 {
		t.Errorf("only %d and %d files were read", len(ka), len(kb))
	}
	for name, va := range ka {
		if vb, ok := kb[name]; ok && va != vb {
			diff = append(diff, found{name, strings.ReplaceAll(va, disk, "DEV"), strings.ReplaceAll(vb, disk, "DEV")})
		}
	}
	if devices {
		if va, vb := tryDevices(t, host, top+"/ours"), tryDevices(t, host, top+"/theirs"); va != vb {
			diff = append(diff, found{"use of devices", va, vb})
		}
	}
	return diff
}

func verdict(err error) string {
	if err != nil {
		return "refused"
	}
	return "accepted"
}

// found is a difference: in a file, in the use of devices, or in the result,
// which is accepted or refused.
type found struct{ what, ours, theirs string }

// The two libraries do the same, but for what listed says.
func TestDifferential(t *testing.T) {
	host, err := ours.Detect("/")
	if err != nil {
		t.Fatal(err)
	}
	applies := func(d difference) bool {
		return d.on == host.Mode().String() || d.on == "v1" && host.Mode() == ours.Hybrid
	}
	top := fmt.Sprintf("/minirun-differential-%d", os.Getpid())
	t.Cleanup(func() {
		for _, h := range host.Hierarchies() {
			if err := os.Remove(h.MountPoint + top); err != nil && !os.IsNotExist(err) {
				t.Error(err)
			}
		}
	})
	disk := numbers(t)
	seen := map[difference]bool{}
	for _, c := range cases() {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			for _, f := range compare(t, host, c, top, disk) {
				i := slices.IndexFunc(listed(), func(d difference) bool {
					return d.name == c.name && applies(d) && d.found == f
				})
				if i < 0 {
					t.Errorf("%s: ours %q, theirs %q", f.what, f.ours, f.theirs)
					continue
				}
				seen[listed()[i]] = true
			}
		})
	}
	for _, d := range listed() {
		if applies(d) && !seen[d] {
			t.Errorf("%s: the listed difference is gone: %s: ours %q, theirs %q", d.name, d.what, d.ours, d.theirs)
		}
	}
}
