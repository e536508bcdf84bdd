package specs

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	rs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestVersionIsThatOfTheTypes(t *testing.T) {
	if Version != rs.Version {
		t.Errorf("Version is %s, the types are of %s", Version, rs.Version)
	}
}

func TestCapabilities(t *testing.T) {
	names := Capabilities()
	if len(names) != 41 {
		t.Errorf("%d capabilities, want 41", len(names))
	}
	for want, name := range names {
		if got, ok := CapabilityNumber(name); !ok || got != want {
			t.Errorf("%s has the number %d, %t, want %d", name, got, ok, want)
		}
	}
	// Numbers of include/uapi/linux/capability.h.
	for name, want := range map[string]int{
		"CAP_CHOWN": 0, "CAP_SETPCAP": 8, "CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21,
		"CAP_MKNOD": 27, "CAP_SETFCAP": 31, "CAP_SYSLOG": 34, "CAP_AUDIT_READ": 37, "CAP_CHECKPOINT_RESTORE": 40,
	} {
		if got, ok := CapabilityNumber(name); !ok || got != want {
			t.Errorf("%s has the number %d, %t, want %d", name, got, ok, want)
		}
	}
	for _, name := range []string{"", "CAP_", "cap_chown", "CHOWN", "CAP_CHOWN ", "CAP_ALL"} {
		if got, ok := CapabilityNumber(name); ok {
			t.Errorf("%q has the number %d", name, got)
		}
	}
	names[0] = "changed"
	if Capabilities()[0] != "CAP_CHOWN" {
		t.Error("a change of the list shows in the next one")
	}
}

func TestRlimitNumber(t *testing.T) {
	// Numbers of include/uapi/asm-generic/resource.h.
	for want, name := range []string{
		"CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE", "MEMLOCK", "AS", "LOCKS",
		"SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME",
	} {
		if got, ok := RlimitNumber("RLIMIT_" + name); !ok || got != want {
			t.Errorf("RLIMIT_%s has the number %d, %t, want %d", name, got, ok, want)
		}
	}
	if got, ok := RlimitNumber("RLIMIT_NLIMITS"); ok {
		t.Errorf("RLIMIT_NLIMITS has the number %d", got)
	}
}

// Each list must have exactly what validation accepts.
func TestListsAgreeWithValidation(t *testing.T) {
	agree := func(name string, list int, distinct bool, accepted bool) {
		if list == 0 || !distinct || !accepted {
			t.Errorf("%s: %d entries, distinct %t, all accepted %t", name, list, distinct, accepted)
		}
	}
	agree("actions", len(SeccompActions()), distinct(SeccompActions()), all(SeccompActions(), isSeccompAction))
	agree("operators", len(SeccompOperators()), distinct(SeccompOperators()), all(SeccompOperators(), isSeccompOperator))
	agree("archs", len(SeccompArchs()), distinct(SeccompArchs()), all(SeccompArchs(), isSeccompArch))
	agree("flags", len(SeccompFlags()), distinct(SeccompFlags()), all(SeccompFlags(), isSeccompFlag))
	agree("namespaces", len(Namespaces()), distinct(Namespaces()), all(Namespaces(), func(t LinuxNamespaceType) bool {
		_, ok := nsBit(t)
		return ok
	}))
	if got := []int{
		len(SeccompActions()), len(SeccompOperators()), len(SeccompArchs()), len(SeccompFlags()),
		len(Namespaces()), len(MemoryPolicyModes()), len(MemoryPolicyFlags()),
	}; !slices.Equal(got, []int{9, 7, 23, 4, 8, 7, 3}) {
		t.Errorf("the lists have %v entries", got)
	}
	hooks := reflect.TypeFor[Hooks]()
	if names := HookNames(); len(names) != hooks.NumField() {
		t.Errorf("%d hooks, want %d", len(names), hooks.NumField())
	} else {
		for i, name := range names {
			if got, _, _ := strings.Cut(hooks.Field(i).Tag.Get("json"), ","); got != name {
				t.Errorf("hook %d is %s, want %s", i, name, got)
			}
		}
	}
}

func distinct[T comparable](list []T) bool {
	seen := map[T]bool{}
	for _, e := range list {
		seen[e] = true
	}
	return len(seen) == len(list)
}

func all[T any](list []T, ok func(T) bool) bool {
	return !slices.ContainsFunc(list, func(e T) bool { return !ok(e) })
}

func TestFeatures(t *testing.T) {
	full := NewFeatures(&Support{
		MountOptions: []string{"rw", "bind", "ro"},
		CgroupV1:     true, CgroupV2: true, CgroupSystemd: true, CgroupSystemdUser: true, CgroupRdma: true,
		Seccomp: true, SeccompFlags: []LinuxSeccompFlag{SeccompFlagTSync, SeccompFlagLog},
		Apparmor: true, Selinux: true,
		IntelRdt: true, IntelRdtSchemata: true, IntelRdtMonitoring: true,
		MemoryPolicy: true, IDMap: true, NetDevices: true,
		Annotations:       map[string]string{"org.example.version": "1"},
		UnsafeAnnotations: []string{"org.systemd.property.", "bundle"},
	})
	none := NewFeatures(&Support{Namespaces: []LinuxNamespaceType{PIDNamespace, MountNamespace}})
	for name, f := range map[string]*Features{"features-full.json": full, "features-none.json": none} {
		got, err := json.MarshalIndent(f, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if string(got)+"\n" != string(want) {
			t.Errorf("differs from testdata/%s:\n%s", name, got)
		}
	}
}
