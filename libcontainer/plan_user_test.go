package libcontainer

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/nsenter"
	"github.com/minirun/minirun/specs"
)

// ordinaryFacts is a host as the user 1000 sees it, who may make no cgroup but in version 2 below /user.
func ordinaryFacts(t testing.TB, layout string) *hostFacts {
	f := testFacts(t, layout)
	f.caps = 0
	f.caller = caller{uid: 1000, gid: 1000, noMounts: true}
	f.rootless = true
	f.noCgroup = func(d cgroups.Dir) error {
		if d.Version == 2 && strings.HasPrefix(d.Path, "/user/") {
			return nil
		}
		return unix.EACCES
	}
	return f
}

func ids(n ...uint32) []specs.LinuxIDMapping {
	var m []specs.LinuxIDMapping
	for i := 0; i < len(n); i += 3 {
		m = append(m, specs.LinuxIDMapping{ContainerID: n[i], HostID: n[i+1], Size: n[i+2]})
	}
	return m
}

// rootlessSpec is what `spec --rootless` writes, with changes.
func rootlessSpec(change func(*specs.Spec)) *specs.Spec {
	s := specs.DefaultRootless(1000, 1000)
	s.Process.Terminal = false
	if change != nil {
		change(s)
	}
	return s
}

func compileWith(f *hostFacts, s *specs.Spec) (*compiler, error) {
	return compileCreate(s, f, planOptions{id: "web", bundle: "/bundle"}, func(string) {})
}

// TestOrdinaryUserErrors holds what is refused before anything is made, and the field that each refusal names.
func TestOrdinaryUserErrors(t *testing.T) {
	limit, shares := int64(1<<20), uint64(10)
	for name, c := range map[string]struct {
		change func(*specs.Spec)
		facts  func(*hostFacts)
		want   string
	}{
		"as written": {},
		"no user namespace": {
			change: func(s *specs.Spec) {
				s.Linux.Namespaces = slices.DeleteFunc(s.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == specs.UserNamespace })
			},
			want: "linux.namespaces: a user namespace is needed: the caller, user 1000, lacks CAP_SYS_ADMIN",
		},
		"groups": {
			change: func(s *specs.Spec) { s.Process.User.AdditionalGids = []uint32{0} },
			want:   "process.user.additionalGids: groups cannot be set",
		},
		"groups by newgidmap": {
			change: func(s *specs.Spec) {
				s.Process.User.AdditionalGids = []uint32{1}
				s.Linux.GIDMappings = ids(0, 1000, 1, 1, 100000, 10)
			},
		},
		"groups in a namespace without setgroups": {
			change: func(s *specs.Spec) {
				s.Process.User.AdditionalGids = []uint32{1}
				s.Linux.GIDMappings = ids(0, 1000, 1, 1, 100000, 10)
			},
			facts: func(f *hostFacts) { f.caller.noGroups = true },
			want:  "process.user.additionalGids: groups cannot be set",
		},
		"cgroup path": {
			change: func(s *specs.Spec) { s.Linux.CgroupsPath = "/other" },
			want:   "linux.cgroupsPath: permission denied",
		},
		"cgroup path in what is delegated": {
			change: func(s *specs.Spec) { s.Linux.CgroupsPath = "/user/web" },
		},
		"limits": {
			change: func(s *specs.Spec) {
				s.Linux.Resources = &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &limit}, CPU: &specs.LinuxCPU{Shares: &shares}}
			},
			want: "linux.resources.pids.limit: cannot be set without a cgroup: permission denied",
		},
		"limits in what is delegated": {
			change: func(s *specs.Spec) {
				s.Linux.Resources = &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &limit}}
				s.Linux.CgroupsPath = "/user/web"
			},
		},
		"devices": {
			change: func(s *specs.Spec) {
				s.Linux.Resources = &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Access: "rwm"}}}
			},
		},
		"idmapped mount": {
			change: func(s *specs.Spec) {
				s.Mounts = append(s.Mounts, specs.Mount{Destination: "/m", Source: "/m", Type: "bind", Options: []string{"bind", "idmap"}})
			},
			want: `mounts[6].options[1] ("idmap"): `,
		},
		"joined map differs": {
			change: func(s *specs.Spec) {
				for i := range s.Linux.Namespaces {
					if s.Linux.Namespaces[i].Type == specs.UserNamespace {
						s.Linux.Namespaces[i].Path = "/ns/user"
					}
				}
			},
			want: "linux.uidMappings: the user namespace that is joined has another map: 0-65535 is 100000-165535",
		},
	} {
		f := ordinaryFacts(t, "v2")
		if c.facts != nil {
			c.facts(f)
		}
		_, err := compileWith(f, rootlessSpec(c.change))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// The plan of an ordinary user has no cgroup where none is asked for or to be had, and the host's writes to files of the init come while the
// init is dumpable.
func TestOrdinaryUserPlan(t *testing.T) {
	for _, layout := range []string{"v1", "v2"} {
		score := 100
		c, err := compileWith(ordinaryFacts(t, layout), rootlessSpec(func(s *specs.Spec) {
			s.Process.OOMScoreAdj = &score
			s.Linux.Resources = &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Access: "rwm"}}}
		}))
		if err != nil {
			t.Fatal(err)
		}
		dumpable := uint32(1)
		for _, it := range c.plan.Items {
			switch op := it.Op.(type) {
			case hostMakeCgroup, hostLimitCgroup, nsenter.CgroupJoin:
				t.Errorf("%s: there is a step %s", layout, it)
			case nsenter.ProcDumpable:
				dumpable = op.Value
			case hostIDMap, hostOOMScore:
				if dumpable != 1 {
					t.Errorf("%s: %s is while the init is not dumpable", layout, it)
				}
			case nsenter.RootOpen:
				if dumpable != 0 {
					t.Errorf("%s: the init is still dumpable at %s", layout, it)
				}
			}
			if m, ok := it.Op.(nsenter.FsMknod); ok {
				t.Errorf("%s: %v cannot be made", layout, m.Path)
			}
		}
	}
}

// An ordinary user has rights only in the user namespace, so that is joined first; who has CAP_SYS_ADMIN joins it last.
func TestJoinOrder(t *testing.T) {
	s := rootlessSpec(func(s *specs.Spec) {
		s.Linux.Namespaces = []specs.LinuxNamespace{
			{Type: specs.NetworkNamespace, Path: "/ns/net"}, {Type: specs.UserNamespace, Path: "/ns/user"}, {Type: specs.MountNamespace},
		}
		s.Linux.UIDMappings, s.Linux.GIDMappings = nil, nil
		s.Hostname = ""
	})
	for _, tc := range []struct {
		facts *hostFacts
		want  []uint64
	}{
		{ordinaryFacts(t, "v2"), []uint64{unix.CLONE_NEWUSER, unix.CLONE_NEWNET}},
		{testFacts(t, "v2"), []uint64{unix.CLONE_NEWNET, unix.CLONE_NEWUSER}},
	} {
		c, err := compileWith(tc.facts, s)
		if err != nil {
			t.Fatal(err)
		}
		var got []uint64
		for _, it := range c.plan.Items {
			if op, ok := it.Op.(nsenter.NsSetns); ok {
				got = append(got, op.Flags)
			}
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("user %d: joined %x, want %x", tc.facts.caller.uid, got, tc.want)
		}
	}
}

func TestJoinedErrors(t *testing.T) {
	s := rootlessSpec(func(s *specs.Spec) {
		s.Linux.Namespaces = []specs.LinuxNamespace{{Type: specs.UserNamespace, Path: "/ns/user"}, {Type: specs.MountNamespace}}
		s.Linux.UIDMappings, s.Linux.GIDMappings = nil, nil
		s.Hostname = ""
		s.Process.User = specs.User{UID: 7, GID: 8}
	})
	f := testFacts(t, "v2")
	for _, tc := range []struct {
		user joinedUser
		err  error
		want string
	}{
		{user: joinedUser{callers: true}, want: "linux.namespaces[0].path: /ns/user is the user namespace of the caller"},
		{user: joinedUser{userMaps: userMaps{uids: ids(0, 1, 5), gids: ids(8, 1, 1)}}, want: "process.user.uid: 7 is not mapped"},
		{user: joinedUser{userMaps: userMaps{uids: ids(7, 1, 5), gids: ids(0, 1, 8)}}, want: "process.user.gid: 8 is not mapped"},
		{err: errors.New("gone"), want: "linux.namespaces[0].path: gone"},
	} {
		f.joined = func(string) (joinedUser, error) { return tc.user, tc.err }
		if _, err := compileWith(f, s); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v, want %s", err, tc.want)
		}
	}
}

func TestSameIDMap(t *testing.T) {
	for _, tc := range []struct {
		a, b []specs.LinuxIDMapping
		same bool
	}{
		{ids(0, 1, 1), ids(0, 1, 1), true},
		{ids(0, 1, 1), ids(0, 2, 1), false},
		{ids(0, 1, 1, 5, 9, 2), ids(5, 9, 2, 0, 1, 1), true},
		{ids(0, 10, 3, 3, 13, 2), ids(0, 10, 5), true},
		{ids(0, 10, 3, 3, 14, 2), ids(0, 10, 5), false},
		{ids(0, 0, 1<<31, 1<<31, 1<<31, 1<<31-1), ids(0, 0, 1<<32-1), true},
		{ids(0, 1, 1), nil, false},
	} {
		if got := sameIDMap(tc.a, tc.b); got != tc.same {
			t.Errorf("%v and %v: %v", tc.a, tc.b, got)
		}
	}
}

func TestParseIDMap(t *testing.T) {
	m, err := parseIDMap("         0       1000          1\n         1     100000      65536\n")
	if err != nil || !slices.Equal(m, ids(0, 1000, 1, 1, 100000, 65536)) {
		t.Errorf("%v, %v", m, err)
	}
	if m, err := parseIDMap("0 0 4294967295\n"); err != nil || !slices.Equal(m, ids(0, 0, 1<<32-1)) {
		t.Errorf("%v, %v", m, err)
	}
	for _, text := range []string{"0 1\n", "0 1 2 3\n", "0 x 1\n", "-1 0 1\n", "0 0 4294967296\n"} {
		if m, err := parseIDMap(text); err == nil {
			t.Errorf("%q: %v and no error", text, m)
		}
	}
}

// TestHints holds the words for the rules of user namespaces, and that others are not bothered with them.
func TestHints(t *testing.T) {
	for _, tc := range []struct {
		op   nsenter.Op
		err  nsenter.InitError
		want string
		all  bool // also without a user namespace
	}{
		{op: nsenter.MountFs{Fstype: "proc"}, err: nsenter.InitError{Step: nsenter.StepFsmount, Errno: unix.EPERM}, want: "is covered"},
		{op: nsenter.MountFs{Fstype: "proc"}, err: nsenter.InitError{Step: nsenter.StepFsmount, Errno: unix.ENOMEM}},
		{op: nsenter.MountFs{Fstype: "sysfs"}, err: nsenter.InitError{Step: nsenter.StepFsconfig, Errno: unix.EPERM}, want: "network namespace"},
		{op: nsenter.MountFs{Fstype: "tmpfs"}, err: nsenter.InitError{Step: nsenter.StepFsconfig, Errno: unix.EPERM}},
		{op: nsenter.MountBind{}, err: nsenter.InitError{Step: nsenter.StepMountSetattr, Errno: unix.EPERM}, want: "taken away"},
		{op: nsenter.MountBind{}, err: nsenter.InitError{Step: nsenter.StepOpenTree, Errno: unix.EPERM}},
		{op: nsenter.FsDevbind{}, err: nsenter.InitError{Step: nsenter.StepOpenTree, Errno: unix.ENOENT}, want: "the host has"},
		{op: nsenter.NsSetns{}, err: nsenter.InitError{Errno: unix.EPERM}, want: "no right to join"},
		{op: nsenter.NsUnshare{Flags: unix.CLONE_NEWUSER}, err: nsenter.InitError{Errno: unix.ENOSPC}, want: "max_user_namespaces", all: true},
		{op: nsenter.NsUnshare{Flags: unix.CLONE_NEWUSER}, err: nsenter.InitError{Errno: unix.EPERM}, want: "unprivileged_userns_clone", all: true},
		{op: nsenter.NsUnshare{Flags: unix.CLONE_NEWNET}, err: nsenter.InitError{Errno: unix.ENOSPC}},
		{op: nsenter.RlimitSet{}, err: nsenter.InitError{Errno: unix.EPERM}, want: "CAP_SYS_RESOURCE", all: true},
		{op: nsenter.ProcScheduler{}, err: nsenter.InitError{Errno: unix.EPERM}, want: "realtimeRuntime", all: true},
		{op: nsenter.ProcScheduler{}, err: nsenter.InitError{Errno: unix.EINVAL}},
	} {
		for _, confined := range []bool{true, false} {
			c := &compiler{facts: &hostFacts{caller: caller{nested: confined}}, process: &specs.Process{Scheduler: &specs.Scheduler{Policy: specs.SchedFIFO}}}
			got := c.hint(tc.op, &tc.err)
			want := tc.want != "" && (confined || tc.all)
			if want != (got != "") || want && !strings.Contains(got, tc.want) {
				t.Errorf("%T, %v, confined %v: %q, want %q", tc.op, &tc.err, confined, got, tc.want)
			}
		}
	}
}

func TestProcessOf(t *testing.T) {
	for path, want := range map[string]string{
		"/proc/12/ns/user": "12", "/proc/self/ns/user": "self", "/proc/12/task/3/ns/user": "", "/proc/12/ns/net": "", "/run/user": "", "": "",
	} {
		if got, ok := processOf(path); ok != (want != "") || ok && got != want {
			t.Errorf("%s: %q, %v", path, got, ok)
		}
	}
}

func TestDescendants(t *testing.T) {
	all := []processEntry{{1, 0}, {5, 9}, {7, 1}, {8, 7}, {9, 8}, {20, 1}}
	if got := descendants(all, 7); !slices.Equal(got, []int{5, 7, 8, 9}) {
		t.Errorf("%v", got)
	}
}
