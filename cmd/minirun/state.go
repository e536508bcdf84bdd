package main

import (
	"context"
	"encoding/json"
	"io"
	"os/user"
	"strconv"
	"time"

	"github.com/minirun/minirun/libcontainer"
)

// stateJSON is the document that engines decode: the specification's fields, and those that runtimes have always had beside them.
type stateJSON struct {
	OCIVersion  string            `json:"ociVersion"`
	ID          string            `json:"id"`
	Pid         int               `json:"pid"`
	Status      string            `json:"status"`
	Bundle      string            `json:"bundle"`
	Rootfs      string            `json:"rootfs"`
	Created     time.Time         `json:"created"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Owner       string            `json:"owner"`
}

func newStateJSON(s libcontainer.State, owner string) stateJSON {
	return stateJSON{
		OCIVersion: s.Version, ID: s.ID, Pid: s.Pid, Status: string(s.Status), Bundle: s.Bundle, Rootfs: s.Rootfs,
		Created: s.Created, Annotations: s.Annotations, Owner: owner,
	}
}

func stateCommand() command {
	return command{
		name: "state", args: "ID", short: "print the state of a container as JSON",
		long: `The document has the fields of the specification (ociVersion, id, status, pid, bundle, annotations) and beside them rootfs, created and owner. The status
is creating, created, running, paused or stopped.`,
		example: "minirun state web",
		setup: func(*flags) action {
			return func(ctx context.Context, a *app, args []string) (int, error) {
				c, err := a.load(ctx, "state", args)
				if err != nil {
					return 1, err
				}
				s, err := c.State(ctx)
				if err != nil {
					return 1, err
				}
				return 0, printJSON(a.stdout, newStateJSON(s, ownerName(s.OwnerUID)))
			}
		},
	}
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// ownerName is the user's name, or the number where there is none.
func ownerName(uid int) string {
	id := strconv.Itoa(uid)
	u, err := user.LookupId(id)
	if err != nil {
		return "#" + id
	}
	return u.Username
}
