package cgroups

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fakeHost is a host whose hierarchies are ordinary directories: enough for
// everything but the kernel's own files.
func fakeHost(t *testing.T) *Host {
	t.Helper()
	root := t.TempDir()
	var h []Hierarchy
	for _, c := range []string{"freezer", "memory", "pids"} {
		dir := filepath.Join(root, c)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		h = append(h, Hierarchy{Version: 1, MountPoint: dir, Root: "/", Controllers: []string{c}, Own: "/"})
	}
	return NewHost(h...)
}

func place(t *testing.T, h *Host, path string) Record {
	t.Helper()
	r, err := Place(h, path, "id")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// tree lists everything below the mount points of the host, without them.
func tree(t *testing.T, h *Host) []string {
	t.Helper()
	var all []string
	for _, x := range h.Hierarchies() {
		err := filepath.WalkDir(x.MountPoint, func(p string, d fs.DirEntry, err error) error {
			if err == nil && p != x.MountPoint {
				all = append(all, x.Controllers[0]+strings.TrimPrefix(p, x.MountPoint))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestDestroyRemovesWhatWasMade(t *testing.T) {
	ctx := context.Background()
	h := fakeHost(t)
	memory, _ := h.Lookup("memory")
	if err := os.MkdirAll(filepath.Join(memory.MountPoint, "a", "other"), 0o755); err != nil {
		t.Fatal(err)
	}
	c, err := Create(ctx, place(t, h, "/a/b/c"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	made := map[string]int{}
	for _, d := range c.Record().Dirs {
		made[d.Controllers[0]] = d.Made
		// Directories that the container made inside.
		if err := os.MkdirAll(filepath.Join(d.Abs(), "x", "y"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if made["freezer"] != 3 || made["memory"] != 2 {
		t.Errorf("made %v", made)
	}
	// Somebody else uses an ancestor meanwhile.
	freezer, _ := h.Lookup("freezer")
	if err := os.Mkdir(filepath.Join(freezer.MountPoint, "a", "b", "guest"), 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing to do
		if err := c.Destroy(ctx); err != nil {
			t.Fatal(err)
		}
		if got, want := tree(t, h), []string{"freezer/a", "freezer/a/b", "freezer/a/b/guest", "memory/a", "memory/a/other"}; !slices.Equal(got, want) {
			t.Errorf("left: %q, want %q", got, want)
		}
	}
}

// A directory that was there before is used and not removed.
func TestDestroyKeepsWhatWasThere(t *testing.T) {
	ctx := context.Background()
	h := fakeHost(t)
	pids, _ := h.Lookup("pids")
	old := filepath.Join(pids.MountPoint, "a")
	if err := os.Mkdir(old, 0o755); err != nil {
		t.Fatal(err)
	}
	c, err := Create(ctx, place(t, h, "/a"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Destroy(ctx); err != nil {
		t.Fatal(err)
	}
	if got := tree(t, h); !slices.Equal(got, []string{"pids/a"}) {
		t.Errorf("left: %q", got)
	}
}

// A record from before Create cleans up after a crash in the middle of it.
func TestDestroyAfterCrash(t *testing.T) {
	h := fakeHost(t)
	r := place(t, h, "/a/b")
	if err := os.MkdirAll(r.Dirs[0].Abs(), 0o755); err != nil {
		t.Fatal(err)
	}
	c := Open(r)
	defer c.Close()
	if pids, err := c.Processes(); len(pids) != 0 || err != nil {
		t.Errorf("processes: %v, %v", pids, err)
	}
	if frozen, err := c.Frozen(); frozen || err != nil {
		t.Errorf("frozen: %t, %v", frozen, err)
	}
	if err := c.Kill(context.Background()); err != nil {
		t.Error(err)
	}
	if err := c.Thaw(context.Background()); err != nil {
		t.Error(err)
	}
	if err := c.Destroy(context.Background()); err != nil {
		t.Error(err)
	}
	if got := tree(t, h); !slices.Equal(got, []string{"freezer/a"}) {
		t.Errorf("left: %q", got)
	}
}

// Of a record that never came out of Create, what others use stays.
func TestDestroyPending(t *testing.T) {
	h := fakeHost(t)
	r := place(t, h, "/a")
	if !r.Pending() {
		t.Fatal("a record that was placed only is not pending")
	}
	if err := os.MkdirAll(filepath.Join(r.Dirs[0].Abs(), "child"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(r.Dirs[1].Abs(), 0o755); err != nil {
		t.Fatal(err)
	}
	c := Open(r)
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if err := c.Destroy(ctx); !errors.Is(err, ErrInUse) {
		t.Errorf("error: %v", err)
	}
	if got := tree(t, h); !slices.Equal(got, []string{"freezer/a", "freezer/a/child"}) {
		t.Errorf("left: %q", got)
	}
	made, err := Create(context.Background(), place(t, h, "/b"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer made.Close()
	if made.Record().Pending() {
		t.Error("pending after Create")
	}
}

// What cannot be removed is given up at the deadline, with the path.
func TestDestroyTimeout(t *testing.T) {
	h := fakeHost(t)
	c, err := Create(context.Background(), place(t, h, "/a"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	d, _ := c.Record().Dir("memory")
	// An ordinary file makes the directory as impossible to remove as a process
	// does in a real one.
	if err := os.WriteFile(filepath.Join(d.Abs(), procs), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	err = c.Destroy(ctx)
	if err == nil || err.Error() != "remove cgroup "+d.Abs()+": directory not empty" {
		t.Errorf("error: %v", err)
	}
	if got := tree(t, h); !slices.Equal(got, []string{"memory/a", "memory/a/" + procs}) {
		t.Errorf("left: %q", got)
	}
}

// Each way in which a write can fail, and that a failure leaves nothing.
func TestCreateFailure(t *testing.T) {
	for _, c := range []struct {
		write Write
		want  string
		is    error
	}{
		{
			Write{Field: "linux.resources.memory.limit", Controller: "memory", File: "memory.max", Value: "1"},
			"linux.resources.memory.limit: write 1 to memory.max of /a/b: no such file or directory (the kernel does not offer this file)",
			unix.ENOENT,
		},
		{
			Write{
				Field: "linux.resources.memory.limit", Controller: "memory", File: "x", Value: "1",
				Else: &Write{Controller: "memory", File: "y", Value: "2"},
			},
			"linux.resources.memory.limit: write 2 to y of /a/b: no such file or directory (the kernel does not offer this file)",
			unix.ENOENT,
		},
		{
			Write{Field: "linux.resources.rdma", Controller: "rdma", File: "rdma.max", Value: "1"},
			"linux.resources.rdma: the cgroup is in no hierarchy with the rdma controller", nil,
		},
	} {
		h := fakeHost(t)
		_, err := Create(context.Background(), place(t, h, "/a/b"), []Write{c.write})
		if err == nil || err.Error() != c.want || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("error: %v, want %s", err, c.want)
		}
		var f *FieldError
		if !errors.As(err, &f) || f.Field != c.write.Field {
			t.Errorf("error %v names the field %+v", err, f)
		}
		if got := tree(t, h); len(got) != 0 {
			t.Errorf("left: %q", got)
		}
	}
}

func TestCreateCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	h := fakeHost(t)
	if _, err := Create(ctx, place(t, h, "/a"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error: %v", err)
	}
	if got := tree(t, h); len(got) != 0 {
		t.Errorf("left: %q", got)
	}
}

// Writes go to the files in order, missing ones as the Write says.
func TestApply(t *testing.T) {
	h := fakeHost(t)
	r := place(t, h, "/a")
	d, _ := r.Dir("memory")
	if err := os.Mkdir(d.Abs(), 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(d.Abs(), "memory.x")
	usage := filepath.Join(d.Abs(), "memory.usage")
	pair := filepath.Join(d.Abs(), "memory.pair")
	for name, text := range map[string]string{file: "", usage: "100\n", pair: "50 1000"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := Open(r)
	defer c.Close()
	err := c.Apply(context.Background(), []Write{
		{Controller: "memory", File: "memory.none", Value: "0", OnMissing: Skip},
		{Controller: "memory", File: "memory.none", Value: "0", Else: &Write{Controller: "memory", File: "memory.x", Value: "one"}},
		{Controller: "memory", File: "memory.x", Value: "two"},
		{Controller: "memory", File: "memory.x", Value: "100", Usage: "memory.usage"},
		{Controller: "memory", File: "memory.pair", Value: "max 2000", Keep: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "onetwo100" {
		t.Errorf("written: %q, %v", got, err)
	}
	if got, err := os.ReadFile(pair); err != nil || string(got) != "50 2000" {
		t.Errorf("with the first word kept: %q, %v", got, err)
	}
	err = c.Apply(context.Background(), []Write{{Field: "f", Controller: "memory", File: "memory.x", Value: "99", Usage: "memory.usage"}})
	const want = "f: write 99 to memory.x of /a: device or resource busy (usage is 100 bytes, and checkBeforeUpdate is set)"
	if err == nil || err.Error() != want {
		t.Errorf("error: %v, want %s", err, want)
	}
}

// A version 1 cpuset and its ancestors get their values from above, a value
// that is there already is kept.
func TestInheritCpuset(t *testing.T) {
	root := t.TempDir()
	d := Dir{Version: 1, MountPoint: root, Path: "/a/b/c", NoPrefix: true, Controllers: []string{"cpuset"}}
	put := func(dir, cpus string) {
		dir = filepath.Join(root, dir)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"cpus": cpus, "mems": "0\n"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	put("", "0-3\n")
	put("a", "0-1\n")
	put("a/b", "\n")
	put("a/b/c", "")
	if err := Open(Record{}).inheritCpuset(d); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{"": "0-3", "a": "0-1", "a/b": "0-1", "a/b/c": "0-1"} {
		got, err := os.ReadFile(filepath.Join(root, dir, "cpus"))
		if err != nil || strings.TrimSpace(string(got)) != want {
			t.Errorf("%q: %q, %v, want %q", dir, got, err, want)
		}
	}
}
