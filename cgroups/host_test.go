package cgroups

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// fakeRoot makes a root directory with the mount table, the caller's cgroups
// and, for each path in controllers, a version 2 top directory.
func fakeRoot(t *testing.T, mountinfo, cgroup string, controllers map[string]string) string {
	t.Helper()
	root := t.TempDir()
	put := func(name, text string) {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("proc/self/mountinfo", mountinfo)
	put("proc/self/cgroup", cgroup)
	for dir, text := range controllers {
		put(filepath.Join(dir, "cgroup.controllers"), text)
	}
	return root
}

const other = "23 29 0:21 / /proc rw,nosuid shared:12 - proc proc rw\n" +
	"31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs cgroup rw,mode=755\n"

func TestDetect(t *testing.T) {
	for _, c := range []struct {
		name, mountinfo, cgroup string
		controllers             map[string]string
		mode                    Mode
		want                    []string // mount point | controllers | name | own
	}{
		{"none", other, "", nil, None, nil},
		{
			"hybrid",
			other + `33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct
34 31 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
`,
			"9:name=systemd:/s/1\n4:memory:/m\n1:cpuacct,cpu:/c:d\n0::/u\n",
			map[string]string{"/sys/fs/cgroup/unified": "hugetlb\n"},
			Hybrid,
			[]string{
				"/sys/fs/cgroup/cpu,cpuacct|cpu cpuacct||/c:d", "/sys/fs/cgroup/systemd||systemd|/s/1",
				"/sys/fs/cgroup/memory|memory||/m", "/sys/fs/cgroup/unified|hugetlb||/u",
			},
		},
		{
			"unified", other + "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n", "0::/user.slice/x\n",
			map[string]string{"/sys/fs/cgroup": "cpuset cpu memory\n"},
			Unified,
			[]string{"/sys/fs/cgroup|cpuset cpu memory||/user.slice/x"},
		},
		{
			"mounted twice, oddly placed first",
			`50 31 0:40 /inner /mnt/freezer rw - cgroup cgroup rw,freezer
51 31 0:40 / /sys/fs/cgroup/freezer ro - cgroup cgroup rw,freezer
52 31 0:40 / /mnt/again ro - cgroup cgroup rw,freezer
`,
			"3:freezer:/a\n", nil, Legacy,
			[]string{"/sys/fs/cgroup/freezer|freezer||/a"},
		},
		{
			"in a container with bind mounts, an escape in the name",
			`50 31 0:40 /docker/abc /sys/fs/cgroup/my\040pids ro - cgroup cgroup rw,pids
51 31 0:41 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory
52 31 0:42 /docker/abc /sys/fs/cgroup/devices ro - cgroup cgroup rw,devices
`,
			"3:pids:/docker/abc/in\n4:memory:/docker/abc\n5:devices:/docker/abcdef\n", nil, Legacy,
			[]string{"/sys/fs/cgroup/my pids|pids||/in", "/sys/fs/cgroup/memory|memory||/", "/sys/fs/cgroup/devices|devices||/"},
		},
		{
			"in a cgroup namespace, outside of its root",
			"50 31 0:40 /../.. /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids\n", "3:pids:/../x\n", nil, Legacy,
			[]string{"/sys/fs/cgroup/pids|pids||/"},
		},
		{
			"hidden by other mounts",
			other + `33 31 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
42 31 0:39 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
70 41 0:50 / /sys/fs/cgroup/unified rw - tmpfs tmpfs rw
71 42 0:51 / /sys/fs/cgroup/pids rw - tmpfs tmpfs rw
72 71 0:39 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
73 35 0:52 / /sys/fs/cgroup/memory/below rw - tmpfs tmpfs rw
`,
			"2:cpu:/c\n3:memory:/m\n4:pids:/p\n0::/u\n", nil, Legacy,
			[]string{"/sys/fs/cgroup/cpu|cpu||/c", "/sys/fs/cgroup/memory|memory||/m", "/sys/fs/cgroup/pids|pids||/p"},
		},
		{
			"below a hidden mount",
			`20 1 0:20 / /sys/fs/cgroup rw - tmpfs tmpfs rw
33 20 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
40 20 0:40 / /sys/fs/cgroup rw - tmpfs tmpfs rw
41 40 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
`,
			"2:cpu:/c\n3:memory:/m\n", nil, Legacy,
			[]string{"/sys/fs/cgroup/memory|memory||/m"},
		},
		{"broken lines", "x\n1 2 3 - cgroup\n1 2 3 4 5 6 - cgroup cgroup\n", "x\n", nil, None, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := fakeRoot(t, c.mountinfo, c.cgroup, c.controllers)
			h, err := Detect(root)
			if err != nil {
				t.Fatal(err)
			}
			if h.Mode() != c.mode {
				t.Errorf("mode %s, want %s", h.Mode(), c.mode)
			}
			var got []string
			for _, x := range h.Hierarchies() {
				mount, ok := strings.CutPrefix(x.MountPoint, root)
				if !ok {
					t.Errorf("mount point %s is not below %s", x.MountPoint, root)
				}
				got = append(got, strings.Join([]string{mount, strings.Join(x.Controllers, " "), x.Name, x.Own}, "|"))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestDetectErrors(t *testing.T) {
	if _, err := Detect(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without mountinfo: %v", err)
	}
	root := fakeRoot(t, "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "0::/\n", nil)
	if _, err := Detect(root); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "cgroup.controllers") {
		t.Errorf("without cgroup.controllers: %v", err)
	}
}

func TestHierarchyMount(t *testing.T) {
	for _, c := range []struct {
		h       Hierarchy
		options string
		links   []string
	}{
		{Hierarchy{Version: 1, MountPoint: "/c/cpu,cpuacct", Controllers: []string{"cpu", "cpuacct"}}, "cpu,cpuacct", []string{"cpu", "cpuacct"}},
		{Hierarchy{Version: 1, MountPoint: "/c/memory", Controllers: []string{"memory"}}, "memory", nil},
		{Hierarchy{Version: 1, MountPoint: "/c/systemd", Name: "systemd"}, "name=systemd", nil},
		{Hierarchy{Version: 1, MountPoint: "/c/cpuset", Controllers: []string{"cpuset"}, NoPrefix: true}, "cpuset,noprefix", nil},
		{Hierarchy{Version: 2, MountPoint: "/c", Controllers: []string{"cpu"}}, "", nil},
	} {
		if got := c.h.MountOptions(); got != c.options {
			t.Errorf("%s: options %q, want %q", c.h.MountPoint, got, c.options)
		}
		if got := c.h.Links(); !slices.Equal(got, c.links) {
			t.Errorf("%s: links %q, want %q", c.h.MountPoint, got, c.links)
		}
	}
}

func TestLookup(t *testing.T) {
	for _, c := range []struct {
		host       *Host
		controller string
		mount      string
	}{
		{hostV1(), "cpuacct", "/sys/fs/cgroup/cpu,cpuacct"},
		{hostV1(), "devices", "/sys/fs/cgroup/devices"},
		{hostV1(), "io", ""},
		{hostV2(), "devices", "/sys/fs/cgroup"},
		{hostV2(), "freezer", ""},
		{hostHybrid(), "devices", "/sys/fs/cgroup/devices"},
		{hostHybrid(), "hugetlb", "/sys/fs/cgroup/unified"},
		{hostBare(), "devices", ""},
		{&Host{}, "memory", ""},
	} {
		h, ok := c.host.Lookup(c.controller)
		if h.MountPoint != c.mount || ok != (c.mount != "") {
			t.Errorf("%s on %s: %q, %t", c.controller, c.host.Mode(), h.MountPoint, ok)
		}
	}
}

func TestPlace(t *testing.T) {
	for _, c := range []struct {
		host           *Host
		path, name     string
		memory, uniDir string // path of memory's directory, of version 2's
	}{
		{hostV1(), "/a/b", "id", "/a/b", ""},
		{hostV1(), "a/b", "id", "/user/a/b", ""},
		{hostV1(), "", "id", "/user/id", ""},
		{hostV2(), "/a/b", "id", "/a/b", "/a/b"},
		{hostV2(), "a/b", "id", "/user/a/b", "/user/a/b"},
		{hostV2(), "", "id", "/user/id", "/user/id"},
		{hostHybrid(), "", "id", "/user/id", "/user/id"},
		{hostHybrid(), "x", "id", "/user/x", "/user/x"},
		{hostV1(), "/../../a", "id", "/a", ""},
		{hostV1(), "../../a", "id", "/user/a", ""},
		{hostV2(), "../../a", "id", "/user/a", "/user/a"},
		{hostV1(), "/a/../b//c/./d/", "id", "/b/c/d", ""},
		{hostV1(), "a/../../b", "id", "/user/b", ""},
		{hostV1(), "/system.slice:x:y", "id", "/system.slice:x:y", ""},
	} {
		r, err := Place(c.host, c.path, c.name)
		if err != nil {
			t.Errorf("%q: %v", c.path, err)
			continue
		}
		memory, ok := r.Dir("memory")
		if !ok || memory.Path != c.memory {
			t.Errorf("%s %q: memory in %q, want %q", c.host.Mode(), c.path, memory.Path, c.memory)
		}
		if u, _ := r.Unified(); u.Path != c.uniDir {
			t.Errorf("%s %q: version 2 in %q, want %q", c.host.Mode(), c.path, u.Path, c.uniDir)
		}
		if len(r.Dirs) != len(c.host.Hierarchies()) {
			t.Errorf("%s %q: %d directories", c.host.Mode(), c.path, len(r.Dirs))
		}
	}
	// Every hierarchy counts from its own place.
	r, err := Place(hostV1(), "x", "id")
	if err != nil || r.Dirs[len(r.Dirs)-1].Path != "/user/session/x" {
		t.Errorf("named hierarchy: %+v, %v", r, err)
	}
}

func TestPlaceErrors(t *testing.T) {
	for _, c := range []struct {
		host             *Host
		path, name, want string
	}{
		{hostV1(), "/", "id", `linux.cgroupsPath: "/" is the top of the hierarchy, not a cgroup for a container`},
		{hostV1(), "..", "id", `linux.cgroupsPath: ".." is the top of the hierarchy, not a cgroup for a container`},
		{hostV1(), "/a/..", "id", `linux.cgroupsPath: "/a/.." is the top of the hierarchy, not a cgroup for a container`},
		{hostV1(), "/a\nb", "id", `linux.cgroupsPath: "/a\nb" has a character that a cgroup's name cannot have`},
		{hostV1(), "/a\x00b", "id", `linux.cgroupsPath: "/a\x00b" has a character that a cgroup's name cannot have`},
		{hostV1(), "/" + strings.Repeat("x", 256), "id", `linux.cgroupsPath: "` + strings.Repeat("x", 32) + `"... is longer than the 255 bytes that a cgroup's name can have`},
		{hostV1(), "", "", `place cgroup: "" is no name for a cgroup`},
		{hostV1(), "", "a/b", `place cgroup: "a/b" is no name for a cgroup`},
		{hostV1(), "", "..", `place cgroup: ".." is no name for a cgroup`},
		{&Host{}, "/a", "id", `place cgroup: no cgroup hierarchy is mounted`},
	} {
		if _, err := Place(c.host, c.path, c.name); err == nil || err.Error() != c.want {
			t.Errorf("%q, %q: %v, want %s", c.path, c.name, err, c.want)
		}
	}
}

// A record survives the state file.
func TestRecordJSON(t *testing.T) {
	r, err := Place(hostHybrid(), "/a/b", "id")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back Record
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, r) {
		t.Errorf("%s came back as %+v", text, back)
	}
}

func TestSub(t *testing.T) {
	r, err := Place(hostHybrid(), "/a/b", "id")
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{"x": "/a/b/x", "/x/y/": "/a/b/x/y", "../../z": "/a/b/z", "": "/a/b", "x/../..": "/a/b"} {
		for i, d := range r.Sub(in).Dirs {
			if d.Path != want || d.Made != 0 || r.Dirs[i].Path != "/a/b" {
				t.Errorf("%q: %+v, want %s", in, d, want)
			}
		}
	}
}
