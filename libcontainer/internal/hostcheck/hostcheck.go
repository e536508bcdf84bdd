// Package hostcheck compares a configuration with the machine it shall run on, without changing anything: are the files there that it names,
// does the kernel have what it asks for, may the caller do it. It is for reports to people. What a create does is decided by the kernel when it is done,
// so that a check, which can be wrong about tomorrow, never stands in a create's way.
//
// Nothing is reported that is not known for sure: where a mount may hide a file, or a hook may make it, there is no finding.
package hostcheck

import (
	"errors"
	"fmt"
	"path"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/specs"
)

// Input is what is compared. The configuration need not be valid: parts that make no sense are passed over.
type Input struct {
	Spec *specs.Spec
	// Bundle is the absolute path of the bundle.
	Bundle string
	// Capabilities are those that the caller has, as a bit set.
	Capabilities uint64
	// Nested: the caller is in another user namespace than the host's first one.
	Nested bool
	// Cgroup is where the container's cgroup will be, nil where that is not known; Writes are its limits.
	Cgroup *cgroups.Record
	Writes []cgroups.Write
	// SeccompFlags are the filter flags that the kernel takes; nil where that is not known.
	SeccompFlags []string
	// Host is what stands for "/" when the machine's own files (/proc, /sys, /lib/modules) are read; "/" but in tests.
	Host string
}

// Check returns what will fail and what will be ignored, the errors and warnings of the report.
func Check(in *Input) *specs.Report {
	c := &checker{Input: in, linux: in.Spec.Linux, root: -1}
	if c.linux == nil {
		c.linux = &specs.Linux{}
	}
	defer c.close()
	c.kernel()
	c.namespaces()
	c.mappings()
	c.rights()
	c.files()
	c.mounts()
	c.hooks()
	c.program()
	c.sysctls()
	c.seccomp()
	c.cgroup()
	c.limits()
	return &c.report
}

type checker struct {
	*Input
	linux  *specs.Linux
	root   int // descriptor of the root filesystem, -1 where it cannot be looked into
	report specs.Report
}

func (c *checker) close() {
	if c.root >= 0 {
		unix.Close(c.root)
	}
}

func (c *checker) fail(field, value, format string, args ...any) {
	c.report.Errors = append(c.report.Errors, &specs.FieldError{Path: field, Value: value, Problem: fmt.Sprintf(format, args...)})
}

func (c *checker) warn(field, value, format string, args ...any) {
	c.report.Warnings = append(c.report.Warnings,
		&specs.FieldError{Path: field, Value: value, Problem: fmt.Sprintf(format, args...), Severity: specs.Warning})
}

// failErrno reports an errno as the whole problem.
func (c *checker) failErrno(field, value string, err error) {
	c.fail(field, value, "%s", errnoText(err))
}

func errnoText(err error) string {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return err.Error()
}

// host returns the path of one of the machine's own files.
func (c *checker) host(p string) string { return path.Join(c.Host, p) }

// can tells whether the caller has a capability.
func (c *checker) can(capability int) bool { return c.Capabilities&(1<<capability) != 0 }

// has tells whether the container gets another namespace of the kind than the caller's, and the path where it is joined.
func (c *checker) has(kind specs.LinuxNamespaceType) (joined string, ok bool) {
	for _, ns := range c.linux.Namespaces {
		if ns.Type == kind {
			return ns.Path, true
		}
	}
	return "", false
}

// exists tells whether there is something at a path, following links. Errors other than "not there" count as yes: then it is not known.
func exists(p string) bool {
	var st unix.Stat_t
	err := unix.Stat(p, &st)
	return !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR)
}

func index(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }
