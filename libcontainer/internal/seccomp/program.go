package seccomp

import (
	"errors"
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Program is a compiled profile, ready for seccomp(2) with SECCOMP_SET_MODE_FILTER.
type Program struct {
	// Filter is an array of struct sock_filter (8 bytes each, in the byte order of the machine), at least one and at most 4096 of them.
	Filter []byte
	// Flags are SECCOMP_FILTER_FLAG_* for seccomp(2), NEW_LISTENER included where Listener is true.
	Flags uint64
	// Listener says that the filter has an action SCMP_ACT_NOTIFY, so that seccomp(2) returns a descriptor, which belongs to
	// the agent at listenerPath.
	Listener bool
}

// Instructions returns the number of BPF instructions.
func (p *Program) Instructions() int { return len(p.Filter) / insnSize }

// Warning is something in a profile that is ignored.
type Warning struct {
	// Field is the path in the configuration, for example "linux.seccomp.syscalls[0].names[12]".
	Field string
	// Text says what is ignored and why.
	Text string
	// Routine is true for what ordinary profiles of engines contain, and nobody wants to read at each start: names of system
	// calls that libseccomp does not know.
	Routine bool
}

// String returns the field and the text.
func (w Warning) String() string { return w.Field + ": " + w.Text }

// ErrUnsupported is returned by Compile in a build without cgo or with the tag noseccomp.
var ErrUnsupported = errors.New("this build of minirun has no seccomp support")

// Compile turns a profile into a program (config-linux.md, "Seccomp").
//
// With a cacheDir, an absolute path, the result is looked up there first and stored there afterwards; the directory is made with
// mode 0700 where it is missing. A cache that cannot be read or written, or that others could have written to, is not an error: the
// profile is then compiled. Without a cacheDir it always is.
//
// Errors name the field ("linux.seccomp.syscalls[3].args[0].op: ..."), one for each thing that is wrong, joined. The warnings are those of the
// profile, whether it was compiled now or before.
func Compile(profile *specs.LinuxSeccomp, cacheDir string) (*Program, []Warning, error) {
	if !supported {
		return nil, nil, fmt.Errorf("linux.seccomp: %w", ErrUnsupported)
	}
	if cacheDir == "" {
		return compile(profile)
	}
	key := profileKey(profile, libraryVersion())
	if e, ok := readCache(cacheDir, key); ok {
		return &e.program, e.warnings, nil
	}
	p, warnings, err := compile(profile)
	if err != nil {
		return nil, nil, err
	}
	writeCache(cacheDir, key, &entry{program: *p, warnings: warnings})
	return p, warnings, nil
}

// compile does it without the cache.
func compile(profile *specs.LinuxSeccomp) (*Program, []Warning, error) {
	pol, warnings, err := parse(profile)
	if err != nil {
		return nil, nil, err
	}
	g, err := generate(pol)
	if err != nil {
		return nil, nil, err
	}
	prog, err := decode(g.filter)
	if err != nil {
		return nil, nil, fmt.Errorf("linux.seccomp: %w", err)
	}
	if pol.refuses() {
		prog = refuseUnknown(prog, pol.defaultRet, g.last)
	}
	prog = optimize(append(decide(g.own, pol.defaultRet), prog...))
	if len(prog) > maxInsns {
		return nil, nil, fmt.Errorf("linux.seccomp: the filter has %d instructions, the kernel takes at most %d", len(prog), maxInsns)
	}
	return &Program{Filter: encode(prog), Flags: pol.flags, Listener: pol.listener}, append(warnings, g.warnings...), nil
}
