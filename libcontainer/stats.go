package libcontainer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/cgroups/resctrl"
)

// Stats is what a container has used, by its cgroup: bytes, nanoseconds and numbers of events, each explained in [cgroups.Stats]. What the
// kernel does not count is nil.
type Stats struct {
	cgroups.Stats
	// IntelRdt is nil without linux.intelRdt in the configuration.
	IntelRdt *resctrl.Stats
	// Time is when the reading began.
	Time time.Time
}

// Stats reads what the container has used since it was made. It also works for a stopped container, whose cgroup is there until Delete: an OOM
// kill of its first process, for instance, can still be seen. ErrNotRunning: the cgroup is gone. A container without a cgroup has no
// statistics, which is another error.
func (c *Container) Stats(ctx context.Context) (Stats, error) {
	rec, err := c.reload()
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return Stats{}, &ContainerError{"stats", c.id, err}
	}
	s, err := c.stats(rec)
	if err != nil {
		return Stats{}, &ContainerError{"stats", c.id, err}
	}
	return s, nil
}

func (c *Container) stats(r *record) (Stats, error) {
	if r.Cgroup == nil || len(r.Cgroup.Dirs) == 0 {
		return Stats{}, errors.New("the container has no cgroup, which would count")
	}
	cg := r.openCgroup()
	defer cg.Close()
	now := time.Now()
	s, err := cg.Stats()
	if errors.Is(err, unix.ENOENT) {
		err = fmt.Errorf("%w: %w", ErrNotRunning, err)
	}
	if err != nil {
		return Stats{}, err
	}
	all := Stats{Stats: *s, Time: now}
	if r.Rdt == nil {
		return all, nil
	}
	fs, err := c.rt.resctrl()
	if err == nil {
		all.IntelRdt, err = fs.Stats(*r.Rdt)
	}
	if err != nil {
		return Stats{}, fieldError("linux.intelRdt", err)
	}
	return all, nil
}

// openCgroup is the container's cgroup; one without directories if it has none.
func (r *record) openCgroup() *cgroups.Cgroup {
	if r.Cgroup == nil {
		return cgroups.Open(cgroups.Record{})
	}
	return openCgroup(*r.Cgroup)
}
