//go:build integration

package integration

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// An eventLine is one line that `events` prints.
type eventLine struct {
	Type string         `json:"type"`
	ID   string         `json:"id"`
	Data map[string]any `json:"data"`
}

func (b *box) eventLines(text string) []eventLine {
	b.Helper()
	var all []eventLine
	for line := range strings.Lines(text) {
		var e eventLine
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			b.Fatalf("%v in %q", err, line)
		}
		all = append(all, e)
	}
	return all
}

// get follows the keys into the data; nil where there is nothing.
func (e eventLine) get(keys ...string) any {
	var v any = e.Data
	for _, k := range keys {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return v
}

// number is get for a number, 0 where there is none.
func (e eventLine) number(keys ...string) float64 {
	n, _ := e.get(keys...).(float64)
	return n
}

// stats asks for the statistics once.
func (c *container) stats() eventLine {
	c.Helper()
	lines := c.eventLines(c.do("events", "--stats", c.id).ok().stdout)
	if len(lines) != 1 || lines[0].Type != "stats" || lines[0].ID != c.id {
		c.Fatalf("events --stats printed %+v", lines)
	}
	return lines[0]
}

// A listener is a call of `events` that goes on.
type listener struct {
	c   *container
	cmd *exec.Cmd
	out *os.File
}

// listen starts `events`, which begins to print after it has begun to listen.
func (c *container) listen(interval string) *listener {
	c.Helper()
	out, err := c.tempFile()
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { out.Close() })
	l := &listener{c, c.command("events", "--interval", interval, c.id), out}
	l.cmd.Stdout, l.cmd.Stderr = out, out
	c.box.start(l.cmd)
	return l
}

// has tells whether a line of the type has been printed.
func (l *listener) has(kind string) bool {
	return strings.Contains(readBack(l.out), `{"type":"`+kind+`","id":"`+l.c.id+`"`)
}

// end waits for the end of the call and returns what was printed.
func (l *listener) end() []eventLine {
	l.c.Helper()
	equal(l.c.box, "exit code of events", l.c.waitCommand(l.cmd), 0)
	return l.c.eventLines(readBack(l.out))
}

func TestEventsStats(t *testing.T) {
	b := newBox(t)
	c := b.sleeper(memory(specs.LinuxMemory{Limit: ptr(int64(64 << 20))}), pids(11))
	s := c.stats()
	equal(b, "pids.current", s.number("pids", "current"), 1)
	equal(b, "pids.limit", s.number("pids", "limit"), 11)
	equal(b, "memory.usage.limit", s.number("memory", "usage", "limit"), 64<<20)
	for _, keys := range [][]string{{"memory", "usage", "usage"}, {"cpu", "usage", "total"}} {
		if s.number(keys...) <= 0 {
			b.Errorf("%v is %v", keys, s.get(keys...))
		}
	}
	before := s.number("cpu", "usage", "total")
	c.exec("sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done").ok()
	if after := c.stats().number("cpu", "usage", "total"); after <= before {
		b.Errorf("cpu time was %v and is %v", before, after)
	}
}

// Statistics come at the interval, until the container has ended.
func TestEventsInterval(t *testing.T) {
	b := newBox(t)
	c := b.sleeper()
	l := c.listen("50ms")
	b.until("three statistics", func() bool { return strings.Count(readBack(l.out), "\n") >= 3 })
	c.kill("KILL").ok()
	for _, e := range l.end() {
		if e.Type != "stats" || e.number("pids", "current") != 1 {
			b.Errorf("unexpected line %+v", e)
		}
	}
}

// A created container has events too; deleting ends them.
func TestEventsCreated(t *testing.T) {
	b := newBox(t)
	c := b.container(sleeping())
	c.create().ok()
	l := c.listen("50ms")
	b.until("statistics", func() bool { return l.has("stats") })
	c.deleteForce()
	l.end()
}

// A process that is killed for want of memory is reported, and counted.
func TestEventsOOM(t *testing.T) {
	b := newBox(t)
	limit := ptr(int64(16 << 20))
	c := b.sleeper(memory(specs.LinuxMemory{Limit: limit, Swap: limit}))
	l := c.listen("50ms")
	b.until("statistics", func() bool { return l.has("stats") })
	if l.has("oom") {
		b.Error("an event before there is one")
	}
	c.exec("dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1").exits(137)
	b.until("the event", func() bool { return l.has("oom") })
	equal(b, "status", c.state().Status, "running")
	if s := c.stats(); pureV2() && s.number("memory", "event_count", "oom_kill") < 1 {
		b.Errorf("event_count: %v", s.get("memory", "event_count"))
	}
	c.kill("KILL").ok()
	l.end()
}

// The end of the container by want of memory is told before the end.
func TestEventsOOMOfFirstProcess(t *testing.T) {
	b := newBox(t)
	limit := ptr(int64(16 << 20))
	c := b.container(memory(specs.LinuxMemory{Limit: limit, Swap: limit}), args("dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"))
	c.create().ok()
	l := c.listen("50ms")
	b.until("statistics", func() bool { return l.has("stats") })
	c.start().ok()
	lines := l.end()
	found := false
	for _, e := range lines {
		found = found || e.Type == "oom"
	}
	if !found {
		b.Errorf("no oom among %+v", lines)
	}
}

func TestEventsErrors(t *testing.T) {
	b := newBox(t)
	c := b.container()
	c.runDetached().ok()
	c.waitStatus("stopped")
	for _, args := range [][]string{{"events", c.id}, {"events", "--stats", c.id}} {
		b.do(args...).fails(1, "container with id "+c.id+" is not running").prints("")
	}
	b.do("events", "--stats", "nobody").fails(1, "container does not exist")
	b.do("events", "--interval", "0s", c.id).fails(1, "duration interval must be greater than 0")
	b.do("events", "--interval", "soon", c.id).fails(1, "interval")
	b.do("events").fails(1, "exactly 1 argument")
}

// Every key that runc prints is printed, with the same kind of value.
func TestEventsLikeRunc(t *testing.T) {
	runc, err := exec.LookPath("runc")
	if err != nil {
		t.Skip("runc is not installed")
	}
	b := newBox(t)
	c := b.sleeper()
	other := b.container(sleeping())
	call := func(args ...string) *exec.Cmd {
		cmd := exec.Command(runc, append([]string{"--root", b.path("runc")}, args...)...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), b.marker()}
		return cmd
	}
	b.finish(call("run", "--detach", "--bundle", other.bundle, other.id)).ok()
	t.Cleanup(func() { b.finish(call("delete", "--force", other.id)).ok() })
	lines := b.eventLines(b.finish(call("events", "--stats", other.id)).ok().stdout)
	if len(lines) != 1 {
		b.Fatalf("runc printed %+v", lines)
	}
	b.sameShape("data", lines[0].Data, c.stats().Data)
}

// sameShape compares what is not left out for being zero or for having seen no
// device.
func (b *box) sameShape(path string, theirs, ours any) {
	b.Helper()
	switch theirs := theirs.(type) {
	case map[string]any:
		m, ok := ours.(map[string]any)
		if !ok {
			b.Errorf("%s: an object there, %v here", path, ours)
			return
		}
		for key, value := range theirs {
			if at := filepath.Join(path, key); at == "data/memory/raw" || at == "data/memory/cache" || at == "data/blkio" {
				continue
			} else if mine, ok := m[key]; ok {
				b.sameShape(at, value, mine)
			} else {
				b.Errorf("%s: %v there, missing here", at, value)
			}
		}
	case []any:
		mine, ok := ours.([]any)
		equal(b, path+" is a list", ok, true)
		equal(b, path+": length", len(mine), len(theirs))
	case float64:
		_, ok := ours.(float64)
		equal(b, path+" is a number", ok, true)
	default:
		equal(b, path, ours, theirs)
	}
}
