//go:build integration

package library

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestExampleProgram builds the example without cgo and runs it: an ordinary program, with nothing for the library in its main.
func TestExampleProgram(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go command on this machine, as in the test virtual machine: ", err)
	}
	program := filepath.Join(t.TempDir(), "run")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", program, "../../libcontainer/examples/run")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	command(t, build)
	checkStatic(t, program)

	spec := newSpec("echo from inside; echo complaint >&2; exit 3")
	spec.Linux.CgroupsPath = cgroupParent() + "/example"
	bundle := newBundle(t, spec)
	for range 2 { // it removes what it made, so it can be run again
		out := command(t, exec.Command(program, bundle))
		if want := "from inside\ncomplaint\nexit status 3\n"; out != want {
			t.Errorf("output %q, want %q", out, want)
		}
	}
	const root = "/run/minirun-example"
	checkNothingLeft(t, root)
	noError(t, os.RemoveAll(root))
}

func checkStatic(t *testing.T, path string) {
	t.Helper()
	f, err := elf.Open(path)
	noError(t, err)
	defer f.Close()
	libs, err := f.ImportedLibraries()
	noError(t, err)
	if len(libs) != 0 {
		t.Errorf("the program needs %v", libs)
	}
}
