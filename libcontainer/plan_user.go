package libcontainer

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/nsenter"
	"github.com/minirun/minirun/specs"
)

// joinedUser is a user namespace given by path.
type joinedUser struct {
	userMaps
	callers bool // it is the one that the caller is in
}

// may tells whether the caller has a capability in its own user namespace.
func (c *compiler) may(capability uint) bool { return c.facts.caps&(1<<capability) != 0 }

// ordinaryUser tells whether the caller is not root of its user namespace.
func (c *compiler) ordinaryUser() bool { return c.facts.caller.uid != 0 }

// compileUser decides what is known of the ids in the container, and refuses what the caller's rights or the maps cannot give.
func (c *compiler) compileUser() {
	if !c.ns.own(unix.CLONE_NEWUSER) && !c.may(unix.CAP_SYS_ADMIN) {
		c.fail("linux.namespaces", "a user namespace is needed: the caller, user %d, lacks CAP_SYS_ADMIN", c.facts.caller.uid)
	}
	l, who := c.linux(), &c.facts.caller
	switch {
	case c.ns.made&unix.CLONE_NEWUSER != 0:
		c.ids = userMaps{uids: l.UIDMappings, gids: l.GIDMappings}
		// The kernel takes an unprivileged map of the caller's own group only once setgroups(2) is forbidden.
		c.ids.noGroups = who.noGroups || !c.may(unix.CAP_SETGID) && ownID(l.GIDMappings, who.gid)
	case c.ns.own(unix.CLONE_NEWUSER):
		c.compileJoinedUser()
	default:
		c.ids = who.maps()
		c.checkIDs("the user namespace of the caller")
	}
	c.checkGroups()
}

// compileJoinedUser takes the maps from the namespace itself. What the configuration says of them must be true.
func (c *compiler) compileJoinedUser() {
	for _, j := range c.ns.joined {
		if j.flag != unix.CLONE_NEWUSER {
			continue
		}
		user, err := c.facts.joined(j.path)
		if err != nil {
			c.errs = append(c.errs, fieldError(j.field, err))
			return
		}
		if user.callers {
			c.fail(j.field, "%s is the user namespace of the caller: leave the entry out to stay in it", j.path)
		}
		c.ids = user.userMaps
	}
	l := c.linux()
	c.checkJoinedMap("linux.uidMappings", l.UIDMappings, c.ids.uids)
	c.checkJoinedMap("linux.gidMappings", l.GIDMappings, c.ids.gids)
	c.checkIDs("the user namespace that is joined")
}

// checkIDs refuses a user that does not exist in the container's user namespace. Where the configuration has the maps, validation has done so.
func (c *compiler) checkIDs(where string) {
	if c.process == nil {
		return
	}
	u := &c.process.User
	if len(c.ids.uids) > 0 && !mapped(c.ids.uids, u.UID) {
		c.fail("process.user.uid", "%d is not mapped in %s", u.UID, where)
	}
	if len(c.ids.gids) == 0 {
		return
	}
	if !mapped(c.ids.gids, u.GID) {
		c.fail("process.user.gid", "%d is not mapped in %s", u.GID, where)
	}
	for i, g := range u.AdditionalGids {
		if !mapped(c.ids.gids, g) {
			c.fail(fmt.Sprintf("process.user.additionalGids[%d]", i), "%d is not mapped in %s", g, where)
		}
	}
}

func (c *compiler) checkJoinedMap(field string, asked, have []specs.LinuxIDMapping) {
	if len(asked) > 0 && len(have) > 0 && !sameIDMap(asked, have) {
		c.fail(field, "the user namespace that is joined has another map: %s", idMapText(have))
	}
}

// checkGroups refuses groups that nobody can set.
func (c *compiler) checkGroups() {
	p := c.process
	if p == nil || len(p.User.AdditionalGids) == 0 {
		return
	}
	if c.ids.noGroups {
		c.fail("process.user.additionalGids", "groups cannot be set: setgroups(2) is forbidden in a user namespace whose groups "+
			"were mapped without privileges (map more groups, by newgidmap, or leave the field out)")
	}
}

// syncAsUser lets the host side write to files of the init in /proc. Those of a process that is not dumpable belong to root, so for another
// user the init has to be dumpable for that moment. Nothing that it could be asked for is in reach yet: it has joined no container.
func (c *compiler) syncAsUser(because string, point uint32, op hostOp) {
	if c.ordinaryUser() {
		c.add(because, nsenter.ProcDumpable{Value: 1})
	}
	c.sync(because, point, nsenter.NoSlot, step(because, op))
	if c.ordinaryUser() {
		c.add(because, nsenter.ProcDumpable{Value: 0})
	}
}

// showToCaller lets an ordinary user exec in a container that waits to be started. The kernel allows that for what is dumpable, or for what was
// executed in the container's user namespace, and the init was not: it is from before. All that is in it by now is the container's own.
func (c *compiler) showToCaller(g gate) {
	if g == gateStart && c.ordinaryUser() && c.ns.own(unix.CLONE_NEWUSER) {
		c.add("exec before start", nsenter.ProcDumpable{Value: 1})
	}
}

// adjustAsUser is adjust for a caller who can do it only at the beginning. Processes made later inherit it.
func (c *compiler) adjustAsUser() {
	for _, it := range c.adjust() {
		c.syncAsUser(it.Because, pointForked, it.Op.(hostOp))
	}
}

// idMapText is a map for people: 0-65535 is 100000-165535.
func idMapText(m []specs.LinuxIDMapping) string {
	text := ""
	for i, e := range m {
		if i > 0 {
			text += ", "
		}
		last := uint64(e.Size) - 1
		text += fmt.Sprintf("%d-%d is %d-%d", e.ContainerID, uint64(e.ContainerID)+last, e.HostID, uint64(e.HostID)+last)
	}
	return text
}
