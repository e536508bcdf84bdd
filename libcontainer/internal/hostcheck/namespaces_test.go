package hostcheck

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/specs"
)

// TestMappings: what a caller without rights over ids may map, and what it needs for that.
func TestMappings(t *testing.T) {
	uid, gid := uint32(os.Geteuid()), uint32(os.Getegid())
	passwd := "etc/passwd=someone:x:" + strconv.Itoa(int(uid)) + ":0::/:/bin/sh\n"
	subgid := "etc/subgid=someone:1000000:65536\n"
	for _, c := range []struct {
		name  string
		tools bool
		files []string
		uids  []specs.LinuxIDMapping
		want  string
	}{
		{"own id", false, nil, []specs.LinuxIDMapping{{ContainerID: 5, HostID: uid, Size: 1}}, ""},
		{"no tool", false, nil, []specs.LinuxIDMapping{{HostID: 1000000, Size: 2}}, "linux.uidMappings: newuidmap is needed to map more than the caller's own id, and is not in $PATH"},
		{"granted", true, []string{passwd, subgid, "etc/subuid=other:1:1\nsomeone:1000000:10\n"}, []specs.LinuxIDMapping{{HostID: uid, Size: 1}, {ContainerID: 1, HostID: 1000003, Size: 7}}, ""},
		{"granted in two pieces", true, []string{passwd, subgid, "etc/subuid=someone:1000010:10\n" + strconv.Itoa(int(uid)) + ":1000000:10\n"}, []specs.LinuxIDMapping{{HostID: 1000000, Size: 20}}, ""},
		{"one too many", true, []string{passwd, subgid, "etc/subuid=someone:1000000:10\n"}, []specs.LinuxIDMapping{{HostID: uid, Size: 1}, {ContainerID: 1, HostID: 1000001, Size: 10}}, "linux.uidMappings[1]: host ids 1000001 to 1000010 are not granted to the caller by /etc/subuid"},
		{"nothing granted", true, []string{passwd, subgid, "etc/subuid="}, []specs.LinuxIDMapping{{HostID: 1000000, Size: 1}}, "linux.uidMappings[0]: host ids 1000000 to 1000000 are not granted to the caller by /etc/subuid"},
		{"granted by others than files", true, []string{passwd, subgid, "etc/subuid=", "etc/nsswitch.conf=subid: sss\n"}, []specs.LinuxIDMapping{{HostID: 1000000, Size: 2}}, ""},
		{"user of others than files", true, []string{"etc/passwd=", "etc/subuid="}, []specs.LinuxIDMapping{{HostID: 1000000, Size: 2}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			tools := t.TempDir()
			t.Setenv("PATH", tools)
			if c.tools {
				write(t, filepath.Join(tools, "newuidmap"), "#!", 0o755)
				write(t, filepath.Join(tools, "newgidmap"), "#!", 0o755)
			}
			in := &Input{Host: machine(t, c.files...), Bundle: bundle(t), Spec: &specs.Spec{Root: &specs.Root{Path: "rootfs"}, Linux: &specs.Linux{
				Namespaces:  []specs.LinuxNamespace{{Type: specs.UserNamespace}, {Type: specs.MountNamespace}},
				UIDMappings: c.uids, GIDMappings: []specs.LinuxIDMapping{{HostID: gid, Size: 1}},
			}}}
			if got := check(t, in); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			in.Capabilities = allCapabilities
			if got := check(t, in); got != "" {
				t.Errorf("with all capabilities: %s", got)
			}
		})
	}
}

// TestNice: less than the caller has, and may have, is told.
func TestNice(t *testing.T) {
	own, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		t.Fatal(err)
	}
	in := &Input{Host: machine(t), Bundle: bundle(t), Spec: &specs.Spec{Root: &specs.Root{Path: "rootfs"}, Linux: &specs.Linux{
		Namespaces: []specs.LinuxNamespace{{Type: specs.UserNamespace}, {Type: specs.MountNamespace}},
	}}}
	for nice, want := range map[int]bool{-20: limit(unix.RLIMIT_NICE) < 40, 20 - own: false, 19: false} {
		in.Capabilities = 0
		in.Spec.Process = &specs.Process{Args: []string{"/bin/sh"}, Cwd: "/", Scheduler: &specs.Scheduler{Policy: specs.SchedOther, Nice: int32(nice)}}
		if got := strings.Contains(check(t, in), "process.scheduler.nice"); got != want {
			t.Errorf("nice %d: found %v, want %v", nice, got, want)
		}
		in.Capabilities = allCapabilities
		if got := check(t, in); got != "" {
			t.Errorf("nice %d with all capabilities: %s", nice, got)
		}
	}
}
