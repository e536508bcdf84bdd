package specs

import (
	"slices"
	"strings"
)

// sortedKeys returns the keys of m in order, so that reports do not differ from
// one run to the next.
func sortedKeys[T any](m map[string]T) []string {
	if len(m) == 0 {
		return nil
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// SysctlPath returns the file below /proc/sys of a kernel parameter, for
// example "net/core/somaxconn" for "net.core.somaxconn", and false if the name
// is not one. As in sysctl(8), whichever of "." and "/" comes first separates
// the parts of the name, and the other one then stands for the first one
// inside of a part: both "net.ipv4.conf.eth0/1.mtu" and
// "net/ipv4/conf/eth0.1/mtu" mean the interface eth0.1.
func SysctlPath(name string) (string, bool) {
	path := name
	if sep := strings.IndexAny(name, "./"); sep >= 0 && name[sep] == '.' {
		swapped := []byte(name)
		for i, c := range swapped {
			switch c {
			case '.':
				swapped[i] = '/'
			case '/':
				swapped[i] = '.'
			}
		}
		path = string(swapped)
	}
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." || part == ".." {
			return "", false
		}
	}
	return path, strings.IndexByte(path, 0) < 0 && strings.Contains(path, "/")
}

// SysctlNamespace returns the type of namespace that has a value of its own of
// a kernel parameter, and false if none has or the name is not one.
func SysctlNamespace(name string) (LinuxNamespaceType, bool) {
	path, ok := SysctlPath(name)
	if !ok {
		return "", false
	}
	return sysctlNamespace(path)
}

// sysctlNamespace is SysctlNamespace of a path below /proc/sys.
func sysctlNamespace(path string) (LinuxNamespaceType, bool) {
	switch path {
	case "kernel/msgmax", "kernel/msgmnb", "kernel/msgmni", "kernel/msg_next_id", "kernel/auto_msgmni",
		"kernel/sem", "kernel/sem_next_id",
		"kernel/shmall", "kernel/shmmax", "kernel/shmmni", "kernel/shm_next_id", "kernel/shm_rmid_forced":
		return IPCNamespace, true
	case "kernel/domainname", "kernel/hostname":
		return UTSNamespace, true
	}
	switch {
	case strings.HasPrefix(path, "fs/mqueue/"):
		return IPCNamespace, true
	case strings.HasPrefix(path, "net/"):
		return NetworkNamespace, true
	case strings.HasPrefix(path, "user/"):
		return UserNamespace, true
	}
	return "", false
}

// sysctls checks that each parameter belongs to a namespace that is not the
// host's: any other would be set for the whole machine.
func (c *checker) sysctls(at *place, sysctls map[string]string, s *Spec) {
	if len(sysctls) == 0 {
		return
	}
	list := field(at, "sysctl")
	files := make(map[string]string, len(sysctls))
	for _, name := range sortedKeys(sysctls) {
		here := field(&list, name)
		path, ok := SysctlPath(name)
		if !ok {
			c.fail(here, "is not the name of a kernel parameter")
			continue
		}
		if other, twice := files[path]; twice {
			c.fail(here, "is the same kernel parameter as %s", quote(other))
		}
		files[path] = name
		switch ns, ok := sysctlNamespace(path); {
		case !ok:
			c.fail(here, "is not a parameter of a namespace, it would change the host")
		case !c.ns.has(ns):
			c.fail(here, "needs a namespace of type %s", ns)
		case path == "kernel/hostname":
			c.fail(here, "must not be set, use hostname")
		case path == "kernel/domainname" && s.Domainname != "":
			c.fail(here, "must not be set along with domainname")
		}
		if value := sysctls[name]; value == "" {
			c.warn(here, "is empty, which changes nothing")
		} else {
			c.text(here, value)
		}
	}
}
