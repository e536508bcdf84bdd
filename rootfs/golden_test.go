package rootfs

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minirun/minirun/nsenter"
	"github.com/opencontainers/runtime-spec/specs-go"
)

var update = flag.Bool("update", false, "write the golden files of this run")

// slots hands out slots from 10 on.
func slots() func() nsenter.Slot {
	next := nsenter.Slot(9)
	return func() nsenter.Slot {
		next++
		return next
	}
}

// load reads testdata/name.json: a configuration that a real engine wrote, cut down to what this package reads.
func load(t testing.TB, name string) *specs.Spec {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var s specs.Spec
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

func hybrid(path string) []CgroupHierarchy {
	return []CgroupHierarchy{
		{Version: 1, MountPoint: "/sys/fs/cgroup/systemd", Controllers: []string{"name=systemd"}, Path: path},
		{Version: 1, MountPoint: "/sys/fs/cgroup/cpu,cpuacct", Controllers: []string{"cpu", "cpuacct"}, Links: []string{"cpu", "cpuacct"}, Path: path},
		{Version: 1, MountPoint: "/sys/fs/cgroup/memory", Controllers: []string{"memory"}, Path: path},
		{Version: 2, MountPoint: "/sys/fs/cgroup/unified", Path: path},
	}
}

func unified(path string) []CgroupHierarchy {
	return []CgroupHierarchy{{Version: 2, MountPoint: "/sys/fs/cgroup", Path: path}}
}

// factsOf is what a host with cgroup v1 would say of spec.
func factsOf(s *specs.Spec) Facts {
	f := Facts{Bundle: "/bundle", HostNet: true, HostPID: true, HostIPC: true, Cgroups: hybrid("/c/1"), Kcore: true}
	for _, n := range s.Linux.Namespaces {
		switch n.Type {
		case specs.MountNamespace:
			f.MountNS = true
		case specs.UserNamespace:
			f.UserNS = true
			f.UIDMappings, f.GIDMappings = s.Linux.UIDMappings, s.Linux.GIDMappings
		case specs.CgroupNamespace:
			f.CgroupNS = true
		case specs.NetworkNamespace:
			f.HostNet = n.Path != ""
		case specs.PIDNamespace:
			f.HostPID = n.Path != ""
		case specs.IPCNamespace:
			f.HostIPC = n.Path != ""
		}
	}
	return f
}

func dump(r *Rootfs) string {
	var b strings.Builder
	fmt.Fprintf(&b, "root #%d console %s %s first-cgroup %d\n", r.Root, r.Console.Ptmx, r.Console.Target, r.FirstCgroup)
	for _, w := range r.Warnings {
		fmt.Fprintf(&b, "warning %s\n", w)
	}
	for _, m := range r.IDMaps {
		fmt.Fprintf(&b, "idmap #%d uid %v gid %v  (%s)\n", m.Slot, m.UID, m.GID, m.Because)
	}
	for _, s := range r.Sources {
		if s.Base != "" {
			s.Path = s.Base + " " + s.Path
		}
		fmt.Fprintf(&b, "source #%d %s recursive=%t nofollow=%t idmap=%d %t  (%s)\n", s.Slot, s.Path, s.Recursive, s.NoFollow, s.IDMap, s.IDMapRecursive, s.Because)
	}
	for _, p := range phases(r) {
		if p.name == "early" && len(p.items) == 0 {
			continue
		}
		fmt.Fprintf(&b, "%s\n", p.name)
		for _, it := range p.items {
			fmt.Fprintf(&b, "  %s  (%s)\n", text(it), it.Because)
		}
	}
	return b.String()
}

// text renders an item with its flags, whether or not String does so itself.
func text(it nsenter.Item) string {
	s := strings.TrimPrefix(strings.TrimPrefix(it.String(), "try "), "else ")
	return map[uint16]string{0: "", nsenter.FlagOpTry: "try ", nsenter.FlagOpElse: "else "}[it.Flags] + s
}

type phase struct {
	name  string
	items []nsenter.Item
}

func phases(r *Rootfs) []phase {
	return []phase{{"early", r.Early}, {"prepare", r.Prepare}, {"mounts", r.Mounts}, {"devices", r.Devices}, {"pivot", r.Pivot}, {"finish", r.Finish}}
}

func TestGolden(t *testing.T) {
	for _, tc := range []struct {
		name, config string
		change       func(*specs.Spec, *Facts)
	}{
		{"docker-default", "docker-default", nil},
		{"docker-default-v2", "docker-default", func(_ *specs.Spec, f *Facts) { f.Cgroups, f.CgroupNS = unified("/c/1"), true }},
		{"docker-default-v2-hostns", "docker-default", func(_ *specs.Spec, f *Facts) { f.Cgroups = unified("/c/1") }},
		{"docker-default-v2-rw", "docker-default", func(s *specs.Spec, f *Facts) {
			f.Cgroups, f.CgroupNS = unified("/c/1"), true
			s.Mounts[4].Options[0] = "rw"
		}},
		{"docker-default-v2-nocgroup", "docker-default", func(_ *specs.Spec, f *Facts) { f.Cgroups, f.CgroupNS = unified(""), true }},
		{"docker-default-v1-rw", "docker-default", func(s *specs.Spec, _ *Facts) { s.Mounts[4].Options[0] = "rw" }},
		{"docker-cgroupns", "docker-cgroupns", nil},
		{"docker-nocgroup", "docker-default", func(_ *specs.Spec, f *Facts) { f.Cgroups = hybrid("") }},
		{"docker-readonly", "docker-readonly", nil},
		{"docker-volume", "docker-volume", nil},
		{"docker-volume-shared", "docker-volume", func(s *specs.Spec, _ *Facts) { s.Linux.RootfsPropagation = "rshared" }},
		{"docker-device", "docker-device", nil},
		{"docker-privileged", "docker-privileged", nil},
		{"docker-userns", "docker-userns-remap", nil},
		{"docker-userns-hostnet", "docker-userns-remap", func(_ *specs.Spec, f *Facts) { f.HostNet, f.HostPID, f.HostIPC = true, true, true }},
		{"ctr-default", "ctr-default", nil},
		{"ctr-host-net", "ctr-host-net", nil},
		{"ctr-userns", "ctr-userns", nil},
		{"ctr-no-pivot", "ctr-default", func(_ *specs.Spec, f *Facts) { f.NoPivot = true }},
		{"podman-default", "podman-default", nil},
		{"podman-tmpfs", "podman-tmpfs", nil},
		{"podman-userns", "podman-userns", nil},
		{"podman-rootless", "podman-userns", func(s *specs.Spec, f *Facts) {
			one := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1000, Size: 1}}
			f.Unprivileged, f.Cgroups, f.UIDMappings, f.GIDMappings = true, unified(""), one, one
		}},
		{"podman-pod-member", "podman-pod-member", nil},
		{"buildah-run", "buildah-run", nil},
		{"buildah-run-mounts", "buildah-run-mounts", nil},
		{"buildah-userns", "buildah-userns", nil},
		{"long-tail", "long-tail", nil},
		{"long-tail-userns", "long-tail", func(s *specs.Spec, f *Facts) {
			f.UserNS = true
			f.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
			f.GIDMappings = f.UIDMappings
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/ids", Type: "tmpfs", Source: "ids", Options: []string{"idmap", "tmpcopyup", "ro"}})
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := load(t, tc.config)
			f := factsOf(s)
			if tc.change != nil {
				tc.change(s, &f)
			}
			r, err := Compile(s, f, slots())
			if err != nil {
				t.Fatal(err)
			}
			golden(t, tc.name, dump(r))
			again, err := Compile(s, f, slots())
			if err != nil || dump(again) != dump(r) {
				t.Errorf("a second run gives something else: %v", err)
			}
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Fatalf("%s:%d (-update writes it anew)\n got %s\nwant %s", file, i+1, g[i], w[i])
		}
	}
	t.Fatalf("%s: %d lines, want %d", file, len(g), len(w))
}

func BenchmarkCompileDockerDefault(b *testing.B) {
	s := load(b, "docker-default")
	f := factsOf(s)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile(s, f, slots()); err != nil {
			b.Fatal(err)
		}
	}
}
