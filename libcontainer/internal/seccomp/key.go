package seccomp

import (
	"crypto/sha256"
	"encoding/binary"
	"runtime"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// formatVersion changes with everything that makes another program of the same profile, and with the form of the cache's files.
const formatVersion = 2

// digest is the identity of a profile in the cache.
type digest [sha256.Size]byte

// profileKey returns the digest of everything that a program depends on: the profile, the version of libseccomp, the machine and this package.
// The listener's path and metadata do not change the program.
func profileKey(profile *specs.LinuxSeccomp, library string) digest {
	w := keyWriter{b: make([]byte, 0, 16<<10)}
	w.number(formatVersion)
	w.text(runtime.GOARCH)
	w.text(library)
	if profile == nil {
		return sha256.Sum256(w.b)
	}
	w.text(string(profile.DefaultAction))
	w.optional(profile.DefaultErrnoRet)
	w.list(len(profile.Architectures), profile.Architectures == nil)
	for _, a := range profile.Architectures {
		w.text(string(a))
	}
	w.list(len(profile.Flags), profile.Flags == nil)
	for _, f := range profile.Flags {
		w.text(string(f))
	}
	w.list(len(profile.Syscalls), profile.Syscalls == nil)
	for i := range profile.Syscalls {
		w.call(&profile.Syscalls[i])
	}
	return sha256.Sum256(w.b)
}

// keyWriter writes values so that different ones never give the same bytes: texts and lists carry their length.
type keyWriter struct{ b []byte }

func (w *keyWriter) number(n uint64) { w.b = binary.AppendUvarint(w.b, n) }

func (w *keyWriter) text(s string) {
	w.number(uint64(len(s)))
	w.b = append(w.b, s...)
}

func (w *keyWriter) optional(n *uint) {
	if n == nil {
		w.number(0)
		return
	}
	w.number(1)
	w.number(uint64(*n))
}

// list begins a list. A missing one differs from an empty one: for the flags that is a difference in meaning.
func (w *keyWriter) list(n int, missing bool) {
	if missing {
		w.number(0)
		return
	}
	w.number(uint64(n) + 1)
}

func (w *keyWriter) call(c *specs.LinuxSyscall) {
	w.list(len(c.Names), c.Names == nil)
	for _, name := range c.Names {
		w.text(name)
	}
	w.text(string(c.Action))
	w.optional(c.ErrnoRet)
	w.list(len(c.Args), c.Args == nil)
	for i := range c.Args {
		a := &c.Args[i]
		w.number(uint64(a.Index))
		w.number(a.Value)
		w.number(a.ValueTwo)
		w.text(string(a.Op))
	}
}
