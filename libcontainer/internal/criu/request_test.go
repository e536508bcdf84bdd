package criu

import (
	"bytes"
	"testing"
)

// TestEncode: each option is in criu_opts under the number that criu's rpc.proto gives it, and alone there.
func TestEncode(t *testing.T) {
	const on = "\x01"
	for name, c := range map[string]struct {
		options Options
		want    string // the field: key, then value
	}{
		"pid":                 {Options{Pid: 300}, "\x10\xac\x02"},
		"leave running":       {Options{LeaveRunning: true}, "\x18" + on},
		"ext unix sk":         {Options{ExtUnixSockets: true}, "\x20" + on},
		"tcp established":     {Options{TCPEstablished: true}, "\x28" + on},
		"evasive devices":     {Options{EvasiveDevices: true}, "\x30" + on},
		"shell job":           {Options{ShellJob: true}, "\x38" + on},
		"file locks":          {Options{FileLocks: true}, "\x40" + on},
		"log file":            {Options{LogFile: "l"}, "\x52\x01l"},
		"page server":         {Options{PageServerAddress: "a", PageServerPort: 1}, "\x5a\x05\x0a\x01a\x10\x01"},
		"notify scripts":      {Options{NotifyScripts: true}, "\x60" + on},
		"root":                {Options{Root: "/r"}, "\x6a\x02/r"},
		"parent":              {Options{ParentImages: "p"}, "\x72\x01p"},
		"track memory":        {Options{TrackMemory: true}, "\x78" + on},
		"auto dedup":          {Options{AutoDedup: true}, "\x80\x01" + on},
		"link remap":          {Options{LinkRemap: true}, "\x90\x01" + on},
		"external mount":      {Options{ExternalMounts: []ExternalMount{{"k", "v"}}}, "\xba\x01\x06\x0a\x01k\x12\x01v"},
		"manage cgroups":      {Options{ManageCgroups: true}, "\xc0\x01" + on},
		"cgroup root":         {Options{CgroupRoots: []CgroupRoot{{"", "/c"}}}, "\xca\x01\x04\x12\x02/c"},
		"restore sibling":     {Options{RestoreSibling: true}, "\xd0\x01" + on},
		"inherit":             {Options{Inherit: []InheritFD{{"k", 5}}}, "\xda\x01\x05\x0a\x01k\x10\x05"},
		"ignore cgroups":      {Options{CgroupMode: CgroupIgnore}, "\x90\x02\x00"},
		"cgroups full":        {Options{CgroupMode: CgroupFull}, "\x90\x02\x04"},
		"external":            {Options{External: []string{"e"}}, "\xaa\x02\x01e"},
		"empty namespace":     {Options{EmptyNamespaces: 0x40000000}, "\xb0\x02\x80\x80\x80\x80\x04"},
		"join":                {Options{Join: []JoinNamespace{{"ipc", "/p"}}}, "\xba\x02\x09\x0a\x03ipc\x12\x02/p"},
		"freeze cgroup":       {Options{FreezeCgroup: "/f"}, "\xe2\x02\x02/f"},
		"tcp skip in flight":  {Options{TCPSkipInFlight: true}, "\xf0\x02" + on},
		"lazy pages":          {Options{LazyPages: true}, "\x80\x03" + on},
		"status fd":           {Options{StatusFD: 7}, "\x88\x03\x07"},
		"orphan pts master":   {Options{OrphanPtsMaster: true}, "\x90\x03" + on},
		"config file":         {Options{ConfigFile: "/c"}, "\x9a\x03\x02/c"},
		"tcp close":           {Options{TCPClose: true}, "\xa0\x03" + on},
		"lsm profile":         {Options{LSMProfile: "apparmor:x"}, "\xaa\x03\x0aapparmor:x"},
		"lsm mount context":   {Options{LSMMountContext: "c"}, "\xfa\x03\x01c"},
		"network lock method": {Options{NetworkLock: LockSkip}, "\x80\x04\x03"},
	} {
		t.Run(name, func(t *testing.T) {
			added := without(t, inner(t, encode(Dump, &c.options)), inner(t, encode(Dump, &Options{})))
			if string(added) != c.want {
				t.Errorf("got %q, want %q", added, c.want)
			}
		})
	}
	if got, want := encode(Restore, &Options{})[:2], []byte("\x08\x02"); !bytes.Equal(got, want) {
		t.Errorf("type of the request: got %q, want %q", got, want)
	}
}

// inner returns criu_opts of a request for a dump.
func inner(t *testing.T, request []byte) []byte {
	t.Helper()
	rest, ok := bytes.CutPrefix(request, []byte("\x08\x01\x12"))
	if !ok || len(rest) == 0 || int(rest[0]) != len(rest)-1 {
		t.Fatalf("request: %q", request)
	}
	return rest[1:]
}

// without removes what both have at their beginnings and ends.
func without(t *testing.T, long, short []byte) []byte {
	t.Helper()
	start := 0
	for start < len(short) && start < len(long) && long[start] == short[start] {
		start++
	}
	tail, ok := bytes.CutSuffix(long, short[start:])
	if !ok {
		t.Fatalf("%q is not %q with something more", long, short)
	}
	return tail[start:]
}
