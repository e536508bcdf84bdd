package rootfs

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/minirun/minirun/nsenter"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// variants are hosts and changes under which the order must hold.
var variants = map[string]func(*specs.Spec, *Facts){
	"as it is":  func(*specs.Spec, *Facts) {},
	"v2":        func(_ *specs.Spec, f *Facts) { f.Cgroups, f.CgroupNS = unified("/c"), true },
	"v2 bound":  func(_ *specs.Spec, f *Facts) { f.Cgroups, f.CgroupNS = unified("/c"), false },
	"v1 own ns": func(_ *specs.Spec, f *Facts) { f.CgroupNS = true },
	"rootless": func(s *specs.Spec, f *Facts) {
		for i := range s.Mounts { // mapping ids is for root only
			m := &s.Mounts[i]
			m.UIDMappings, m.GIDMappings = nil, nil
			m.Options = slices.DeleteFunc(m.Options, func(o string) bool { return strings.Contains(o, "idmap") })
		}
		f.UserNS, f.Unprivileged, f.HostNet, f.HostPID, f.HostIPC = true, true, true, true, true
	},
	"shared":     func(s *specs.Spec, _ *Facts) { s.Linux.RootfsPropagation = "rshared" },
	"unbindable": func(s *specs.Spec, _ *Facts) { s.Linux.RootfsPropagation = "runbindable" },
	"no pivot":   func(_ *specs.Spec, f *Facts) { f.NoPivot = true },
	"all read-only": func(s *specs.Spec, _ *Facts) {
		s.Root.Readonly = true
		for i := range s.Mounts {
			s.Mounts[i].Options = append(s.Mounts[i].Options, "ro")
		}
	},
}

// TestOrder asserts of every configuration, on every host, what the order is there for.
func TestOrder(t *testing.T) {
	configs, err := filepath.Glob("testdata/*.json")
	if err != nil || len(configs) < 10 {
		t.Fatalf("%d configurations, %v", len(configs), err)
	}
	for _, file := range configs {
		for name, change := range variants {
			config := strings.TrimSuffix(filepath.Base(file), ".json")
			t.Run(config+"/"+name, func(t *testing.T) {
				s := load(t, config)
				f := factsOf(s)
				change(s, &f)
				r := compile(t, s, f)
				checkOrder(t, flatten(r))
				checkPairs(t, r)
				checkSlots(t, r)
				checkCgroup(t, r)
			})
		}
	}
}

func flatten(r *Rootfs) []nsenter.Item {
	var all []nsenter.Item
	for _, p := range phases(r)[1:] { // without early, whose order says nothing
		all = append(all, p.items...)
	}
	return all
}

// stage is how far the root is when an operation runs; it may never go back.
type stage int

const (
	detached stage = iota // from the host's propagation
	opened                // the root
	mounting
	creating  // device nodes and links
	pivoted   // nothing of the host's is in reach
	closing   // what was writable becomes read-only
	readonly  // paths
	masked    // paths
	rootClose // root.readonly
	propagate
)

func stageOf(it nsenter.Item) stage {
	because := func(prefix string) bool { return strings.HasPrefix(it.Because, prefix) }
	switch op := it.Op.(type) {
	case *nsenter.RootOpen, *nsenter.RootAttach:
		return opened
	case *nsenter.RootPivot, *nsenter.RootChroot:
		return pivoted
	case *nsenter.FsMknod, *nsenter.FsDevbind:
		return creating
	case *nsenter.MountReadonly:
		return readonly
	case *nsenter.MountPropagation:
		switch {
		case op.Root == nsenter.NoSlot:
			return detached
		case op.Path == "/":
			return propagate
		}
	case *nsenter.MountAttr:
		if because("root.readonly") {
			return rootClose
		}
	case *nsenter.MountMask:
		if because("linux.maskedPaths") {
			return masked
		}
	case *nsenter.FsSymlink:
		if because(defaultDevices) {
			return creating
		}
	}
	return mounting
}

func checkOrder(t *testing.T, all []nsenter.Item) {
	t.Helper()
	at := detached
	for i, it := range all {
		s := stageOf(it)
		if op, ok := it.Op.(*nsenter.MountAttr); ok && s == mounting && at >= pivoted {
			if op.AttrSet != aRO {
				t.Errorf("item %d, %s, is no closing of a mount", i, it)
			}
			s = closing
		}
		if s < at {
			t.Errorf("item %d, %s (%s), comes too late: stage %d after %d", i, it, it.Because, s, at)
		}
		at = s
	}
	if at < pivoted {
		t.Error("the root is never changed")
	}
}

// checkPairs wants every alternative right behind what it is the alternative of.
func checkPairs(t *testing.T, r *Rootfs) {
	t.Helper()
	for _, p := range phases(r) {
		for i, it := range p.items {
			tried := i > 0 && p.items[i-1].Flags == nsenter.FlagOpTry
			if (it.Flags == nsenter.FlagOpElse) != tried {
				t.Errorf("%s item %d, %s: flags %d after a try: %t", p.name, i, it, it.Flags, tried)
			}
		}
		if n := len(p.items); n > 0 && p.items[n-1].Flags == nsenter.FlagOpTry {
			t.Errorf("%s ends with an attempt", p.name)
		}
	}
}

// checkSlots wants every slot that an operation reads to be filled by the host side or by the root's own operation, and no number
// twice.
func checkSlots(t *testing.T, r *Rootfs) {
	t.Helper()
	filled := map[nsenter.Slot]bool{}
	fill := func(s nsenter.Slot) {
		if filled[s] {
			t.Errorf("slot %d is filled twice", s)
		}
		filled[s] = true
	}
	for _, m := range r.IDMaps {
		fill(m.Slot)
	}
	for _, s := range r.Sources {
		fill(s.Slot)
	}
	for _, it := range append(slices.Clone(r.Early), flatten(r)...) {
		switch op := it.Op.(type) {
		case *nsenter.RootOpen:
			if it.Flags == 0 {
				fill(op.Root)
			}
		case *nsenter.RootAttach:
			if !filled[op.Root] {
				t.Error("nothing fills the root")
			}
		case *nsenter.MountMake:
			fill(op.Tree)
		case *nsenter.MountLegacy:
			fill(op.Tree)
		case *nsenter.MountBind:
			if op.From != nsenter.NoSlot && !filled[op.From] || (op.From == nsenter.NoSlot) != (op.Source != "") || op.Userns != nsenter.NoSlot {
				t.Errorf("source of %s", it)
			}
		case *nsenter.MountMask:
			if filled[op.Null] || filled[op.Empty] || op.Null == op.Empty {
				t.Errorf("slots of %s", it)
			}
		}
	}
}

// checkCgroup wants FirstCgroup to be the first item that has to do with the container's cgroup.
func checkCgroup(t *testing.T, r *Rootfs) {
	t.Helper()
	first := -1
	for i, it := range r.Mounts {
		needs := false
		switch op := it.Op.(type) {
		case *nsenter.MountFs:
			needs = strings.HasPrefix(op.Fstype, "cgroup")
		case *nsenter.MountBind:
			needs = strings.HasPrefix(op.Source, "/sys/fs/cgroup")
		}
		if needs {
			first = i
			break
		}
	}
	if first != r.FirstCgroup {
		t.Errorf("first cgroup item is %d, FirstCgroup %d", first, r.FirstCgroup)
	}
}
