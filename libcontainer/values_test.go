package libcontainer

import (
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/cgroups/resctrl"
	"github.com/minirun/minirun/specs"
)

func TestTimeOffsets(t *testing.T) {
	got := timeOffsets(map[string]specs.LinuxTimeOffset{"monotonic": {Secs: -3, Nanosecs: 7}, "boottime": {Secs: 1 << 40}})
	if want := "monotonic -3 7\nboottime 1099511627776 0\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := timeOffsets(nil); got != "" {
		t.Errorf("without offsets: %q", got)
	}
}

func TestEnvironment(t *testing.T) {
	got := environment([]string{"A=1", "B=2", "A=3", "C", "B=", "PATH=/x", "A==4"})
	if want := []string{"C", "B=", "PATH=/x", "A==4"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestCandidates(t *testing.T) {
	for _, c := range []struct {
		name string
		env  []string
		want []string
	}{
		{"sh", []string{"PATH=/a:/b/"}, []string{"/a/sh", "/b/sh"}},
		{"sh", []string{"PATH=/a:.::rel:/b"}, []string{"/a/sh", "/b/sh"}}, // what depends on the directory is left out
		{"sh", []string{"PATH=/a", "PATH=/b"}, []string{"/b/sh"}},
		{"sh", []string{"PATH="}, nil},
		{"sh", []string{"XPATH=/a"}, []string{"/usr/local/sbin/sh", "/usr/local/bin/sh", "/usr/sbin/sh", "/usr/bin/sh", "/sbin/sh", "/bin/sh"}},
		{"./sh", []string{"PATH=/a"}, []string{"./sh"}},
		{"/bin/sh", nil, []string{"/bin/sh"}},
		{"dir/sh", []string{"PATH=/a"}, []string{"dir/sh"}},
		{"", []string{"PATH=/a"}, nil},
	} {
		if got := candidates(&specs.Process{Args: []string{c.name}, Env: c.env}); !slices.Equal(got, c.want) {
			t.Errorf("%q with %q: %q, want %q", c.name, c.env, got, c.want)
		}
	}
}

func TestCapSet(t *testing.T) {
	var warnings []string
	c := &compiler{warn: func(s string) { warnings = append(warnings, s) }}
	list := []string{"CAP_CHOWN", "CAP_NO_SUCH", "CAP_SYS_ADMIN", "CAP_KILL"}
	got := c.capSet("permitted", list, 1<<unix.CAP_CHOWN|1<<unix.CAP_KILL)
	if want := uint64(1<<unix.CAP_CHOWN | 1<<unix.CAP_KILL); got != want {
		t.Errorf("%#x, want %#x", got, want)
	}
	if want := []string{"process.capabilities.permitted: CAP_SYS_ADMIN cannot be granted: the runtime lacks it"}; !slices.Equal(warnings, want) {
		t.Errorf("warnings %q, want %q (validation tells of the unknown one)", warnings, want)
	}
}

func TestUnknownCapabilityIsAWarning(t *testing.T) {
	s := testSpec(func(s *specs.Spec) { s.Process.Capabilities.Bounding = []string{"CAP_NO_SUCH"} })
	report := specs.Validate(s)
	if err := report.Err(); err != nil {
		t.Error(err)
	}
	if len(report.Warnings) != 1 {
		t.Errorf("warnings %v, want one", report.Warnings)
	}
}

// TestAmbient: an ambient capability must be permitted and inheritable, capabilities(7).
func TestAmbient(t *testing.T) {
	s := testSpec(func(s *specs.Spec) {
		s.Process.Capabilities = &specs.LinuxCapabilities{
			Permitted: []string{"CAP_KILL", "CAP_CHOWN"}, Inheritable: []string{"CAP_KILL", "CAP_FOWNER"},
			Ambient: []string{"CAP_KILL", "CAP_CHOWN", "CAP_FOWNER"}, Effective: []string{"CAP_KILL", "CAP_FOWNER"},
		}
	})
	c, err := compileCreate(s, testFacts(t, "v2"), planOptions{id: "web", bundle: "/bundle"}, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	const kill = uint64(1) << unix.CAP_KILL
	if c.caps.ambient != kill || c.caps.effective != kill || c.caps.bounding != 0 {
		t.Errorf("%+v", c.caps)
	}
}

// TestSchedAttr holds the bytes of struct sched_attr, as a little-endian machine has it.
func TestSchedAttr(t *testing.T) {
	got := schedAttr(&specs.Scheduler{
		Policy: specs.SchedDeadline, Nice: -2, Priority: 3, Flags: []specs.LinuxSchedulerFlag{specs.SchedFlagResetOnFork, specs.SchedFlagDLOverrun},
		Runtime: 0x11, Deadline: 0x22, Period: 0x33,
	})
	want := "30000000" + "06000000" + "0500000000000000" + "feffffff" + "03000000" + "1100000000000000" + "2200000000000000" + "3300000000000000"
	if hex.EncodeToString(got) != want {
		t.Errorf("%x, want %s", got, want)
	}
}

// TestSchedAttrUtilClamp: the kernel refuses the flags of a structure that has no room for what they speak of.
func TestSchedAttrUtilClamp(t *testing.T) {
	for _, f := range []specs.LinuxSchedulerFlag{specs.SchedFlagUtilClampMin, specs.SchedFlagUtilClampMax} {
		got := schedAttr(&specs.Scheduler{Policy: specs.SchedOther, Flags: []specs.LinuxSchedulerFlag{f}})
		if len(got) != 56 || got[0] != 56 {
			t.Errorf("%s: %x", f, got)
		}
	}
}

func TestIOPriority(t *testing.T) {
	for class, want := range map[specs.IOPriorityClass]uint32{
		specs.IOPrioClassRT: 1<<13 | 7, specs.IOPrioClassBE: 2<<13 | 7, specs.IOPrioClassIdle: 3<<13 | 7,
	} {
		if got := ioPriority(&specs.LinuxIOPriority{Class: class, Priority: 7}); got != want {
			t.Errorf("%s: %#x, want %#x", class, got, want)
		}
	}
}

func TestRdtWithoutResctrl(t *testing.T) {
	s := testSpec(func(s *specs.Spec) { s.Linux.IntelRdt = &specs.LinuxIntelRdt{} })
	facts := testFacts(t, "v2")
	facts.resctrl = func() (*resctrl.FS, error) { return nil, resctrl.ErrNotMounted }
	_, err := compileCreate(s, facts, planOptions{id: "web", bundle: "/bundle"}, func(string) {})
	const want = "linux.intelRdt: no resctrl file system is mounted"
	if !errors.Is(err, resctrl.ErrNotMounted) || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestCheckRdtUpdate(t *testing.T) {
	with, without := &record{Rdt: &resctrl.Group{}}, &record{}
	for _, c := range []struct {
		rec    *record
		change *specs.LinuxIntelRdt
		want   string
	}{
		{without, nil, ""},
		{with, &specs.LinuxIntelRdt{L3CacheSchema: "L3:0=f", MemBwSchema: "MB:0=10", Schemata: []string{"L2:0=1"}}, ""},
		{without, &specs.LinuxIntelRdt{L3CacheSchema: "L3:0=f"}, "linux.intelRdt: the container was made without it, so there is nothing to change"},
		{with, &specs.LinuxIntelRdt{ClosID: "other"}, "linux.intelRdt: only the schemata can be changed"},
		{with, &specs.LinuxIntelRdt{EnableMonitoring: true}, "linux.intelRdt: only the schemata can be changed"},
		{with, &specs.LinuxIntelRdt{MemBwSchema: "x"}, `linux.intelRdt.memBwSchema: "x" is not one line that starts with "MB:"`},
	} {
		got := ""
		if err := checkRdtUpdate(c.rec, c.change); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%+v: %q, want %q", c.change, got, c.want)
		}
	}
}
