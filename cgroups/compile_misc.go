package cgroups

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// hugepages compiles linux.resources.hugepageLimits: the limit of reservations
// where the kernel has it (5.7), and that of use, which also catches pages that
// were not reserved.
func (c *compiler) hugepages(limits []specs.LinuxHugepageLimit) {
	for i, l := range limits {
		field := fmt.Sprintf("hugepageLimits[%d]", i)
		if !isPageSize(l.Pagesize) {
			c.fail(field+".pageSize", "%q is not a size such as 64KB, 2MB or 1GB", l.Pagesize)
			continue
		}
		file, v := "hugetlb."+l.Pagesize, formatUint(l.Limit)
		c.put(field, perVersion{
			"hugetlb",
			Write{File: file + ".limit_in_bytes", Value: v},
			Write{File: file + ".max", Value: v},
		})
		if _, ok := c.lookup("hugetlb"); !ok {
			continue
		}
		c.put(field, perVersion{
			"hugetlb",
			Write{File: file + ".rsvd.limit_in_bytes", Value: v, OnMissing: Skip},
			Write{File: file + ".rsvd.max", Value: v, OnMissing: Skip},
		})
	}
}

// isPageSize tells whether s has the form <number>{K,M,G}B.
func isPageSize(s string) bool {
	n, unit := strings.TrimRight(s, "KMGB"), strings.TrimLeft(s, "0123456789")
	return n != "" && n[0] != '0' && n+unit == s && (unit == "KB" || unit == "MB" || unit == "GB")
}

// network compiles linux.resources.network, which only version 1 has.
func (c *compiler) network(r *specs.LinuxNetwork) {
	if r.ClassID != nil {
		// 0 is no class, which is also what a host without the controller does.
		if _, ok := c.lookup("net_cls"); ok || *r.ClassID != 0 {
			c.put("network.classID", perVersion{
				controller: "net_cls",
				v1:         Write{File: "net_cls.classid", Value: formatUint(uint64(*r.ClassID))},
			})
		}
	}
	for i, p := range r.Priorities {
		field := fmt.Sprintf("network.priorities[%d]", i)
		if p.Name == "" || strings.ContainsAny(p.Name, " \t\n/") {
			c.fail(field+".name", "%q is no name of a network interface", p.Name)
			continue
		}
		c.put(field, perVersion{
			controller: "net_prio",
			v1:         Write{File: "net_prio.ifpriomap", Value: fmt.Sprintf("%s %d", p.Name, p.Priority)},
		})
	}
}

// rdma compiles linux.resources.rdma, which is the same in both versions.
func (c *compiler) rdma(devices map[string]specs.LinuxRdma) {
	for _, name := range slices.Sorted(maps.Keys(devices)) {
		field, d := fmt.Sprintf("rdma[%q]", name), devices[name]
		if name == "" || strings.ContainsAny(name, " \t\n") {
			c.fail(field, "%q is no name of an RDMA device", name)
			continue
		}
		v := name
		if d.HcaHandles != nil {
			v += fmt.Sprintf(" hca_handle=%d", *d.HcaHandles)
		}
		if d.HcaObjects != nil {
			v += fmt.Sprintf(" hca_object=%d", *d.HcaObjects)
		}
		if v == name {
			c.fail(field, "has neither hcaHandles nor hcaObjects")
			continue
		}
		w := Write{File: "rdma.max", Value: v}
		c.put(field, perVersion{"rdma", w, w})
	}
}

// noLimits are the core files of version 2 that do something to processes. A
// container would start elsewhere, or never.
var noLimits = []string{"cgroup.procs", "cgroup.threads", "cgroup.freeze", "cgroup.kill", "cgroup.type"}

// unified compiles linux.resources.unified: files of the version 2 tree, which
// on a hybrid host has some controllers only. It comes after the other limits,
// so it wins over them. Lines are written one by one, as such files want it.
func (c *compiler) unified(files map[string]string) {
	tree, ok := c.host.unified()
	for _, key := range slices.Sorted(maps.Keys(files)) {
		field := fmt.Sprintf("unified[%q]", key)
		if !ok {
			c.fail(field, "needs cgroup v2, which this host does not have")
			continue
		}
		controller, rest, dotted := strings.Cut(key, ".")
		if !dotted || controller == "" || rest == "" || strings.ContainsAny(key, "/\x00") {
			c.fail(field, "is no name of a cgroup file")
			continue
		}
		if slices.Contains(noLimits, key) {
			c.fail(field, "is no limit: it moves, stops or ends processes")
			continue
		}
		if controller != core && !slices.Contains(tree.Controllers, controller) {
			c.fail(field, "the cgroup v2 hierarchy of this host does not have the %s controller", controller)
			continue
		}
		for line := range strings.SplitSeq(strings.TrimRight(files[key], "\n"), "\n") {
			c.add(field, Write{Controller: controller, File: key, Value: line})
		}
	}
}
