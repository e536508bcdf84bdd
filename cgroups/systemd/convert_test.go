package systemd

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/minirun/minirun/cgroups"
)

var update = flag.Bool("update", false, "write the golden files anew")

// full has every field that a unit has a property for, and some that none has.
func full() *specs.LinuxResources {
	r := &specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: ptr[int64](64 << 20), Reservation: ptr[int64](32 << 20), Swap: ptr[int64](96 << 20)},
		CPU: &specs.LinuxCPU{
			Shares: ptr[uint64](512), Quota: ptr[int64](33_333), Period: ptr[uint64](100_000), Cpus: "0-2,8", Mems: "0",
		},
		Pids:    &specs.LinuxPids{Limit: ptr[int64](100)},
		BlockIO: &specs.LinuxBlockIO{Weight: ptr[uint16](500)},
		Devices: []specs.LinuxDeviceCgroup{{Access: "rwm"}, {Allow: true, Type: "c", Major: ptr[int64](10), Minor: ptr[int64](229), Access: "rw"}},
	}
	r.Devices = append(r.Devices, cgroups.DefaultDeviceRules()...)
	return r
}

func ptr[T any](v T) *T { return &v }

// convertCases are the golden files of the conversion.
var convertCases = []struct {
	name    string
	layout  string
	version int
	res     *specs.LinuxResources
}{
	{"full-v2-257", "v2", 257, full()},
	{"full-v2-240", "v2", 240, full()}, // no quota period, no cpuset
	{"full-v2-239", "v2", 239, full()}, // no devices either
	{"full-v1-252", "v1", 252, full()},
	{"unlimited", "v2", 252, &specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: ptr[int64](-1), Swap: ptr[int64](-1)},
		CPU:    &specs.LinuxCPU{Quota: ptr[int64](-1)}, Pids: &specs.LinuxPids{Limit: ptr[int64](-1)},
	}},
	{"unlimited-v1", "v1", 252, &specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: ptr[int64](-1)},
		CPU:    &specs.LinuxCPU{Quota: ptr[int64](-1)}, Pids: &specs.LinuxPids{Limit: ptr[int64](-1)},
	}},
	{"no-process", "v2", 252, &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr[int64](0)}}},
	{"idle", "v2", 252, &specs.LinuxResources{CPU: &specs.LinuxCPU{Idle: ptr[int64](1), Shares: ptr[uint64](2048)}}},
	{"idle-251", "v2", 251, &specs.LinuxResources{CPU: &specs.LinuxCPU{Idle: ptr[int64](1), Shares: ptr[uint64](2048)}}},
	{"not-idle", "v2", 252, &specs.LinuxResources{CPU: &specs.LinuxCPU{Idle: ptr[int64](0), Shares: ptr[uint64](1024)}}},
	{"quota", "v2", 252, &specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: ptr[int64](25_000)}}},
	{"period", "v2", 252, &specs.LinuxResources{CPU: &specs.LinuxCPU{Period: ptr[uint64](50_000)}}},
	{"quota-burst", "v2", 252, &specs.LinuxResources{CPU: &specs.LinuxCPU{
		Quota: ptr[int64](1 << 50), Period: ptr[uint64](1000), Burst: ptr[uint64](10),
	}}},
	{"unified", "v2", 253, &specs.LinuxResources{Unified: map[string]string{
		"memory.high": "1000000", "memory.min": "4096", "memory.low": "max", "memory.max": "2000000", "memory.swap.max": "0",
		"memory.zswap.max": "0", "memory.oom.group": "1", "cpu.weight": "7", "cpu.max": "max 20000", "cpuset.cpus": "1", "pids.max": "0",
		"io.weight": "default 42", "io.max": "8:0 rbps=1", "hugetlb.2MB.max": "0",
	}}},
	{"devices-all", "v2", 252, &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}}},
	{"devices-most", "v2", 252, &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{
		{Allow: true, Access: "rwm"}, {Type: "c", Major: ptr[int64](1), Minor: ptr[int64](3), Access: "rwm"},
	}}},
	{"devices-odd", "v2", 252, &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{
		{Access: "rwm"},
		{Allow: true, Type: "b", Major: ptr[int64](8), Access: "r"},                          // block-8
		{Allow: true, Major: ptr[int64](9), Minor: ptr[int64](1), Access: "rw"},              // both types
		{Allow: true, Type: "c", Minor: ptr[int64](5), Access: "rw"},                         // cannot be said
		{Allow: true, Type: "c", Major: ptr[int64](1), Minor: ptr[int64](3), Access: "r"},    // adds up
		{Allow: true, Type: "c", Major: ptr[int64](1), Minor: ptr[int64](3), Access: "m"},    // with this
		{Allow: true, Type: "c", Major: ptr[int64](1), Minor: ptr[int64](5), Access: "rwm"},  // taken back
		{Allow: false, Type: "c", Major: ptr[int64](1), Minor: ptr[int64](5), Access: "wm"},  // in part
		{Allow: true, Type: "c", Major: ptr[int64](1), Minor: ptr[int64](7), Access: "rwm"},  // and
		{Allow: false, Type: "c", Major: ptr[int64](1), Minor: ptr[int64](7), Access: "rwm"}, // wholly
		{Allow: false, Type: "c", Major: ptr[int64](1), Minor: ptr[int64](9), Access: "r"},   // was not allowed
		{Allow: true, Type: "c", Access: "m"},                                                // all of a type
	}}},
	{"nothing", "v2", 252, nil},
}

func TestConvertGolden(t *testing.T) {
	for _, c := range convertCases {
		t.Run(c.name, func(t *testing.T) {
			writes, _, err := cgroups.Compile(c.res, testHost(c.layout))
			if err != nil {
				t.Fatal(err)
			}
			props, rest := Convert(writes, Facts{Version: c.version})
			var b strings.Builder
			for _, p := range props {
				fmt.Fprintln(&b, p)
			}
			b.WriteString("--- then\n")
			for _, w := range rest {
				fmt.Fprintln(&b, w)
			}
			golden(t, filepath.Join("testdata", c.name+".props"), b.String())
		})
	}
}

// TestUnitProperties is a unit with all that a container has.
func TestUnitProperties(t *testing.T) {
	u := cgroups.Unit{Name: "p-n.scope", Slice: "a.slice", Description: "the container"}
	extra := []Property{{"CollectMode", "inactive"}, {"DeviceAllow", []DeviceAllow{{"/dev/kvm", "rw"}}}, {"TimeoutStopUSec", uint64(7)}}
	limits := []Property{
		{"DevicePolicy", "strict"},
		{"DeviceAllow", []DeviceAllow{}},
		{"DeviceAllow", []DeviceAllow{{"char-*", "m"}, {"/dev/char/1:3", "rwm"}}},
		{"OOMPolicy", "kill"},
		{"MemoryMax", uint64(infinity)},
	}
	var b strings.Builder
	for _, c := range []struct {
		version int
		unified bool
	}{{235, false}, {252, true}, {257, true}} {
		fmt.Fprintf(&b, "--- systemd %d, unified %v\n", c.version, c.unified)
		for _, p := range UnitProperties(u, c.unified, Facts{Version: c.version}, limits, extra) {
			fmt.Fprintln(&b, p)
		}
	}
	golden(t, filepath.Join("testdata", "unit.props"), b.String())
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s (go test ./cgroups/systemd -update) differs; got:\n%s\nwant:\n%s", path, got, want)
	}
}

func TestBitmap(t *testing.T) {
	for list, want := range map[string]string{
		"0": "01", "0-7": "ff", "0-2,8": "0701", "15": "0080", " 1,3 ": "0a",
	} {
		if got, ok := bitmap(list); !ok || fmt.Sprintf("%x", got) != want {
			t.Errorf("bitmap(%q) = %x, %v; want %s", list, got, ok, want)
		}
	}
	for _, list := range []string{"", "a", "3-1", "-1", "1-", "99999999999999999999", "0-4000000000", "1,,2"} {
		if got, ok := bitmap(list); ok {
			t.Errorf("bitmap(%q) = %x", list, got)
		}
	}
}

func TestAnnotations(t *testing.T) {
	props, err := Annotations(map[string]string{
		"org.systemd.property.TimeoutStopSec": "5",
		"org.systemd.property.RuntimeMaxUSec": "uint64 9",
		"org.systemd.property.JobTimeoutSec":  "1.5",
		"org.systemd.property.StartLimitSec":  "uint64 18446744073709551615",
		"org.systemd.property.CollectMode":    "'inactive'",
		"org.systemd.property.Wants":          "['a.service', 'b.service']",
		"org.systemd.property.SendSIGHUP":     "true",
		"org.opencontainers.image.os":         "linux",
		"org.systemd.propertyless":            "x",
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range props {
		got = append(got, p.String())
	}
	want := []string{
		"CollectMode=inactive", "JobTimeoutUSec=1500000", "RuntimeMaxUSec=@t 9", "SendSIGHUP=true", "StartLimitUSec=infinity",
		"TimeoutStopUSec=5000000", `Wants=["a.service", "b.service"]`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestAnnotationErrors(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"", "true", `"" is no name of a property`},
		{"Memory-Max", "uint64 1", `"Memory-Max" is no name of a property`},
		{"Ünit", "true", `is no name of a property`},
		{"Foo1", "true", `is no name of a property`},
		{"Foo", "bar", `"bar" is no value in GVariant's text format`},
		{"Foo", "", `"" is no value in GVariant's text format`},
		{"TimeoutSec", "'5min'", "a time is a number of seconds, not a value of type s"},
		{"TimeoutSec", "-1", "-1 is no number of seconds"},
		{"TimeoutSec", "1e300", "is no number of seconds"},
	} {
		_, err := Annotations(map[string]string{"org.systemd.property." + c.name: c.value})
		if err == nil || !strings.HasPrefix(err.Error(), "annotations[org.systemd.property."+c.name+"]: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s=%s: %v, want %s", c.name, c.value, err, c.want)
		}
	}
}
