//go:build cgo && !noseccomp

package seccomp

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"
	"golang.org/x/sys/unix"
)

// supported says that this build can compile profiles.
const supported = true

// generated is what libseccomp made of a policy.
type generated struct {
	filter   []byte // array of struct sock_filter
	last     []lastCall
	own      []decision // of system calls that libseccomp was not asked about
	warnings []Warning
}

// libraryVersion returns the version of the libseccomp in use. The bindings have read it at start, so this calls no C.
func libraryVersion() string {
	major, minor, micro := libseccomp.GetLibraryVersion()
	return fmt.Sprintf("%d.%d.%d", major, minor, micro)
}

// libraryArch returns libseccomp's name of an architecture.
func libraryArch(name specs.Arch) (libseccomp.ScmpArch, error) {
	return libseccomp.GetArchFromString(strings.ToLower(strings.TrimPrefix(string(name), "SCMP_ARCH_")))
}

// libraryAction returns libseccomp's action for a value of seccomp(2).
func libraryAction(ret uint32) libseccomp.ScmpAction {
	data := int16(ret & unix.SECCOMP_RET_DATA)
	switch ret & unix.SECCOMP_RET_ACTION_FULL {
	case unix.SECCOMP_RET_ALLOW:
		return libseccomp.ActAllow
	case unix.SECCOMP_RET_ERRNO:
		return libseccomp.ActErrno.SetReturnCode(data)
	case unix.SECCOMP_RET_KILL_PROCESS:
		return libseccomp.ActKillProcess
	case unix.SECCOMP_RET_LOG:
		return libseccomp.ActLog
	case unix.SECCOMP_RET_USER_NOTIF:
		return libseccomp.ActNotify
	case unix.SECCOMP_RET_TRACE:
		return libseccomp.ActTrace.SetReturnCode(data)
	case unix.SECCOMP_RET_TRAP:
		return libseccomp.ActTrap
	}
	return libseccomp.ActKillThread
}

// libraryOperator returns libseccomp's operator for one that parse let through.
func libraryOperator(op specs.LinuxSeccompOperator) libseccomp.ScmpCompareOp {
	switch op {
	case specs.OpEqualTo:
		return libseccomp.CompareEqual
	case specs.OpGreaterEqual:
		return libseccomp.CompareGreaterEqual
	case specs.OpGreaterThan:
		return libseccomp.CompareGreater
	case specs.OpLessEqual:
		return libseccomp.CompareLessOrEqual
	case specs.OpLessThan:
		return libseccomp.CompareLess
	case specs.OpMaskedEqual:
		return libseccomp.CompareMaskedEqual
	case specs.OpNotEqual:
		return libseccomp.CompareNotEqual
	}
	return libseccomp.CompareInvalid
}

// generator builds one filter.
type generator struct {
	policy   *policy
	filter   *libseccomp.ScmpFilter
	archs    []*architecture // of the filter, the native one first
	tokens   []libseccomp.ScmpArch
	last     []lastCall // one for each of archs
	rules    int        // added
	mixed    map[string][]variant
	warnings []Warning
}

// generate lets libseccomp make the filter of a policy.
func generate(pol *policy) (*generated, error) {
	filter, err := libseccomp.NewFilter(libraryAction(pol.defaultRet))
	if err != nil {
		return nil, fmt.Errorf("linux.seccomp.defaultAction: libseccomp %s: %w", libraryVersion(), err)
	}
	defer filter.Release()
	g := &generator{policy: pol, filter: filter, mixed: pol.mixed()}
	if err := g.addArchitectures(); err != nil {
		return nil, err
	}
	for i := range pol.rules {
		if err := g.addRule(&pol.rules[i]); err != nil {
			return nil, err
		}
	}
	if g.rules > treeThreshold {
		// An older libseccomp cannot; the filter is then a list, which means the same.
		_ = filter.SetOptimize(2)
	}
	b, err := export(filter)
	if err != nil {
		return nil, err
	}
	return &generated{filter: b, last: g.last, own: g.decisions(), warnings: g.warnings}, nil
}

// treeThreshold is the number of rules above which the filter becomes a binary tree instead of a list of comparisons. A tree has four
// system calls in a leaf, so a short list gains nothing; and without any rule libseccomp up to 2.5.4 makes a wrong tree.
const treeThreshold = 32

// addArchitectures adds those of the profile to the native one, which is always in a new filter.
func (g *generator) addArchitectures() error {
	native, err := libseccomp.GetNativeArch()
	if err != nil {
		return fmt.Errorf("linux.seccomp: native architecture: %w", err)
	}
	for i := range architectures {
		if token, err := libraryArch(architectures[i].name); err == nil && token == native {
			g.add(&architectures[i], token)
		}
	}
	for i, a := range g.policy.archs {
		at := fmt.Sprintf("linux.seccomp.architectures[%d]", i)
		token, err := libraryArch(a.name)
		if err != nil {
			return fmt.Errorf("%s: this build of minirun with libseccomp %s does not know %s", at, libraryVersion(), a.name)
		}
		if token == native {
			continue
		}
		if present, err := g.filter.IsArchPresent(token); err == nil && present {
			continue
		}
		switch err := g.filter.AddArch(token); {
		case errors.Is(err, syscall.EDOM):
			return fmt.Errorf("%s: %s has another byte order than this machine", at, a.name)
		case err != nil:
			return fmt.Errorf("%s: %s: libseccomp %s: %w", at, a.name, libraryVersion(), err)
		}
		g.add(a, token)
	}
	return nil
}

func (g *generator) add(a *architecture, token libseccomp.ScmpArch) {
	g.archs = append(g.archs, a)
	g.tokens = append(g.tokens, token)
	g.last = append(g.last, lastCall{arch: a})
}

// addRule adds one entry of syscalls for each of its names.
func (g *generator) addRule(r *rule) error {
	for i, name := range r.names {
		at := fmt.Sprintf("%s.names[%d]", r.field, i)
		call, err := libseccomp.GetSyscallFromName(name)
		if err != nil {
			g.warnings = append(g.warnings, Warning{
				Field: at, Text: fmt.Sprintf("system call %q is not known to libseccomp %s and ignored", name, libraryVersion()), Routine: true,
			})
			continue
		}
		g.know(name)
		if r.redundant || g.mixed[name] != nil && !g.multiplexed(name) {
			continue
		}
		g.rules++
		if err := g.addCall(r, call); err != nil {
			return fmt.Errorf("%s: %s: libseccomp %s: %w", at, name, libraryVersion(), err)
		}
	}
	return nil
}

// Numbers of libseccomp for calls that an architecture has inside of socketcall(2) or ipc(2).
const (
	firstMultiplexed = -224
	lastMultiplexed  = -101
)

// multiplexed tells whether an architecture of the filter has a call inside of another one, 32-bit x86 above all. Only libseccomp knows how to
// take that apart.
func (g *generator) multiplexed(name string) bool {
	return slices.ContainsFunc(g.tokens, func(token libseccomp.ScmpArch) bool {
		nr, err := libseccomp.GetSyscallFromNameByArch(name, token)
		return err == nil && nr >= firstMultiplexed && nr <= lastMultiplexed
	})
}

// decisions are the mixed rules for each architecture that has the call by itself.
func (g *generator) decisions() []decision {
	var list []decision
	for i, token := range g.tokens {
		for _, name := range slices.Sorted(maps.Keys(g.mixed)) {
			if nr, err := libseccomp.GetSyscallFromNameByArch(name, token); err == nil && nr >= 0 {
				list = append(list, decision{g.archs[i], uint32(nr), g.mixed[name]})
			}
		}
	}
	// Those with one value of the architecture stand together: amd64 and x32.
	slices.SortStableFunc(list, func(a, b decision) int { return cmp.Compare(a.arch.audit, b.arch.audit) })
	return list
}

// know notes the number of a system call on every architecture.
func (g *generator) know(name string) {
	for i, token := range g.tokens {
		// Negative numbers are libseccomp's own, for calls that the architecture does not have, or has in two ways (socket and
		// socketcall on 32-bit x86). The numbers of the latter stay unknown; there are always newer ones in a profile of today.
		if nr, err := libseccomp.GetSyscallFromNameByArch(name, token); err == nil && nr >= 0 {
			g.last[i].saw(uint32(nr))
		}
	}
}

func (g *generator) addCall(r *rule, call libseccomp.ScmpSyscall) error {
	ret := libraryAction(r.ret)
	if len(r.conds) == 0 {
		return g.filter.AddRule(call, ret)
	}
	conds := make([]libseccomp.ScmpCondition, 0, len(r.conds))
	for _, c := range r.conds {
		cond, err := libseccomp.MakeCondition(c.index, libraryOperator(c.op), c.value, c.valueTwo)
		if err != nil {
			return err
		}
		conds = append(conds, cond)
	}
	if !r.alternatives() {
		return g.filter.AddRuleConditional(call, ret, conds)
	}
	for i := range conds {
		if err := g.filter.AddRuleConditional(call, ret, conds[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

// export returns the filter's program. libseccomp writes it to a descriptor only; a goroutine empties the pipe, which may hold
// less than a filter where the user has many pipes.
func export(filter *libseccomp.ScmpFilter) ([]byte, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("linux.seccomp: pipe for the filter: %w", err)
	}
	defer r.Close()
	type result struct {
		b   []byte
		err error
	}
	done := make(chan result, 1)
	go func() {
		b, err := io.ReadAll(r)
		done <- result{b, err}
	}()
	err = filter.ExportBPF(w)
	w.Close()
	got := <-done
	if err != nil {
		return nil, fmt.Errorf("linux.seccomp: libseccomp %s makes no filter of the profile: %w", libraryVersion(), err)
	}
	if got.err != nil {
		return nil, fmt.Errorf("linux.seccomp: read the filter: %w", got.err)
	}
	return got.b, nil
}

// libraryKnows says whether libseccomp, as it was built, can make filters for an architecture.
func libraryKnows(a *architecture) bool {
	token, err := libraryArch(a.name)
	if err != nil {
		return false
	}
	// Names of architectures that the library's headers lack have no number of their own.
	_, err = libseccomp.GetSyscallFromNameByArch("read", token)
	return err == nil
}
