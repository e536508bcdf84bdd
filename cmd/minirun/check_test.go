package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// bundleWith makes a bundle with a config.json and an empty root filesystem.
func bundleWith(t *testing.T, config string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "rootfs"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

const wrongConfig = `{
	"ociVersion": "1.0.2",
	"process": {"args": ["nope"], "cwd": "tmp", "env": ["A\nB"]},
	"root": {"path": "rootfs"},
	"mounts": [{"destination": "/x", "type": "tmpfs", "source": "x", "options": ["size=bogus"]}],
	"linux": {"namespaces": [{"type": "mount"}], "maskedPath": []}
}`

// Everything is told, from the text, from compiling and from the host, and nothing is made.
func TestCheck(t *testing.T) {
	dir, root := bundleWith(t, wrongConfig), filepath.Join(t.TempDir(), "state")
	got := call(t, "--root", root, "check", "--bundle", dir)
	if got.status != statusFindings || got.stderr != "" {
		t.Errorf("status %d, stderr %s", got.status, got.stderr)
	}
	for _, line := range []string{
		`error: process.cwd: "tmp" is not an absolute path`,
		`error: process.env[0]: "A\nB" has no "="`,
		`error: mounts[0].options[0] ("size=bogus"): not a value that tmpfs knows for size`,
		`error: process.args[0] ("nope"): executable file not found in $PATH`,
		`warning: linux.maskedPath: is no field of the specification, and is ignored`,
	} {
		if !strings.Contains(got.stdout, line+"\n") {
			t.Errorf("no line %s in:\n%s", line, got.stdout)
		}
	}
	if _, err := os.Stat(root); !os.IsNotExist(err) {
		t.Error("the state directory was made")
	}
	asJSON := call(t, "--root", root, "check", "-b", dir, "-f", "json")
	var doc findings
	if err := json.Unmarshal([]byte(asJSON.stdout), &doc); err != nil || asJSON.status != statusFindings {
		t.Fatalf("status %d, %v in %s", asJSON.status, err, asJSON.stdout)
	}
	if lines := strings.Count(got.stdout, "\n"); len(doc.Errors)+len(doc.Warnings) != lines {
		t.Errorf("%d errors and %d warnings as JSON, %d lines as text", len(doc.Errors), len(doc.Warnings), lines)
	}
	want := finding{"mounts[0].options[0]", "size=bogus", "not a value that tmpfs knows for size"}
	found := false
	for _, f := range doc.Errors {
		found = found || f == want
	}
	if !found {
		t.Errorf("no %+v in %+v", want, doc.Errors)
	}
}

func TestCheckOfBrokenText(t *testing.T) {
	dir := bundleWith(t, `{"process": {"cwd": 7, "args": {}}}`)
	got := call(t, "--root", t.TempDir(), "check", "-b", dir)
	want := `error: ociVersion: must be set, for example to "1.3.0" (line 1, column 1)
error: process.cwd: expected string, got number (line 1, column 21)
error: process.args: expected array, got object (line 1, column 32)
`
	if got.status != statusFindings || got.stdout != want {
		t.Errorf("status %d, %s\nwant %s", got.status, got.stdout, want)
	}
	if got := call(t, "--root", t.TempDir(), "check", "-b", bundleWith(t, "{")); got.status != statusFindings || !strings.HasPrefix(got.stdout, "error: config.json: ") {
		t.Errorf("%+v", got)
	}
}

func TestCheckThatCannotBeDone(t *testing.T) {
	empty := t.TempDir()
	for args, want := range map[string]string{
		"-b " + empty:           empty + "/config.json: open: no such file or directory",
		"-b " + empty + "/nope": "bundle " + empty + "/nope: no such file or directory",
		"--format yaml":         `check: --format "yaml": it must be text or json`,
		"web":                   "check: no arguments are needed, not 1",
	} {
		got := call(t, append([]string{"--root", t.TempDir(), "check"}, strings.Fields(args)...)...)
		if got.status != 1 || got.stderr != want+"\n" || got.stdout != "" {
			t.Errorf("%s: %+v, want %s", args, got, want)
		}
	}
}

// --no-pivot makes a difference, as for create.
func TestCheckNoPivot(t *testing.T) {
	dir := bundleWith(t, `{
		"ociVersion": "1.0.2", "process": {"args": ["x"], "cwd": "/"}, "root": {"path": "rootfs"},
		"linux": {"namespaces": [{"type": "mount"}], "rootfsPropagation": "private"}
	}`)
	const want = `error: linux.rootfsPropagation ("private"): is not safe without pivot_root` + "\n"
	if got := call(t, "--root", t.TempDir(), "check", "-b", dir, "--no-pivot"); !strings.Contains(got.stdout, want) || got.status != statusFindings {
		t.Errorf("%+v", got)
	}
	if got := call(t, "--root", t.TempDir(), "check", "-b", dir); strings.Contains(got.stdout, want) {
		t.Errorf("%+v", got)
	}
}
