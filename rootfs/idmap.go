package rootfs

import (
	"slices"
	"strconv"
	"strings"

	"github.com/minirun/minirun/nsenter"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// idmap returns the slot of the user namespace whose mappings the mount gets, NoSlot for none. The host side makes it, as only the
// owner of the source's filesystem may use it.
func (c *compiler) idmap(m *mount) nsenter.Slot {
	uid, gid := m.UIDMappings, m.GIDMappings
	field, value := m.field+".uidMappings", ""
	for _, k := range []kind{kindIdmap, kindRidmap} {
		if m.opt.has(k) {
			i := m.opt.index(k)
			field, value = m.option(i), m.Options[i]
		}
	}
	if m.opt.idmap != "" {
		if len(uid)+len(gid) > 0 {
			c.problem(field, value, "has mappings of its own, so uidMappings and gidMappings cannot be there as well")
			return nsenter.NoSlot
		}
		var text string
		if uid, gid, text = c.readIDMap(m.opt.idmap); text != "" {
			c.problem(field, value, text)
			return nsenter.NoSlot
		}
	}
	switch {
	case len(uid) > 0 && len(gid) == 0:
		c.problem(m.field+".gidMappings", "", "is required with uidMappings")
	case len(gid) > 0 && len(uid) == 0:
		c.problem(m.field+".uidMappings", "", "is required with gidMappings")
	case value == "" && len(uid) == 0:
	case c.facts.Unprivileged:
		c.problem(field, value, "id-mapped mounts need privileges on the host")
	case len(uid) == 0 && (!c.facts.UserNS || len(c.facts.UIDMappings) == 0 || len(c.facts.GIDMappings) == 0):
		c.problem(field, value, "needs uidMappings and gidMappings in the mount, or a user namespace with mappings")
	default:
		if value == "" {
			c.warn(field, "", "mappings without idmap or ridmap among the options, taken as idmap")
		}
		if len(uid) == 0 {
			uid, gid = c.facts.UIDMappings, c.facts.GIDMappings
		}
		return c.idmapSlot(m.field, uid, gid)
	}
	return nsenter.NoSlot
}

// idmapSlot gives equal mappings one user namespace.
func (c *compiler) idmapSlot(because string, uid, gid []specs.LinuxIDMapping) nsenter.Slot {
	for i := range c.out.IDMaps {
		if have := &c.out.IDMaps[i]; slices.Equal(have.UID, uid) && slices.Equal(have.GID, gid) {
			return have.Slot
		}
	}
	slot := c.alloc()
	c.out.IDMaps = append(c.out.IDMaps, IDMap{Slot: slot, UID: uid, GID: gid, Because: because})
	return slot
}

// readIDMap reads mappings as crun writes them in an option: uids=FILESYSTEM-HOST-SIZE#...;gids=..., where an @ before the first number
// says that the second one is an id of the container's user namespace. The last result says what is wrong.
func (c *compiler) readIDMap(text string) (uid, gid []specs.LinuxIDMapping, problem string) {
	for part := range strings.SplitSeq(text, ";") {
		key, list, _ := strings.Cut(part, "=")
		to, relative := &uid, c.facts.UIDMappings
		switch key {
		case "uids":
		case "gids":
			to, relative = &gid, c.facts.GIDMappings
		default:
			return nil, nil, "only uids and gids can be given"
		}
		for triplet := range strings.SplitSeq(list, "#") {
			m, problem := readTriplet(triplet, relative)
			if problem != "" {
				return nil, nil, problem
			}
			*to = append(*to, m)
		}
	}
	if len(uid) == 0 || len(gid) == 0 {
		return nil, nil, "must have uids and gids"
	}
	return uid, gid, ""
}

func readTriplet(text string, relative []specs.LinuxIDMapping) (m specs.LinuxIDMapping, problem string) {
	text, isRelative := strings.CutPrefix(text, "@")
	parts := strings.Split(text, "-")
	var n [3]uint32
	for i, p := range parts {
		v, err := strconv.ParseUint(p, 10, 32)
		if err != nil || len(parts) != len(n) {
			return m, "a mapping must be three numbers, FILESYSTEM-HOST-SIZE: " + quote(text)
		}
		n[i] = uint32(v)
	}
	m = specs.LinuxIDMapping{ContainerID: n[0], HostID: n[1], Size: n[2]}
	switch {
	case m.Size == 0:
		return m, "the size of a mapping must not be 0: " + quote(text)
	case !isRelative:
		return m, ""
	}
	for _, r := range relative {
		if first := uint64(m.HostID); first >= uint64(r.ContainerID) && first+uint64(m.Size) <= uint64(r.ContainerID)+uint64(r.Size) {
			m.HostID = r.HostID + (m.HostID - r.ContainerID)
			return m, ""
		}
	}
	return m, "no mapping of the container's user namespace holds all of it: " + quote(text)
}
