package specs

import (
	"fmt"
	"strings"
)

// Validate checks everything about a configuration that its text decides, and
// reports all problems at once. Nothing outside the text is looked at: not the
// kernel, not the file system, not the environment. What the specification
// tells runtimes to bear, such as an unknown capability, is a warning.
//
// Mount options are left to package rootfs, which knows their meanings.
func Validate(spec *Spec) *Report {
	c := &checker{}
	if spec == nil {
		c.fail(field(nil, "config"), "must be set")
		return &c.report
	}
	c.spec(spec)
	return &c.report
}

// ValidateProcess checks a process by itself, as exec gets one. The paths in
// the report start with "process", as in a configuration.
func ValidateProcess(p *Process) *Report {
	c := &checker{}
	at := field(nil, "process")
	if p == nil {
		c.fail(at, "must be set")
		return &c.report
	}
	c.process(&at, p)
	return &c.report
}

// ValidateResources checks resources by themselves, as update gets them. The
// paths in the report start with "linux.resources", as in a configuration.
func ValidateResources(r *LinuxResources) *Report {
	c := &checker{}
	linux := field(nil, "linux")
	at := field(&linux, "resources")
	if r == nil {
		c.fail(at, "must be set")
		return &c.report
	}
	c.resources(&at, r)
	return &c.report
}

// ValidateIntelRdt checks a section linux.intelRdt by itself. The paths in the
// report start with "linux.intelRdt", as in a configuration.
func ValidateIntelRdt(r *LinuxIntelRdt) *Report {
	c := &checker{}
	linux := field(nil, "linux")
	at := field(&linux, "intelRdt")
	if r == nil {
		c.fail(at, "must be set")
		return &c.report
	}
	c.intelRdt(&at, r)
	return &c.report
}

// checker collects the problems of one configuration.
type checker struct {
	report Report
	ns     namespaces // of the configuration; filled first, because much depends on them
}

// place is a field, as a chain up to the root of the document. Its text is only
// made when there is something wrong, so places live on the stack and cost
// nothing in a good configuration.
type place struct {
	up    *place
	name  string // of a member
	index int    // of an element, -1 for a member
}

func field(up *place, name string) place { return place{up, name, -1} }

func entry(up *place, i int) place { return place{up, "", i} }

// String returns the path of the field.
func (p place) String() string {
	path := ""
	if p.up != nil {
		path = p.up.String()
	}
	if p.index >= 0 {
		return element(path, p.index)
	}
	return member(path, p.name)
}

// fail reports an error.
func (c *checker) fail(at place, format string, args ...any) {
	c.report.Errors = append(c.report.Errors,
		&FieldError{Path: at.String(), Problem: fmt.Sprintf(format, args...)})
}

// warn reports a warning.
func (c *checker) warn(at place, format string, args ...any) {
	c.report.Warnings = append(c.report.Warnings,
		&FieldError{Path: at.String(), Problem: fmt.Sprintf(format, args...), Severity: Warning})
}

// text checks a string that is handed to the kernel, which ends it at the
// first NUL. It reports whether the string is good.
func (c *checker) text(at place, s string) bool {
	if strings.IndexByte(s, 0) >= 0 {
		c.fail(at, "%s contains a NUL byte", quote(s))
		return false
	}
	return true
}

// absolute checks a path that must start at the root.
func (c *checker) absolute(at place, path string) {
	switch {
	case path == "":
		c.fail(at, "must not be empty")
	case path[0] != '/':
		c.fail(at, "%s is not an absolute path", quote(path))
	default:
		c.text(at, path)
	}
}

func (c *checker) spec(s *Spec) {
	if problem := versionProblem(s.Version); problem != "" {
		c.fail(field(nil, "ociVersion"), "%s", problem)
	}
	linux := s.Linux
	if linux == nil {
		linux = &Linux{}
	}
	linuxAt := field(nil, "linux")
	nsAt := field(&linuxAt, "namespaces")
	c.namespaces(&nsAt, linux.Namespaces)

	if at := field(nil, "process"); s.Process != nil {
		c.process(&at, s.Process)
		c.mappedUser(&at, &s.Process.User, linux)
	} else {
		c.warn(at, "is not set, so the container cannot be started")
	}
	c.root(s.Root)
	c.nodeName("hostname", s.Hostname)
	c.nodeName("domainname", s.Domainname)
	mountsAt := field(nil, "mounts")
	for i := range s.Mounts {
		at := entry(&mountsAt, i)
		c.mount(&at, &s.Mounts[i])
	}
	if s.Hooks != nil {
		c.hooks(s.Hooks)
	}
	if _, empty := s.Annotations[""]; empty {
		c.fail(field(nil, "annotations"), "must not have an empty key")
	}
	c.linux(&linuxAt, linux, s)
	c.otherPlatforms(s)
}

func (c *checker) root(r *Root) {
	at := field(nil, "root")
	if r == nil {
		c.fail(at, "must be set")
		return
	}
	if path := field(&at, "path"); r.Path == "" {
		c.fail(path, "must not be empty")
	} else {
		c.text(path, r.Path)
	}
	if r.Readonly && !c.ns.has(MountNamespace) {
		c.fail(field(&at, "readonly"), "needs a mount namespace")
	}
}

// maxNodeName is how long a host or domain name may be (__NEW_UTS_LEN of the
// kernel's uapi, sethostname(2)).
const maxNodeName = 64

func (c *checker) nodeName(name, value string) {
	if value == "" {
		return
	}
	at := field(nil, name)
	switch {
	case len(value) > maxNodeName:
		c.fail(at, "%s is %d bytes long, at most %d are possible", quote(value), len(value), maxNodeName)
	case !c.ns.has(UTSNamespace):
		c.fail(at, "needs a uts namespace")
	default:
		c.text(at, value)
	}
}

func (c *checker) hooks(h *Hooks) {
	hooksAt := field(nil, "hooks")
	for _, kind := range [...]struct {
		name string
		list []Hook
	}{
		//lint:ignore SA1019 deprecated, but engines still use it
		{"prestart", h.Prestart},
		{"createRuntime", h.CreateRuntime},
		{"createContainer", h.CreateContainer},
		{"startContainer", h.StartContainer},
		{"poststart", h.Poststart},
		{"poststop", h.Poststop},
	} {
		kindAt := field(&hooksAt, kind.name)
		for i := range kind.list {
			at := entry(&kindAt, i)
			c.hook(&at, &kind.list[i])
		}
	}
}

func (c *checker) hook(at *place, h *Hook) {
	c.absolute(field(at, "path"), h.Path)
	args := field(at, "args")
	for i, arg := range h.Args {
		c.text(entry(&args, i), arg)
	}
	c.env(at, h.Env)
	if h.Timeout != nil && *h.Timeout <= 0 {
		c.fail(field(at, "timeout"), "%d is not greater than 0", *h.Timeout)
	}
}

// env checks the list called env in the object at.
func (c *checker) env(at *place, env []string) {
	list := field(at, "env")
	for i, e := range env {
		switch eq := strings.IndexByte(e, '='); {
		case eq < 0:
			c.fail(entry(&list, i), "%s has no \"=\"", quote(e))
		case eq == 0:
			c.fail(entry(&list, i), "%s has no name before the \"=\"", quote(e))
		default:
			c.text(entry(&list, i), e)
		}
	}
}

// otherPlatforms warns of sections for operating systems that are not Linux.
func (c *checker) otherPlatforms(s *Spec) {
	for _, section := range [...]struct {
		name string
		set  bool
	}{
		{"solaris", s.Solaris != nil},
		{"windows", s.Windows != nil},
		{"vm", s.VM != nil},
		{"zos", s.ZOS != nil},
		{"freebsd", s.FreeBSD != nil},
	} {
		if section.set {
			c.warn(field(nil, section.name), "is ignored on Linux")
		}
	}
}
