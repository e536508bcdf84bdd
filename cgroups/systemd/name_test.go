package systemd

import (
	"errors"
	"strings"
	"testing"

	"github.com/minirun/minirun/cgroups"
)

func TestParsePath(t *testing.T) {
	for _, c := range []struct {
		path, id    string
		user        bool
		slice, name string
	}{
		{"", "web", false, "system.slice", "minirun-web.scope"},
		{"", "web", true, "user.slice", "minirun-web.scope"},
		{"", "a+b_c.d", false, "system.slice", `minirun-a\x2bb_c.d.scope`},
		{"machine.slice:libpod:abc", "web", false, "machine.slice", "libpod-abc.scope"},
		{"a-b.slice:p:n", "web", true, "a-b.slice", "p-n.scope"},
		{":docker:abc", "web", false, "system.slice", "docker-abc.scope"},
		{":docker:abc", "web", true, "user.slice", "docker-abc.scope"},
		{"-:p:n", "web", false, "-.slice", "p-n.scope"},
		{"-.slice:p:n", "web", false, "-.slice", "p-n.scope"},
		{"system.slice::n", "web", false, "system.slice", "n.scope"},
		{`system.slice:p:a\x2db@1`, "web", false, "system.slice", `p-a\x2db@1.scope`},
	} {
		slice, name, err := ParsePath(c.path, c.id, c.user)
		if err != nil || slice != c.slice || name != c.name {
			t.Errorf("ParsePath(%q, %q, %v) = %q, %q, %v; want %q, %q", c.path, c.id, c.user, slice, name, err, c.slice, c.name)
		}
	}
}

func TestParsePathErrors(t *testing.T) {
	for path, want := range map[string]string{
		"/a/b":                           "must be of the form slice:prefix:name",
		"system.slice:p":                 "must be of the form slice:prefix:name",
		"system.slice:p:":                "must be of the form slice:prefix:name",
		"a:b:c:d":                        "must be of the form slice:prefix:name",
		"system:p:n":                     `"system" is no name of a slice`,
		".slice:p:n":                     `".slice" is no name of a slice`,
		"a/b.slice:p:n":                  `"a/b.slice" is no name of a slice`,
		"a--b.slice:p:n":                 "a dash stands between two names",
		"-a.slice:p:n":                   "a dash stands between two names",
		"a-.slice:p:n":                   "a dash stands between two names",
		"system.slice:p:n.slice":         "n.slice is a slice, which holds units and no processes",
		"system.slice:p:a b":             `"p-a b.scope" is no name for a unit`,
		"system.slice:p:../x":            "is no name for a unit",
		":p:" + strings.Repeat("x", 250): "is no name for a unit",
	} {
		_, _, err := ParsePath(path, "web", false)
		var f *cgroups.FieldError
		if !errors.As(err, &f) || f.Field != "linux.cgroupsPath" || !strings.Contains(err.Error(), want) {
			t.Errorf("ParsePath(%q): %v; want linux.cgroupsPath: ...%s...", path, err, want)
		}
	}
}

func TestExpandSlice(t *testing.T) {
	for slice, want := range map[string]string{
		"-.slice":               "/",
		"system.slice":          "/system.slice",
		"a-b-c.slice":           "/a.slice/a-b.slice/a-b-c.slice",
		`user-1000.slice`:       "/user.slice/user-1000.slice",
		"kubepods-pod1_2.slice": "/kubepods.slice/kubepods-pod1_2.slice",
	} {
		if got, err := ExpandSlice(slice); err != nil || got != want {
			t.Errorf("ExpandSlice(%q) = %q, %v; want %q", slice, got, err, want)
		}
	}
}

func testHost(layout string) *cgroups.Host {
	v1 := func(name string, controllers ...string) cgroups.Hierarchy {
		h := cgroups.Hierarchy{Version: 1, MountPoint: "/c/" + name, Root: "/", Controllers: controllers}
		if controllers == nil {
			h.Name = name
		}
		return h
	}
	v2 := cgroups.Hierarchy{Version: 2, MountPoint: "/c", Root: "/", Controllers: []string{"cpuset", "cpu", "io", "memory", "hugetlb", "pids"}}
	old := []cgroups.Hierarchy{
		v1("systemd"), v1("cpu,cpuacct", "cpu", "cpuacct"), v1("cpuset", "cpuset"), v1("memory", "memory"),
		v1("blkio", "blkio"), v1("pids", "pids"), v1("devices", "devices"), v1("freezer", "freezer"),
	}
	switch layout {
	case "v1":
		return cgroups.NewHost(old...)
	case "hybrid":
		return cgroups.NewHost(append(old, cgroups.Hierarchy{Version: 2, MountPoint: "/c/unified", Root: "/"})...)
	default:
		return cgroups.NewHost(v2)
	}
}

func TestPlace(t *testing.T) {
	u := cgroups.Unit{Name: "p-n.scope", Slice: "a-b.slice"}
	for _, c := range []struct{ layout, group, want string }{
		{"v2", "", "/a.slice/a-b.slice/p-n.scope"},
		{"v2", "/", "/a.slice/a-b.slice/p-n.scope"},
		{"v2", "/user.slice/user@1000.service", "/user.slice/user@1000.service/a.slice/a-b.slice/p-n.scope"},
		{"v1", "/", "/a.slice/a-b.slice/p-n.scope"},
		{"hybrid", "/", "/a.slice/a-b.slice/p-n.scope"},
	} {
		h := testHost(c.layout)
		r, err := Place(h, u, Facts{Version: 252, ControlGroup: c.group})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Dirs) != len(h.Hierarchies()) || *r.Unit != u || !r.Pending() {
			t.Errorf("%s: %+v", c.layout, r)
		}
		for _, d := range r.Dirs {
			if d.Path != c.want {
				t.Errorf("%s with %q: %s, want %s", c.layout, c.group, d.Path, c.want)
			}
		}
	}
	u.User = true
	if _, err := Place(testHost("v1"), u, Facts{}); err == nil || !strings.Contains(err.Error(), "no rights in cgroup v1") {
		t.Errorf("a user's unit on v1: %v", err)
	}
	if _, err := Place(cgroups.NewHost(), u, Facts{}); err == nil {
		t.Error("a host without cgroups is no error")
	}
}

// TestBelow is a mount that shows only a part of the hierarchy, as containers have it.
func TestBelow(t *testing.T) {
	for _, c := range [][3]string{
		{"/", "/a/b", "/a/b"}, {"/a", "/a/b", "/b"}, {"/a", "/b", "/b"}, {"/a", "/ab", "/ab"}, {"/", "", "/"},
	} {
		if got := below(c[0], c[1]); got != c[2] {
			t.Errorf("below(%q, %q) = %q, want %q", c[0], c[1], got, c[2])
		}
	}
}
