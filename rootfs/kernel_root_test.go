//go:build integration

package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minirun/minirun/nsenter"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// These tests give compiled operations to the init and look at the mounts from inside. The way from a configuration to a container
// as a whole is tested in tests/integration.

// busybox makes a bundle whose rootfs holds a static busybox.
func busybox(t *testing.T) string {
	t.Helper()
	return busyboxIn(t, t.TempDir())
}

func busyboxIn(t *testing.T, bundle string) string {
	t.Helper()
	box, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal("this test needs busybox-static: ", err)
	}
	data, err := os.ReadFile(box)
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(bundle, "rootfs", "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "busybox"), data, 0o755); err != nil {
		t.Fatal(err)
	}
	return bundle
}

// inside runs a shell script in what s compiles to, and returns what it prints.
func inside(t *testing.T, s *specs.Spec, f Facts, script string) string {
	t.Helper()
	next := slots()
	r, err := Compile(s, f, next)
	if err != nil {
		t.Fatal(err)
	}
	open := map[nsenter.Slot]*os.File{}
	for _, src := range r.Sources {
		flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC)
		if src.Recursive {
			flags |= unix.AT_RECURSIVE
		}
		path := src.Path
		if src.Base != "" {
			path = filepath.Join(src.Base, src.Path)
		}
		fd, err := unix.OpenTree(unix.AT_FDCWD, path, flags)
		if err != nil {
			t.Fatal(src.Path, err)
		}
		tree := os.NewFile(uintptr(fd), src.Path)
		defer tree.Close()
		open[src.Slot] = tree
	}
	var p nsenter.Plan
	clone := uintptr(unix.CLONE_NEWNS | unix.CLONE_NEWIPC)
	if f.CgroupNS {
		p.Add("test", &nsenter.NsUnshare{Flags: unix.CLONE_NEWCGROUP})
	}
	if f.UserNS {
		clone = 0
		p.Add("test", &nsenter.NsUnshare{Flags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWIPC | unix.CLONE_NEWPID | unix.CLONE_NEWCGROUP})
		p.Add("test", &nsenter.SyncWait{Point: 1, Into: nsenter.NoSlot}, &nsenter.CredUser{}, &nsenter.ProcFork{})
	}
	p.Items = append(p.Items, flatten(r)...)
	p.Add("test",
		&nsenter.ProcChdir{Path: "/"},
		&nsenter.ProcLookup{Name: "busybox", Candidates: []string{"/bin/busybox"}}, &nsenter.ProcClosefds{First: 3},
		&nsenter.SyncFinal{}, &nsenter.ProcExec{Args: []string{"busybox", "sh", "-c", "b=/bin/busybox\n" + script}, Env: []string{"PATH=/bin"}})
	return launch(t, &nsenter.Launch{Plan: &p, Slots: open, CloneFlags: clone}, f)
}

func launch(t *testing.T, l *nsenter.Launch, f Facts) string {
	t.Helper()
	exe, err := nsenter.OpenExecutable(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	l.Executable, l.Stdio = exe, [3]*os.File{null, w, w}
	c, err := l.Start()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		e, err := c.Next(ctx)
		var failed *nsenter.InitError
		if errors.As(err, &failed) {
			t.Fatalf("%s (%s): %v", l.Plan.Items[failed.Index], l.Plan.Items[failed.Index].Because, err)
		}
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == nsenter.EventDone {
			break
		}
		if e.Kind == nsenter.EventSync {
			writeMaps(t, c.Pid(), f)
			if err := c.Ack(); err != nil {
				t.Fatal(err)
			}
		}
	}
	text, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Wait(); err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func writeMaps(t *testing.T, pid int, f Facts) {
	t.Helper()
	for file, m := range map[string][]specs.LinuxIDMapping{"uid_map": f.UIDMappings, "gid_map": f.GIDMappings} {
		line := fmt.Sprintf("%d %d %d\n", m[0].ContainerID, m[0].HostID, m[0].Size)
		if err := os.WriteFile(fmt.Sprintf("/proc/%d/%s", pid, file), []byte(line), 0); err != nil {
			t.Fatal(err)
		}
	}
}

// TestEveryOptionOnTheKernel mounts a tmpfs and a bind with each option of the table, and reads back what the kernel made of it.
func TestEveryOptionOnTheKernel(t *testing.T) {
	bundle := busybox(t)
	if err := os.Mkdir(filepath.Join(bundle, "src"), 0o755); err != nil {
		t.Fatal(err)
	}
	s := spec(mnt("/proc", "proc", "proc", ""))
	for _, name := range MountOptions() {
		switch name {
		case "bind", "rbind", "remount", "idmap", "ridmap":
			continue // no options of a mount, but kinds of it: tested below and in tests/integration
		}
		if name != "src-nofollow" && name != "copy-symlink" {
			s.Mounts = append(s.Mounts, mnt("/fs/"+name, "tmpfs", "x", name))
		}
		if name != "tmpcopyup" {
			s.Mounts = append(s.Mounts, mnt("/bind/"+name, "", "src", "rbind noatime "+name))
		}
	}
	f := plain()
	f.Bundle = bundle
	out := inside(t, s, f, "$b cat /proc/self/mountinfo")
	have := map[string]string{}
	for _, line := range strings.Split(out, "\n") {
		if fields := strings.Fields(line); len(fields) > 6 {
			sb := fields[len(fields)-1]
			have[fields[4]] = fields[5] + " " + strings.Join(fields[6:len(fields)-4], " ") + "| " + sb
		}
	}
	for where, want := range map[string]string{
		"/fs/ro": "ro,relatime | rw", "/fs/nosuid": "rw,nosuid,relatime", "/fs/nodev": "rw,nodev,relatime", "/fs/noexec": "rw,noexec,relatime",
		"/fs/noatime": "rw,noatime |", "/fs/strictatime": "rw |", "/fs/nodiratime": "rw,nodiratime,relatime", "/fs/nosymfollow": "rw,relatime,nosymfollow",
		"/fs/sync": "rw,relatime | rw,sync", "/fs/dirsync": "rw,relatime | rw,dirsync", "/fs/lazytime": "rw,relatime | rw,lazytime",
		"/fs/rro": "ro,relatime | rw", "/fs/shared": "rw,relatime shared:", "/fs/unbindable": "rw,relatime unbindable", "/fs/defaults": "rw,relatime |",
		"/bind/ro": "ro,noatime", "/bind/rw": "rw,noatime", "/bind/relatime": "rw,relatime", "/bind/atime": "rw,relatime", "/bind/nostrictatime": "rw,noatime",
		"/bind/strictatime": "rw ", "/bind/rstrictatime": "rw,noatime", "/bind/rnosuid": "rw,nosuid,noatime", "/bind/rro": "ro,noatime",
		"/bind/shared": "rw,noatime shared:", "/bind/private": "rw,noatime |", "/bind/runbindable": "rw,noatime unbindable",
		"/bind/rnosymfollow": "rw,noatime,nosymfollow", "/bind/sync": "rw,noatime",
	} {
		if !strings.HasPrefix(have[where], want) {
			t.Errorf("%s is %q, want %q", where, have[where], want)
		}
	}
	if len(have) < 100 {
		t.Errorf("only %d mounts:\n%s", len(have), out)
	}
}

// onHost adapts a configuration of an engine: its root and the sources of its binds do not exist here.
func onHost(t *testing.T, s *specs.Spec, bundle string) {
	t.Helper()
	s.Root.Path = "rootfs"
	for i := range s.Mounts {
		m := &s.Mounts[i]
		if o := parseOptions(m.Options); !o.bind() {
			continue
		}
		m.Source = filepath.Join(bundle, fmt.Sprint("source", i))
		var err error
		if strings.HasPrefix(m.Destination, "/etc") || strings.HasPrefix(m.Destination, "/run") {
			err = os.WriteFile(m.Source, nil, 0o644)
		} else {
			err = os.MkdirAll(m.Source, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// kcoreReadable tells whether this kernel has a /proc/kcore that root may read, where nothing hides it.
func kcoreReadable() bool {
	f, err := os.Open("/proc/kcore")
	if err != nil {
		return false
	}
	defer f.Close()
	n, _ := f.Read(make([]byte, 1))
	return n == 1
}

// TestEnginesOnTheKernel carries out what the engines' configurations compile to. The cgroups are those of the test itself.
func TestEnginesOnTheKernel(t *testing.T) {
	configs, err := filepath.Glob("testdata/*.json")
	if err != nil || len(configs) == 0 {
		t.Fatalf("%v, %v", configs, err)
	}
	for _, file := range configs {
		config := strings.TrimSuffix(filepath.Base(file), ".json")
		if config == "long-tail" {
			continue // no engine's; what is in it is carried out in tests/integration
		}
		t.Run(config, func(t *testing.T) {
			s := load(t, config)
			f := factsOf(s)
			f.Bundle = busybox(t)
			f.HostNet = true
			f.Cgroups = mountedCgroups(t)
			onHost(t, s, f.Bundle)
			if f.UserNS {
				handOver(t, f.Bundle, int(f.UIDMappings[0].HostID))
			}
			out := inside(t, s, f, `
				for p in null zero full random urandom tty; do $b test -c /dev/$p || $b echo no $p; done
				$b echo x > /dev/null || $b echo null cannot be written
				$b test -L /dev/ptmx -a -L /dev/fd || $b echo no links
				$b test -e /dev/pts/ptmx -a -d /dev/shm -a -d /sys/kernel || $b echo no filesystems
				$b touch /x 2>/dev/null && $b echo root
				($b mkdir /sys/fs/cgroup/x) 2>/dev/null && $b echo cgroup && $b rmdir /sys/fs/cgroup/x
				($b echo x > /proc/sys/kernel/domainname) 2>/dev/null && $b echo proc
				[ $($b head -c 1 /proc/kcore 2>/dev/null | $b wc -c) = 0 ] || $b echo kcore
				[ $($b ls /sys/firmware | $b wc -l) = 0 ] || $b echo firmware
				$b ls /dev | $b grep -x fuse
			`)
			// What is listed is what may be done or seen.
			want := "root"
			if s.Root.Readonly {
				want = ""
			}
			for _, m := range s.Mounts {
				// On version 1 it is the tmpfs around the hierarchies; a version 2 tree belongs to the host's root.
				unified := len(f.Cgroups) == 1 && f.Cgroups[0].Version == 2
				if m.Type == "cgroup" && !slices.Contains(m.Options, "ro") && !(unified && f.UserNS) {
					want += "\ncgroup"
				}
			}
			if len(s.Linux.MaskedPaths) == 0 {
				want += "\nproc"
				if kcoreReadable() {
					want += "\nkcore"
				}
				want += "\nfirmware"
			}
			if got := strings.TrimSpace(out); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// handOver gives the bundle to the user that is root in the container, and lets others pass on the way to it.
func handOver(t *testing.T, bundle string, uid int) {
	t.Helper()
	for dir := bundle; dir != filepath.Clean(os.TempDir()); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(filepath.Join(bundle, "rootfs"), uid, uid); err != nil {
		t.Fatal(err)
	}
}

// mountedCgroups lists the host's hierarchies with the test's own cgroup in each.
func mountedCgroups(t *testing.T) []CgroupHierarchy {
	t.Helper()
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	var list []CgroupHierarchy
	for _, line := range strings.Split(strings.TrimSpace(string(own)), "\n") {
		parts := strings.SplitN(line, ":", 3)
		h := CgroupHierarchy{Version: 1, Controllers: strings.Split(parts[1], ","), Path: parts[2]}
		h.MountPoint = "/sys/fs/cgroup/" + strings.TrimPrefix(parts[1], "name=")
		if parts[1] == "" {
			h = CgroupHierarchy{Version: 2, Path: parts[2], MountPoint: "/sys/fs/cgroup/unified"}
			if _, err := os.Stat(h.MountPoint); err != nil {
				h.MountPoint = "/sys/fs/cgroup"
			}
		}
		if _, err := os.Stat(h.MountPoint); err == nil {
			list = append(list, h)
		}
	}
	return list
}
