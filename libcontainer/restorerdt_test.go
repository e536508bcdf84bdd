package libcontainer

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/minirun/minirun/cgroups/resctrl"
	"github.com/minirun/minirun/libcontainer/internal/criu"
	"github.com/minirun/minirun/nsenter"
	"github.com/minirun/minirun/specs"
)

// What is restored has the group of its configuration, as what is created.
func TestRestoreEntersRdt(t *testing.T) {
	dir, program := t.TempDir(), filepath.Join(t.TempDir(), "criu")
	if err := os.WriteFile(program, []byte("#!/bin/sh\nexec cat <&3 >/dev/null\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	fs := &resctrl.FS{Dir: dir, Mkdir: func(path string) error {
		return errors.Join(os.Mkdir(path, 0o700), os.WriteFile(filepath.Join(path, "tasks"), nil, 0o600),
			os.WriteFile(filepath.Join(path, "schemata"), nil, 0o600))
	}, Rmdir: os.RemoveAll}
	cfg := &specs.LinuxIntelRdt{Schemata: []string{"L3:0=1"}}
	g := fs.Place(cfg, "web")
	m := &restorer{criu: criu.Prepare(program), runner: runner{
		rt: &Runtime{rdt: fs}, rec: &record{}, dir: newStateDir(t), c: &compiler{rdt: &g, spec: &specs.Spec{Linux: &specs.Linux{IntelRdt: cfg}}},
	}}
	if err := m.criu.Start(); err != nil {
		t.Fatal(err)
	}
	defer m.criu.Close()
	if err := m.enterRdt(t.Context()); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "web", "tasks")); err != nil || strings.TrimSpace(string(text)) != strconv.Itoa(m.criu.Pid()) {
		t.Errorf("tasks: %q, %v, want %d", text, err, m.criu.Pid())
	}
	if m.rec.Rdt == nil || m.rec.Rdt.Pending || !m.rec.Rdt.Own {
		t.Errorf("the state has %+v", m.rec.Rdt)
	}
	if err := m.undoRdt(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "web")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the group is still there: %v", err)
	}
}

// A runtime that is killed leaves a state that tells its group from one that was there before, at every moment.
func TestRdtRecordedFirst(t *testing.T) {
	fs := &resctrl.FS{Dir: t.TempDir(), Mkdir: func(path string) error {
		return errors.Join(os.Mkdir(path, 0o700), os.WriteFile(filepath.Join(path, "tasks"), nil, 0o600),
			os.WriteFile(filepath.Join(path, "schemata"), []byte("L3:0=1\n"), 0o600))
	}, Rmdir: os.RemoveAll}
	cfg := &specs.LinuxIntelRdt{Schemata: []string{"L3:0=1"}}
	stranger := filepath.Join(fs.Dir, "theirs")
	if err := fs.Mkdir(stranger); err != nil {
		t.Fatal(err)
	}
	for id, own := range map[string]bool{"theirs": false, "ours": true} {
		g := fs.Place(cfg, id)
		r := &runner{rt: &Runtime{rdt: fs}, rec: &record{Version: stateVersion, Rdt: &g}, dir: newStateDir(t)}
		steps := []hostOp{
			hostRecordState{Start: nsenter.NoSlot, Result: nsenter.NoSlot},
			hostMakeRdt{Group: g, Config: cfg},
		}
		for i, step := range steps {
			if err := step.run(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			rec, err := r.dir.readRecord()
			if err != nil {
				t.Fatal(err)
			}
			if rec.Rdt.Own != own || rec.Rdt.Pending != (i == 0) {
				t.Errorf("%s: after %s the state has %+v", id, step.OpName(), rec.Rdt)
			}
			if err := r.rt.removeRdt(rec); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(stranger); err != nil {
				t.Fatalf("after %s: %v", step.OpName(), err)
			}
		}
		if _, err := os.Stat(filepath.Join(fs.Dir, id)); errors.Is(err, os.ErrNotExist) != own {
			t.Errorf("%s: %v", id, err)
		}
	}
}
