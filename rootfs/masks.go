package rootfs

import "github.com/minirun/minirun/nsenter"

func (c *compiler) readonlyPaths() {
	for i, p := range c.linux.ReadonlyPaths {
		field := index("linux.readonlyPaths", i)
		if p = c.absolute(field, p); p != "" {
			add(&c.out.Finish, field, &nsenter.MountReadonly{Root: c.out.Root, Path: p})
		}
	}
}

// maskedPaths come after the read-only ones: a mask over something in a read-only tree must be on top of it.
func (c *compiler) maskedPaths() {
	if len(c.linux.MaskedPaths) == 0 {
		return
	}
	null, empty := c.maskSlots()
	for i, p := range c.linux.MaskedPaths {
		field := index("linux.maskedPaths", i)
		switch p = c.absolute(field, p); p {
		case "":
		case "/":
			c.problem(field, p, "the root cannot be masked")
		default:
			add(&c.out.Finish, field, &nsenter.MountMask{Root: c.out.Root, Path: p, Null: null, Empty: empty})
		}
	}
}

// maskSlots returns the slots that all masks of the container share, for the null device and the empty tmpfs.
func (c *compiler) maskSlots() (null, empty nsenter.Slot) {
	if !c.masks.allocated {
		c.masks = maskSlots{true, c.alloc(), c.alloc()}
	}
	return c.masks.null, c.masks.empty
}

type maskSlots struct {
	allocated   bool
	null, empty nsenter.Slot
}
