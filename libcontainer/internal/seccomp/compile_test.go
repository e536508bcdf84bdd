//go:build cgo && !noseccomp

package seccomp

import (
	"embed"
	"encoding/json"
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// engines are the profiles of testdata, as those engines wrote them.
var engines = []string{"docker", "podman", "containerd"}

//go:embed testdata/*.json
var testdata embed.FS

// profileOf reads a profile of testdata.
func profileOf(t testing.TB, name string) *specs.LinuxSeccomp {
	t.Helper()
	b, err := testdata.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	profile, err := readProfile(b)
	if err != nil {
		t.Fatal(err)
	}
	return profile
}

func readProfile(b []byte) (*specs.LinuxSeccomp, error) {
	profile := &specs.LinuxSeccomp{}
	return profile, json.Unmarshal(b, profile)
}

// mustCompile compiles without a cache.
func mustCompile(t testing.TB, profile *specs.LinuxSeccomp) ([]insn, *Program) {
	t.Helper()
	p, _, err := Compile(profile, "")
	if err != nil {
		t.Fatal(err)
	}
	return mustDecode(t, p.Filter), p
}

// compare runs a filter and the reference on the same calls, and returns the number of calls with each action.
func compare(t testing.TB, profile *specs.LinuxSeccomp, prog []insn) map[uint32]int {
	t.Helper()
	ref := newReference(t, profile)
	counts := map[uint32]int{}
	wrong := 0
	for _, audit := range []uint32{
		unix.AUDIT_ARCH_X86_64, unix.AUDIT_ARCH_I386, unix.AUDIT_ARCH_AARCH64, unix.AUDIT_ARCH_ARM, unix.AUDIT_ARCH_RISCV64,
	} {
		for _, nr := range numbers() {
			d := &callData{nr: nr, arch: audit}
			forEachArgs(ref, d, func() {
				want, got := ref.eval(t, d), mustRun(t, prog, d)
				counts[want]++
				if got != want && wrong < 20 {
					wrong++
					t.Errorf("arch %#x nr %d (%#x) args %#x: got %#x, want %#x", audit, nr, nr, d.args, got, want)
				}
			})
		}
	}
	return counts
}

// numbers returns system call numbers: all that are in use, with and without the bit of x32, ARM's private ones, and edges.
func numbers() []uint32 {
	nrs := []uint32{0x0effff, 0x3fffffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff}
	for nr := range uint32(700) {
		nrs = append(nrs, nr, x32Bit|nr)
	}
	for nr := range uint32(8) {
		nrs = append(nrs, armPrivate+nr)
	}
	return nrs
}

// forEachArgs calls f with d.args set to all combinations of values around those that the rules of the call compare with.
func forEachArgs(ref *reference, d *callData, f func()) {
	var values [maxArgs][]uint64
	name := ref.archOf(d)
	if name != "" {
		for _, call := range ref.archs[name].calls[d.nr] {
			for _, c := range call.Args {
				values[c.Index] = append(values[c.Index], c.Value, c.Value-1, c.Value+1, ^c.Value, c.Value|1<<35,
					c.ValueTwo, c.ValueTwo|1, c.ValueTwo|^c.Value, 0, 1, ^uint64(0))
			}
		}
	}
	for i := range values {
		if len(values[i]) == 0 {
			values[i] = []uint64{0xdeadbeefcafe}
		}
		slices.Sort(values[i])
		values[i] = slices.Compact(values[i])
	}
	var walk func(i int)
	walk = func(i int) {
		if i == maxArgs {
			f()
			return
		}
		for _, v := range values[i] {
			d.args[i] = v
			walk(i + 1)
		}
	}
	walk(0)
}

// The filters of real engines do what their profiles say, for each number and around each compared value.
func TestEngineProfiles(t *testing.T) {
	for _, name := range engines {
		t.Run(name, func(t *testing.T) {
			profile := profileOf(t, name)
			prog, p := mustCompile(t, profile)
			counts := compare(t, profile, prog)
			t.Logf("%d instructions, calls by action: %v", p.Instructions(), counts)
			if p.Flags != unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW || p.Listener {
				t.Errorf("flags %#x, listener %t", p.Flags, p.Listener)
			}
			for _, ret := range []uint32{unix.SECCOMP_RET_ALLOW, retENOSYS, unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM), unix.SECCOMP_RET_KILL_THREAD} {
				if counts[ret] == 0 {
					t.Errorf("no call had the action %#x: the test compares too little", ret)
				}
			}
		})
	}
}
