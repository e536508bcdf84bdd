package specs

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestDefault(t *testing.T) {
	s := Default()
	if s.Version != "1.3.0" || s.Root.Path != "rootfs" || !s.Root.Readonly || s.Hostname == "" {
		t.Errorf("version %q, root %+v, hostname %q", s.Version, s.Root, s.Hostname)
	}
	p := s.Process
	if !p.Terminal || !slices.Equal(p.Args, []string{"sh"}) || p.Cwd != "/" || !p.NoNewPrivileges || p.User.UID != 0 || len(p.Env) != 2 {
		t.Errorf("process %+v", p)
	}
	caps := []string{"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"}
	if want := (LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}); !reflect.DeepEqual(*p.Capabilities, want) {
		t.Errorf("capabilities %+v, want %+v", *p.Capabilities, want)
	}
	if want := []POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 1024, Soft: 1024}}; !slices.Equal(p.Rlimits, want) {
		t.Errorf("rlimits %+v, want %+v", p.Rlimits, want)
	}
	var mounts []string
	for _, m := range s.Mounts {
		mounts = append(mounts, m.Destination+" "+m.Type+" "+strings.Join(m.Options, ","))
	}
	if want := []string{
		"/proc proc ",
		"/dev tmpfs nosuid,strictatime,mode=755,size=65536k",
		"/dev/pts devpts nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5",
		"/dev/shm tmpfs nosuid,noexec,nodev,mode=1777,size=65536k",
		"/dev/mqueue mqueue nosuid,noexec,nodev",
		"/sys sysfs nosuid,noexec,nodev,ro",
		"/sys/fs/cgroup cgroup nosuid,noexec,nodev,relatime,ro",
	}; !slices.Equal(mounts, want) {
		t.Errorf("mounts\n%s\nwant\n%s", strings.Join(mounts, "\n"), strings.Join(want, "\n"))
	}
	if got := s.Linux.Resources.Devices; len(got) != 1 || got[0].Allow || got[0].Access != "rwm" || got[0].Type != "" {
		t.Errorf("device rules %+v, want one that denies all", got)
	}
	if got := namespaceTypes(s); !slices.Equal(got, []string{"pid", "network", "ipc", "uts", "mount", "cgroup"}) {
		t.Errorf("namespaces %v", got)
	}
	for _, path := range []string{"/proc/kcore", "/proc/keys", "/sys/firmware"} {
		if !slices.Contains(s.Linux.MaskedPaths, path) {
			t.Errorf("%s is not masked", path)
		}
	}
	if !slices.Contains(s.Linux.ReadonlyPaths, "/proc/sys") {
		t.Error("/proc/sys is not read-only")
	}
}

func namespaceTypes(s *Spec) []string {
	var types []string
	for _, ns := range s.Linux.Namespaces {
		types = append(types, string(ns.Type))
	}
	return types
}

func TestDefaultRootless(t *testing.T) {
	s := DefaultRootless(1000, 1001)
	if got := namespaceTypes(s); !slices.Equal(got, []string{"pid", "user", "ipc", "uts", "mount", "cgroup"}) {
		t.Errorf("namespaces %v", got)
	}
	l := s.Linux
	if !slices.Equal(l.UIDMappings, []LinuxIDMapping{{HostID: 1000, Size: 1}}) || !slices.Equal(l.GIDMappings, []LinuxIDMapping{{HostID: 1001, Size: 1}}) {
		t.Errorf("mappings %+v and %+v", l.UIDMappings, l.GIDMappings)
	}
	if l.Resources != nil {
		t.Errorf("resources %+v, want none", l.Resources)
	}
	for _, m := range s.Mounts {
		for _, o := range m.Options {
			if strings.HasPrefix(o, "gid=") || strings.HasPrefix(o, "uid=") {
				t.Errorf("%s has the option %s, but no such id is mapped", m.Destination, o)
			}
		}
		switch {
		case m.Destination == "/sys":
			if m.Source != "/sys" || !slices.Equal(m.Options, []string{"rbind", "nosuid", "noexec", "nodev", "rro"}) {
				t.Errorf("/sys is %+v", m)
			}
		case strings.HasPrefix(m.Destination, "/sys/"):
			t.Errorf("there is a mount on %s", m.Destination)
		}
	}
	if len(s.Mounts) != 6 {
		t.Errorf("%d mounts, want 6", len(s.Mounts))
	}
}

// The caller may change what it gets without changing what the next one gets.
func TestDefaultIsNotShared(t *testing.T) {
	s := Default()
	s.Process.Capabilities.Bounding[0] = "CAP_SYS_ADMIN"
	s.Mounts[0].Destination = "/x"
	s.Linux.MaskedPaths[0] = "/x"
	if !reflect.DeepEqual(Default(), Default()) || reflect.DeepEqual(s, Default()) {
		t.Error("a change of one result shows in another")
	}
	if s.Process.Capabilities.Effective[0] == "CAP_SYS_ADMIN" {
		t.Error("the capability sets share their memory")
	}
}
