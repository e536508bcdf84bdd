package specs

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
)

// patched returns the default configuration in its own namespaces of all types,
// changed by a JSON merge patch (RFC 7386).
func patched(t *testing.T, patch string) *Spec {
	t.Helper()
	s := Default()
	s.Linux.Namespaces = nil
	for _, ns := range Namespaces() {
		s.Linux.Namespaces = append(s.Linux.Namespaces, LinuxNamespace{Type: ns})
	}
	s.Linux.UIDMappings = []LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
	s.Linux.GIDMappings = []LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	parse := func(data []byte) (v any) {
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.UseNumber()
		if err := dec.Decode(&v); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		return v
	}
	if data, err = json.Marshal(mergePatch(parse(data), parse([]byte(patch)))); err != nil {
		t.Fatal(err)
	}
	if s, err = Decode(data); err != nil {
		t.Fatal(err)
	}
	return s
}

func mergePatch(doc, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	d, ok := doc.(map[string]any)
	if !ok {
		d = map[string]any{}
	}
	for k, v := range p {
		if v == nil {
			delete(d, k)
		} else {
			d[k] = mergePatch(d[k], v)
		}
	}
	return d
}

// lines returns a report as text, with "warning: " before the warnings.
func lines(r *Report) string {
	var out []string
	for _, e := range r.Errors {
		out = append(out, e.Error())
	}
	for _, e := range r.Warnings {
		out = append(out, "warning: "+e.Error())
	}
	return strings.Join(out, "\n")
}

// rule is a change of a good configuration, and what must be reported for it;
// nothing if the change is a good neighbour of a bad one.
type rule struct{ patch, want string }

func checkRules(t *testing.T, rules []rule) {
	t.Helper()
	for _, r := range rules {
		want := strings.ReplaceAll(r.want, "\n\t\t\t", "\n")
		if got := lines(Validate(patched(t, r.patch))); got != want {
			t.Errorf("%s\ngot\n%s\nwant\n%s", r.patch, got, want)
		}
	}
}

func TestValidateTopLevel(t *testing.T) {
	checkRules(t, []rule{
		{`{}`, ``},
		{`{"ociVersion": null}`, `ociVersion: must be set, for example to "1.3.0"`},
		{`{"ociVersion": "1.0.0"}`, ``},
		{`{"ociVersion": "1.0.2-dev"}`, ``},
		{`{"ociVersion": "1.99.123-rc.1+build-5.x"}`, ``},
		{`{"ociVersion": "1.0.0-0.9.a.z.A.Z.-+0.9.a.z.A.Z.-"}`, ``},
		{`{"ociVersion": "1.0.0-a:b"}`, `ociVersion: "1.0.0-a:b" is not a version of the form 1.2.3`},
		{`{"ociVersion": "2.0.0"}`, `ociVersion: version "2.0.0" is not supported, only 1.x is`},
		{`{"ociVersion": "0.6.0"}`, `ociVersion: version "0.6.0" is not supported, only 1.x is`},
		{`{"ociVersion": "10.0.0"}`, `ociVersion: version "10.0.0" is not supported, only 1.x is`},
		{`{"ociVersion": "1"}`, `ociVersion: "1" is not a version of the form 1.2.3`},
		{`{"ociVersion": "1.0"}`, `ociVersion: "1.0" is not a version of the form 1.2.3`},
		{`{"ociVersion": "1.0.0.0"}`, `ociVersion: "1.0.0.0" is not a version of the form 1.2.3`},
		{`{"ociVersion": "v1.0.0"}`, `ociVersion: "v1.0.0" is not a version of the form 1.2.3`},
		{`{"ociVersion": "1.01.0"}`, `ociVersion: "1.01.0" is not a version of the form 1.2.3`},
		{`{"ociVersion": "1..0"}`, `ociVersion: "1..0" is not a version of the form 1.2.3`},
		{`{"ociVersion": "1.0.0-"}`, `ociVersion: "1.0.0-" is not a version of the form 1.2.3`},
		{`{"ociVersion": "1.0.0+a_b"}`, `ociVersion: "1.0.0+a_b" is not a version of the form 1.2.3`},

		{`{"root": null}`, `root: must be set`},
		{`{"root": {"path": ""}}`, `root.path: must not be empty`},
		{`{"root": {"path": "a\u0000b"}}`, `root.path: "a\x00b" contains a NUL byte`},
		{`{"root": {"path": "/abs/rootfs", "readonly": false}}`, ``},
		{`{"root": {"readonly": true}, "linux": {"namespaces": null, "uidMappings": null, "gidMappings": null,
			"maskedPaths": null, "readonlyPaths": null}, "hostname": null}`, `root.readonly: needs a mount namespace`},
		{`{"root": {"readonly": false}, "linux": null, "hostname": null}`, ``},

		{`{"hostname": "` + strings.Repeat("h", 64) + `"}`, ``},
		{`{"hostname": "` + strings.Repeat("h", 65) + `"}`, `hostname: "` + strings.Repeat("h", 65) + `" is 65 bytes long, at most 64 are possible`},
		{`{"hostname": "a\u0000"}`, `hostname: "a\x00" contains a NUL byte`},
		{`{"domainname": "example.org"}`, ``},
		{`{"domainname": "x", "linux": {"namespaces": [{"type": "mount"}], "uidMappings": null, "gidMappings": null}}`, `hostname: needs a uts namespace
			domainname: needs a uts namespace`},
		{`{"linux": {"namespaces": [{"type": "mount"}, {"type": "uts", "path": "/proc/1/ns/uts"}], "uidMappings": null, "gidMappings": null}}`, ``},

		{`{"annotations": {"": "x"}}`, `annotations: must not have an empty key`},
		{`{"annotations": {"a.b": ""}}`, ``},
		{`{"process": null}`, `warning: process: is not set, so the container cannot be started`},
		{`{"windows": {"layerFolders": []}, "solaris": {}, "vm": {}, "zos": {}, "freebsd": {}}`, `warning: solaris: is ignored on Linux
			warning: windows: is ignored on Linux
			warning: vm: is ignored on Linux
			warning: zos: is ignored on Linux
			warning: freebsd: is ignored on Linux`},
	})
}

func TestValidateHooks(t *testing.T) {
	checkRules(t, []rule{
		{`{"hooks": {"prestart": [{"path": "/bin/a", "args": ["a", "b"], "env": ["A=b"], "timeout": 1}], "poststop": [{"path": "/x"}]}}`, ``},
		{`{"hooks": {"prestart": [{"path": ""}], "createRuntime": [{"path": "/a"}, {"path": "b"}],
			"createContainer": [{"path": "c"}], "startContainer": [{"path": "/\u0000"}],
			"poststart": [{"path": "d"}], "poststop": [{"path": "./e"}]}}`, `hooks.prestart[0].path: must not be empty
			hooks.createRuntime[1].path: "b" is not an absolute path
			hooks.createContainer[0].path: "c" is not an absolute path
			hooks.startContainer[0].path: "/\x00" contains a NUL byte
			hooks.poststart[0].path: "d" is not an absolute path
			hooks.poststop[0].path: "./e" is not an absolute path`},
		{`{"hooks": {"poststart": [{"path": "/a", "args": ["x", "\u0000"], "env": ["A=b", "C", "=d", "E=\u0000"]}]}}`, `hooks.poststart[0].args[1]: "\x00" contains a NUL byte
			hooks.poststart[0].env[1]: "C" has no "="
			hooks.poststart[0].env[2]: "=d" has no name before the "="
			hooks.poststart[0].env[3]: "E=\x00" contains a NUL byte`},
		{`{"hooks": {"poststart": [{"path": "/a", "timeout": 0}, {"path": "/a", "timeout": -1}]}}`, `hooks.poststart[0].timeout: 0 is not greater than 0
			hooks.poststart[1].timeout: -1 is not greater than 0`},
	})
}

func TestValidateMounts(t *testing.T) {
	checkRules(t, []rule{
		{`{"mounts": [{"destination": "/a", "type": "tmpfs"}, {"destination": "/b", "source": "c", "options": ["rbind", "ro", "anything=1"]}]}`, ``},
		{`{"mounts": [{"destination": "/", "options": ["remount", "ro"]}]}`, ``},
		{`{"mounts": [{"destination": "/p", "type": "tmpfs"}, {"type": "tmpfs"}]}`, `mounts[1].destination: must not be empty`},
		{`{"mounts": [{"destination": "a/b", "type": "tmpfs"}]}`, `warning: mounts[0].destination: "a/b" is a relative path, which is deprecated; it is taken from "/"`},
		{`{"mounts": [{"destination": "/a\u0000", "type": "t\u0000", "source": "s\u0000", "options": ["ro", "o\u0000"]}]}`, `mounts[0].destination: "/a\x00" contains a NUL byte
			mounts[0].type: "t\x00" contains a NUL byte
			mounts[0].source: "s\x00" contains a NUL byte
			mounts[0].options[1]: "o\x00" contains a NUL byte`},
		{`{"mounts": [{"destination": "/a"}]}`, `mounts[0].type: must be set unless the options have bind or rbind`},
		{`{"mounts": [{"destination": "/a", "options": ["bind"]}]}`, `mounts[0].source: must be set for a bind mount`},
		{`{"mounts": [{"destination": "/a", "source": "/b", "options": ["bind", "idmap"]}]}`, ``},
		{`{"mounts": [{"destination": "/a", "source": "/b", "options": ["bind", "idmap"], "uidMappings": [{"size": 1}], "gidMappings": [{"size": 1}]}]}`, ``},
		{`{"mounts": [{"destination": "/a", "source": "/b", "options": ["bind", "ridmap"]}],
			"linux": {"namespaces": [{"type": "mount"}, {"type": "uts"}], "uidMappings": null, "gidMappings": null}}`, `mounts[0].options[1]: "ridmap" needs uidMappings and gidMappings, or a user namespace`},
		{`{"mounts": [{"destination": "/a", "source": "/b", "options": ["idmap", "bind"], "uidMappings": [{"size": 1}], "gidMappings": [{"size": 1}]}]}`, ``},
		{`{"mounts": [{"destination": "/a", "source": "/b", "options": ["idmap", "bind"], "uidMappings": [{"size": 0}], "gidMappings": [{"size": 1}]}]}`, `mounts[0].uidMappings[0].size: must not be 0`},
		{`{"mounts": [{"destination": "/a", "source": "/b", "options": ["idmap", "bind"]}],
			"linux": {"namespaces": [{"type": "mount"}, {"type": "uts"}], "uidMappings": null, "gidMappings": null}}`, `mounts[0].options[0]: "idmap" needs uidMappings and gidMappings, or a user namespace`},
		{`{"mounts": [{"destination": "/a", "source": "/b", "options": ["bind", "idmap"], "uidMappings": [{"size": 1}]}]}`, `mounts[0].gidMappings: must be set along with uidMappings`},
		{`{"mounts": [{"destination": "/a", "source": "/b", "options": ["bind", "idmap"], "gidMappings": [{"size": 1}]}]}`, `mounts[0].uidMappings: must be set along with gidMappings`},
		{`{"mounts": [{"destination": "/a", "source": "/b", "options": ["bind"], "uidMappings": [{"size": 1}], "gidMappings": [{"size": 0}]}]}`, `mounts[0].gidMappings[0].size: must not be 0
			warning: mounts[0].options: should have idmap or ridmap along with uidMappings`},
	})
}

func TestValidateReportsAllAtOnce(t *testing.T) {
	s := patched(t, `{"ociVersion": "3.0.0", "process": {"args": [], "cwd": "x", "capabilities": {"bounding": ["CAP_KILL", "cap_kill"]}},
		"mounts": [{"destination": ""}], "linux": {"maskedPaths": ["x"]}}`)
	s.Process.Capabilities.Effective, s.Process.Capabilities.Permitted = nil, nil
	r := Validate(s)
	const want = `6 problems: ociVersion: version "3.0.0" is not supported, only 1.x is; process.args: must have at least one entry; ` +
		`process.cwd: "x" is not an absolute path; mounts[0].destination: must not be empty; ` +
		`mounts[0].type: must be set unless the options have bind or rbind; linux.maskedPaths[0]: "x" is not an absolute path`
	if err := r.Err(); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if len(r.Warnings) != 1 || r.Warnings[0].Severity != Warning ||
		r.Warnings[0].Error() != `process.capabilities.bounding[1]: unknown capability "cap_kill"` {
		t.Errorf("warnings %v", r.Warnings)
	}
	fields := FieldErrors(errors.Join(errors.New("other"), r.Err()))
	if len(fields) != 6 || fields[2].Path != "process.cwd" || fields[2].Severity != Error {
		t.Errorf("FieldErrors gives %v", fields)
	}
	var one *FieldError
	if !errors.As(r.Err(), &one) || one.Path != "ociVersion" {
		t.Errorf("errors.As gives %v", one)
	}
}

func TestReportErr(t *testing.T) {
	r := &Report{Warnings: []*FieldError{{Path: "a", Problem: "b", Severity: Warning}}}
	if err := r.Err(); err != nil {
		t.Errorf("warnings alone give the error %v", err)
	}
	r.Errors = []*FieldError{{Path: "mounts[7].options[2]", Value: "size=bogus", Problem: "fsconfig", Err: os.ErrInvalid}}
	const want = `mounts[7].options[2] ("size=bogus"): fsconfig: invalid argument`
	if err := r.Err(); err.Error() != want || !errors.Is(err, os.ErrInvalid) {
		t.Errorf("got %v, want %s", err, want)
	}
	if got := FieldErrors(r.Err()); len(got) != 1 || got[0] != r.Errors[0] {
		t.Errorf("FieldErrors gives %v", got)
	}
	for range 101 {
		r.Errors = append(r.Errors, &FieldError{Path: "a", Problem: "b"})
	}
	text := r.Err().Error()
	if !strings.HasPrefix(text, "102 problems: mounts[7]") || !strings.HasSuffix(text, "; a: b; and 2 more") ||
		strings.Count(text, "a: b") != 99 || len(FieldErrors(r.Err())) != 102 {
		t.Errorf("102 problems are told as %s", text)
	}
	if got := FieldErrors(os.ErrInvalid); got != nil {
		t.Errorf("FieldErrors of another error gives %v", got)
	}
}

// A long or odd value must not break the line or flood it.
func TestValidateQuotesValues(t *testing.T) {
	s := patched(t, `{"process": {"cwd": "a\nb`+strings.Repeat("é", 500)+`"}}`)
	want := `process.cwd: "a\nb` + strings.Repeat("é", 58) + `"... is not an absolute path`
	if got := lines(Validate(s)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s.Process.Cwd = strings.Repeat("x", 120)
	want = `process.cwd: "` + strings.Repeat("x", 120) + `" is not an absolute path`
	if got := lines(Validate(s)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Names that are no plain words are quoted in paths.
func TestPaths(t *testing.T) {
	for name, want := range map[string]string{
		"a": "m.a", "_zAZ09": "m._zAZ09", "a9": "m.a9", "9a": `m["9a"]`, "0": `m["0"]`, "": `m[""]`,
		"a.b": `m["a.b"]`, "a-b": `m["a-b"]`, "é": `m["é"]`, "a\n": `m["a\n"]`, "a]\"": `m["a]\""]`,
		"a[": `m["a["]`, "a{": `m["a{"]`, "a@": `m["a@"]`, "a`": "m[\"a`\"]", "a/": `m["a/"]`, "a:": `m["a:"]`,
	} {
		if got := member("m", name); got != want {
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
	}
	if got := member("", "a"); got != "a" {
		t.Errorf("at the top: got %s, want a", got)
	}
	if got := element("m", 10); got != "m[10]" {
		t.Errorf("got %s, want m[10]", got)
	}
}

func TestValidateNothing(t *testing.T) {
	for _, tc := range []struct {
		report *Report
		want   string
	}{
		{Validate(nil), "config: must be set"},
		{ValidateProcess(nil), "process: must be set"},
		{ValidateResources(nil), "linux.resources: must be set"},
	} {
		if got := lines(tc.report); got != tc.want {
			t.Errorf("got %s, want %s", got, tc.want)
		}
	}
	// The zero values must be refused for what they miss, and not crash.
	if got, want := lines(Validate(&Spec{Linux: &Linux{}, Process: &Process{}, Root: &Root{}, Hooks: &Hooks{}})), `ociVersion: must be set, for example to "1.3.0"
process.args: must have at least one entry
process.cwd: must not be empty
root.path: must not be empty`; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestValidateAcceptsRealBundles(t *testing.T) {
	for name, data := range bundles(t) {
		s, err := Decode(data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		before, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		r := Validate(s)
		if len(r.Errors) > 0 {
			t.Errorf("%s: %v", name, r.Err())
		}
		// Buildah asks for ambient capabilities that it does not make
		// inheritable; the kernel refuses such, and nothing else is odd.
		want := 0
		if strings.HasPrefix(name, "buildah-") {
			want = 1
		}
		if len(r.Warnings) != want {
			t.Errorf("%s: %d warnings, want %d:\n%s", name, len(r.Warnings), want, lines(r))
		}
		after, err := json.Marshal(s)
		if err != nil || !bytes.Equal(before, after) {
			t.Errorf("%s: validation changed the configuration (%v)", name, err)
		}
	}
	p, _, err := LoadProcess("testdata/exec-process-docker.json")
	if err != nil {
		t.Fatal(err)
	}
	if got := lines(ValidateProcess(p)); got != "" {
		t.Errorf("process of exec: %s", got)
	}
}

func TestDefaultsAreValid(t *testing.T) {
	for name, s := range map[string]*Spec{"Default": Default(), "DefaultRootless": DefaultRootless(1000, 1001)} {
		if got := lines(Validate(s)); got != "" {
			t.Errorf("%s: %s", name, got)
		}
		data, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(s, back) {
			t.Errorf("%s: differs after encoding and decoding", name)
		}
	}
}

func BenchmarkValidate(b *testing.B) {
	s, _, err := LoadFile("testdata/bundles/docker-default.json")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := Validate(s).Err(); err != nil {
			b.Fatal(err)
		}
	}
}
