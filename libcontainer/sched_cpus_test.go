package libcontainer

import (
	"encoding/hex"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/specs"
)

func TestNumberMask(t *testing.T) {
	zeros := strings.Repeat("00", 128)
	for list, want := range map[string]string{
		"0":          "0100000000000000",
		"0-3,7":      "8f00000000000000",
		" 1 , 3 - 4": "1a00000000000000",
		"63,64":      "0000000000000080" + "0100000000000000",
		"1024-1026":  zeros + "0700000000000000", // beyond the fixed masks of C libraries
	} {
		if got := hex.EncodeToString(numberMask(list)); got != want {
			t.Errorf("%q: %s, want %s", list, got, want)
		}
	}
}

func TestMemoryPolicy(t *testing.T) {
	op := memoryPolicy(&specs.LinuxMemoryPolicy{
		Mode: specs.MpolPreferredMany, Nodes: "1", Flags: []specs.MemoryPolicyFlagType{specs.MpolFRelativeNodes, specs.MpolFNumaBalancing},
	})
	if op.Mode != 5|1<<14|1<<13 || hex.EncodeToString(op.Nodes) != "0200000000000000" {
		t.Errorf("%+v", op)
	}
	seen := map[uint64]bool{}
	for _, mode := range specs.MemoryPolicyModes() {
		if n := memoryMode(mode); seen[n] {
			t.Errorf("%s has the number %d of another mode", mode, n)
		} else {
			seen[n] = true
		}
	}
	for _, flag := range specs.MemoryPolicyFlags() {
		if memoryFlag(flag) == 0 {
			t.Errorf("%s has no number", flag)
		}
	}
}

// TestHookTimeout: seconds beyond what a time.Duration holds are a long time, not a time that is over.
func TestHookTimeout(t *testing.T) {
	if got := hookTimeout(3); got != 3*time.Second {
		t.Errorf("3 seconds are %v", got)
	}
	for _, seconds := range []int{1 << 33, 1 << 34, math.MaxInt} {
		if got := hookTimeout(seconds); got != maxHookTimeout {
			t.Errorf("%d seconds are %v", seconds, got)
		}
	}
	h := shellHook("exit 0")
	seconds := math.MaxInt / 2
	h.Timeout = &seconds
	if err := runHook(t.Context(), "prestart", h, hookRecord(t), 1); err != nil {
		t.Error(err)
	}
	if op := initHook(h, 0, 0); op.TimeoutMs != uint64(maxHookTimeout/time.Millisecond) {
		t.Errorf("%d ms in the init", op.TimeoutMs)
	}
}

func TestKeyringName(t *testing.T) {
	a := keyringName(planOptions{id: "web", root: "/run/a"})
	if b := keyringName(planOptions{id: "web", root: "/run/b"}); a == b || !strings.HasPrefix(a, "_ses.web.") {
		t.Errorf("%s and %s", a, b)
	}
	if again := keyringName(planOptions{id: "web", root: "/run/a", run: true}); again != a {
		t.Errorf("%s and %s of one container", a, again)
	}
}

// TestStartOnKeepsTheThread: the caller's own processors are as before, whatever comes of the start.
func TestStartOnKeepsTheThread(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := make([]byte, 1024)
	if _, err := affinityCall(unix.SYS_SCHED_GETAFFINITY, before); err != nil {
		t.Fatal(err)
	}
	_, err := startOn("8191", nil)
	if err == nil || err.Error() != "process.execCPUAffinity.initial: sched_setaffinity: invalid argument" {
		t.Errorf("error %v", err)
	}
	after := make([]byte, 1024)
	if _, err := affinityCall(unix.SYS_SCHED_GETAFFINITY, after); err != nil {
		t.Fatal(err)
	}
	if string(before) != string(after) {
		t.Errorf("processors %x, before %x", after, before)
	}
}
