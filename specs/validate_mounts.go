package specs

// mount checks the structure of one mount. What its options mean together is
// for package rootfs to say.
func (c *checker) mount(at *place, m *Mount) {
	switch dest := field(at, "destination"); {
	case m.Destination == "":
		c.fail(dest, "must not be empty")
	case !c.text(dest, m.Destination):
	case m.Destination[0] != '/':
		c.warn(dest, "%s is a relative path, which is deprecated; it is taken from \"/\"", quote(m.Destination))
	}
	c.text(field(at, "type"), m.Type)
	c.text(field(at, "source"), m.Source)

	bind, remount, idmap := false, false, -1
	options := field(at, "options")
	for i, o := range m.Options {
		switch o {
		case "bind", "rbind":
			bind = true
		case "remount":
			remount = true
		case "idmap", "ridmap":
			idmap = i
		default:
			c.text(entry(&options, i), o)
		}
	}
	switch {
	case bind && !remount && m.Source == "":
		c.fail(field(at, "source"), "must be set for a bind mount")
	case !bind && !remount && m.Type == "":
		c.fail(field(at, "type"), "must be set unless the options have bind or rbind")
	}
	c.mountMappings(at, m, idmap)
}

// mountMappings checks the id mappings of a mount, of which the option that
// asks for one has the index idmap, -1 if there is none.
func (c *checker) mountMappings(at *place, m *Mount, idmap int) {
	uids, gids := field(at, "uidMappings"), field(at, "gidMappings")
	switch nu, ng := len(m.UIDMappings), len(m.GIDMappings); {
	case nu > 0 && ng == 0:
		c.fail(gids, "must be set along with uidMappings")
	case nu == 0 && ng > 0:
		c.fail(uids, "must be set along with gidMappings")
	case nu == 0 && idmap >= 0 && !c.ns.has(UserNamespace):
		options := field(at, "options")
		c.fail(entry(&options, idmap), "%q needs uidMappings and gidMappings, or a user namespace", m.Options[idmap])
	case nu > 0 && idmap < 0:
		c.warn(field(at, "options"), "should have idmap or ridmap along with uidMappings")
	}
	c.mappings(&uids, m.UIDMappings)
	c.mappings(&gids, m.GIDMappings)
}
