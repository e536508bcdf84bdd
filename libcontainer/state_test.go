package libcontainer

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/cgroups"
)

func newStateDir(t *testing.T) *stateDir {
	t.Helper()
	d, err := makeStateDir(filepath.Join(t.TempDir(), "deep", "root"), "web")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.unlock)
	return d
}

func TestRecordRoundTrip(t *testing.T) {
	d := newStateDir(t)
	want := &record{
		Version: stateVersion, ID: "web", OCIVersion: "1.0.2", Bundle: "/b", Rootfs: "/b/r", Created: time.Now().UTC(), OwnerUID: 1000, Pid: 12,
		StartTime: 1 << 60, Namespaces: unix.CLONE_NEWPID, Cgroup: &cgroups.Record{}, Annotations: map[string]string{"a": "b"},
		NoPivot: true, NoNewKeyring: true, Preserve: 3,
	}
	if err := d.writeRecord(want); err != nil {
		t.Fatal(err)
	}
	got, err := d.readRecord()
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, wrote %+v", got, want)
	}
	st, err := os.Stat(d.path(stateFile))
	if err != nil || st.Mode() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
}

func TestRecordRefused(t *testing.T) {
	d := newStateDir(t)
	if _, err := d.readRecord(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	for text, want := range map[string]string{
		`{"version": 2, "id": "web"}`:  "version 2, this program knows up to 1",
		`{"version": 1, "id": "we`:     "unexpected end of JSON input",
		``:                             "unexpected end of JSON input",
		`{"version": 1, "pid": "one"}`: "cannot unmarshal",
	} {
		if err := d.writeFile(stateFile, []byte(text)); err != nil {
			t.Fatal(err)
		}
		_, err := d.readRecord()
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), d.path(stateFile)) {
			t.Errorf("%s: error %v, want the file's name and %q", text, err, want)
		}
	}
}

func TestAlive(t *testing.T) {
	ticks, alive, err := startTime(os.Getpid())
	if err != nil || !alive {
		t.Fatalf("this process: %v, %v", alive, err)
	}
	for _, c := range []struct {
		rec  record
		want bool
	}{
		{record{Pid: os.Getpid(), StartTime: ticks}, true},
		{record{Pid: os.Getpid(), StartTime: ticks + 1}, false}, // the number was used again
		{record{Pid: 1 << 30, StartTime: ticks}, false},
		{record{}, false},
	} {
		if got, err := c.rec.alive(); got != c.want || err != nil {
			t.Errorf("%+v: %v, %v", c.rec, got, err)
		}
	}
	gone := record{Pid: os.Getpid(), StartTime: ticks + 1}
	if err := gone.signal(unix.SIGKILL); !errors.Is(err, ErrNotRunning) { // and this test survives
		t.Errorf("signal to a process that got the number later: %v", err)
	}
}

func TestParseStat(t *testing.T) {
	rest := " 7 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 0 0"
	for text, want := range map[string]procStat{
		"12 (sh) S" + rest:                                     {'S', 7, 4711},
		"12 (a b) c) Z" + rest:                                 {'Z', 7, 4711},
		"12 (x) S 1 1 1 (\n) R" + rest:                         {'R', 7, 4711},
		"12 (" + strings.Repeat(")", 15) + ") X" + rest + "\n": {'X', 7, 4711},
		"12 () D" + rest:                                       {'D', 7, 4711},
	} {
		if got, err := parseStat(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "12", "12 (sh", "12 (sh)", "12 (sh) S 1 2", "12 (sh) SS" + rest, "12 (sh) S" + strings.Replace(rest, "4711", "x", 1)} {
		if got, err := parseStat(text); err == nil {
			t.Errorf("%q: %+v and no error", text, got)
		}
	}
}

func TestStateDirExists(t *testing.T) {
	d := newStateDir(t)
	if _, err := makeStateDir(filepath.Dir(d.dir), "web"); !errors.Is(err, ErrExist) {
		t.Errorf("second: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := makeStateDir(file, "web"); !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("below a file: %v", err)
	}
}

func TestStateDirLock(t *testing.T) {
	d := newStateDir(t)
	other := &stateDir{dir: d.dir}
	if !other.busy() {
		t.Error("a locked directory is not busy")
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	if err := other.lock(ctx); !errors.Is(err, enough) {
		t.Errorf("second holder: %v", err)
	}
	if other.fd != nil {
		t.Error("the descriptor stays open after a failure")
	}
	got := make(chan error)
	go func() { got <- other.lock(t.Context()) }()
	d.unlock()
	if err := <-got; err != nil {
		t.Errorf("after the first holder has gone: %v", err)
	}
	if !d.busy() {
		t.Error("not busy with the second holder")
	}
	other.unlock()
	if d.busy() {
		t.Error("busy without a holder")
	}
}

// A directory that is removed, or replaced by another of the same name, while somebody waits for its lock is not the one that was
// asked for.
func TestStateDirRemovedMeanwhile(t *testing.T) {
	for _, again := range []bool{false, true} {
		d := newStateDir(t)
		waiting := &stateDir{dir: d.dir}
		if err := waiting.open(); err != nil {
			t.Fatal(err)
		}
		if err := d.remove(); err != nil {
			t.Fatal(err)
		}
		if again {
			next, err := makeStateDir(filepath.Dir(d.dir), "web")
			if err != nil {
				t.Fatal(err)
			}
			next.unlock()
		}
		if current, err := waiting.current(); current || err != nil {
			t.Errorf("made again %v: current %v, %v", again, current, err)
		}
		waiting.unlock()
	}
	none := &stateDir{dir: filepath.Join(t.TempDir(), "none")}
	if err := none.lock(t.Context()); !errors.Is(err, ErrNotExist) {
		t.Errorf("lock of nothing: %v", err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	if err := (&stateDir{dir: link}).lock(t.Context()); !errors.Is(err, ErrNotExist) {
		t.Errorf("lock of a symbolic link: %v", err)
	}
}

func TestReplaceFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, text := range []string{"one", "two"} {
		if err := replaceFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != text {
			t.Errorf("%q, %v; want %q", got, err, text)
		}
	}
	// A directory in the way cannot be replaced: the temporary file goes, the directory stays.
	inTheWay := filepath.Join(dir, "dir")
	if err := os.Mkdir(inTheWay, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := replaceFile(inTheWay, []byte("x"), 0o644); err == nil {
		t.Error("a directory was replaced")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("left: %v, %v", entries, err)
	}
	if err := replaceFile(filepath.Join(dir, "none", "file"), nil, 0o644); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a missing directory: %v", err)
	}
}

func TestValidateID(t *testing.T) {
	for _, id := range []string{"a", "A-Z_0.9+", "-", "...", "_", strings.Repeat("x", 1024)} {
		if err := ValidateID(id); err != nil {
			t.Errorf("%.20q: %v", id, err)
		}
	}
	for _, id := range []string{"", ".", "..", "a/b", "/", "a b", "a\n", "a\x00", "@seccomp", "ä", "a:b", "a~", "\xff", strings.Repeat("x", 1025)} {
		if err := ValidateID(id); !errors.Is(err, ErrInvalidID) {
			t.Errorf("%.20q: %v", id, err)
		}
	}
}

func TestNewRefusesRoots(t *testing.T) {
	for _, root := range []string{"", "/", "//", "/..", "relative", "./x"} {
		if _, err := New(Options{Root: root}); err == nil {
			t.Errorf("%q: no error", root)
		}
	}
}
