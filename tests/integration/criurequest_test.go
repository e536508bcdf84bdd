//go:build integration

package integration

import (
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Each flag becomes its option in the request that CRIU gets, under the number of criu's rpc.proto, and nothing else becomes another.
func TestFlagsReachCRIU(t *testing.T) {
	b := newBox(t)
	running, gone := b.sleeper(), b.container(sleeping()) // they do not redirect their streams, which are part of the request
	b.write(b.path("images", "minirun.json"), `{"version":1}`, 0o600)
	common := []struct{ flags, option string }{
		{"--auto-dedup", "16:1"},
		{"--empty-ns network", "38:1073741824"},
		{"--ext-unix-sk", "4:1"},
		{"--file-locks", "8:1"},
		{"--lazy-pages", "48:1"},
		{"--manage-cgroups-mode full", "34:4"},
		{"--network-lock skip", "64:3"},
		{"--shell-job", "7:1"},
		{"--tcp-established", "5:1"},
	}
	for _, verb := range []struct {
		name    string
		command func(flags ...string) *exec.Cmd
		own     []struct{ flags, option string }
	}{
		{
			"checkpoint", running.checkpointCommand,
			[]struct{ flags, option string }{
				{"--leave-running", "3:1"},
				{"--link-remap", "18:1"},
				{"--page-server 10.0.0.1:1234", "11:\n\b10.0.0.1\x10\xd2\t"},
				{"--tcp-skip-in-flight", "46:1"},
			},
		},
		{
			"restore", gone.restoreCommand,
			[]struct{ flags, option string }{
				{"--lsm-mount-context system_u:object_r:x_t:s0", "63:system_u:object_r:x_t:s0"},
				{"--lsm-profile selinux:x", "53:selinux:x"},
				{"--tcp-close", "52:1"},
			},
		},
	} {
		plain := b.criuOptions(verb.command())
		for _, c := range append(common, verb.own...) {
			got := b.criuOptions(verb.command(strings.Fields(c.flags)...))
			for option := range plain {
				if !got[option] {
					t.Errorf("%s %s: the option %q is gone", verb.name, c.flags, option)
				}
				delete(got, option)
			}
			if want := map[string]bool{c.option: true}; !maps.Equal(got, want) {
				t.Errorf("%s %s: the options %v were added, want %v", verb.name, c.flags, got, want)
			}
		}
	}
	running.deleteForce()
}

// criuOptions calls the runtime with a criu that does nothing but to keep its request, and returns the options as "number:value".
// Descriptors' numbers are left out.
func (b *box) criuOptions(cmd *exec.Cmd) map[string]bool {
	b.Helper()
	file := b.path("request")
	b.write(b.path("bin", "criu"), "#!/bin/sh\nexec dd bs=65536 count=1 of="+file+" <&3 2>/dev/null\n", 0o700)
	cmd.Env = append(cmd.Env, "PATH="+b.path("bin")+":"+os.Getenv("PATH"))
	b.finish(cmd).fails(1, "criu ended")
	options := map[string]bool{}
	for number, value := range protobuf(b, []byte(b.read(file))) {
		if number != 2 {
			continue
		}
		for number, value := range protobuf(b, []byte(value)) {
			if number != 1 && number != 17 {
				options[fmt.Sprintf("%d:%s", number, value)] = true
			}
		}
	}
	return options
}

// protobuf yields the fields of a message that has numbers and strings.
func protobuf(b *box, message []byte) func(yield func(uint64, string) bool) {
	next := func() uint64 {
		v, n := binary.Uvarint(message)
		if n <= 0 {
			b.Fatalf("no protocol buffer: %q", message)
		}
		message = message[n:]
		return v
	}
	return func(yield func(uint64, string) bool) {
		for len(message) > 0 {
			key, n := next(), next()
			value := fmt.Sprint(n)
			if key&7 == 2 {
				if n > uint64(len(message)) {
					b.Fatalf("no protocol buffer: %q", message)
				}
				value, message = string(message[:n]), message[n:]
			}
			if !yield(key>>3, value) {
				return
			}
		}
	}
}

// CRIU puts the context in place of one that was saved. There is no SELinux here to save one, so it is written into the image of a tmpfs's options;
// the kernel then refuses the mount.
func TestRestoreLSMMountContext(t *testing.T) {
	b := newBox(t)
	b.needCRIU()
	if exists("/sys/fs/selinux/enforce") {
		t.Skip("this kernel has SELinux, and could mount with a context")
	}
	c := b.counts()
	c.checkpoint().ok()
	found, err := filepath.Glob(b.path("images", "mountpoints-*.img"))
	if err != nil || len(found) != 1 {
		t.Fatalf("images of mount points: %q, %v", found, err)
	}
	const size, context = "size=65536k", `context="a"` // of the same length
	text := b.read(found[0])
	if !strings.Contains(text, size) {
		t.Fatalf("no %s in %q", size, text)
	}
	b.write(found[0], strings.ReplaceAll(text, size, context), 0o600)
	log := func(dir string, flags ...string) string {
		c.restore(append(flags, "--work-path", b.path(dir))...).fails(1, "criu", "Invalid argument")
		return b.read(b.path(dir, "restore.log"))
	}
	const changed = `Changed mount 'context=' to context="new:context"`
	if strings.Contains(log("without"), changed) {
		t.Error("the context was changed for no reason")
	}
	if !strings.Contains(log("with", "--lsm-mount-context", "new:context"), changed) {
		t.Errorf("%q not in CRIU's log", changed)
	}
}
