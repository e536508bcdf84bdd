package libcontainer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/minirun/minirun/cgroups/resctrl"
	"github.com/minirun/minirun/nsenter"
)

// Runtime is a directory of containers. It is safe for concurrent use, also by several programs.
type Runtime struct {
	root  string
	warn  func(string)
	debug func(string)

	rootless *bool
	userRoot bool // the root directory is in the user's runtime directory

	rdt *resctrl.FS // nil: the one that is mounted

	mu  sync.Mutex
	exe *os.File // nsenter.OpenExecutable, made at first use
}

// New returns the Runtime of a root directory. Nothing is made yet.
func New(o Options) (*Runtime, error) {
	root := filepath.Clean(o.Root)
	if !filepath.IsAbs(root) || root == "/" {
		return nil, fmt.Errorf("root directory %q: it must be an absolute path and not \"/\"", o.Root)
	}
	warn := o.Warn
	if warn == nil {
		warn = func(string) {}
	}
	return &Runtime{root: root, warn: warn, debug: o.Debug, rdt: o.Resctrl, rootless: o.Rootless, userRoot: root != hostRoot && root == DefaultRoot()}, nil
}

// Close gives the Runtime's descriptors back. Containers are not affected.
func (r *Runtime) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.exe == nil {
		return nil
	}
	err := r.exe.Close()
	r.exe = nil
	return err
}

// executable returns the init's program, one sealed copy for all containers of this Runtime.
func (r *Runtime) executable() (*os.File, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.exe == nil {
		exe, err := nsenter.OpenExecutable(r.root)
		if err != nil {
			return nil, err
		}
		r.exe = exe
	}
	return r.exe, nil
}

// Load returns a container that exists. Errors: ErrInvalidID, ErrNotExist.
func (r *Runtime) Load(ctx context.Context, id string) (*Container, error) {
	if err := ValidateID(id); err != nil {
		return nil, &ContainerError{"load", id, err}
	}
	c := &Container{rt: r, id: id, dir: &stateDir{dir: filepath.Join(r.root, id)}}
	if _, err := c.reload(); err != nil {
		return nil, &ContainerError{"load", id, err}
	}
	return c, nil
}

// List returns the containers of the root directory, sorted by id. A root directory that does not exist has none. A container that
// disappears meanwhile is left out.
func (r *Runtime) List(ctx context.Context) ([]*Container, error) {
	entries, err := os.ReadDir(r.root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	var list []*Container
	for _, e := range entries {
		if !e.IsDir() || ValidateID(e.Name()) != nil {
			continue
		}
		c, err := r.Load(ctx, e.Name())
		if errors.Is(err, ErrNotExist) {
			continue
		}
		if err != nil {
			r.warn("list: " + e.Name() + ": " + err.Error())
			continue
		}
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *Container) int { return strings.Compare(a.id, b.id) })
	return list, nil
}

// ValidateID checks the id of a container: letters, digits and "_+-.", not "." or "..", at most 1024 bytes.
func ValidateID(id string) error {
	if id == "" || id == "." || id == ".." || len(id) > 1024 {
		return ErrInvalidID
	}
	for _, c := range []byte(id) {
		ok := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_+-.", c) >= 0
		if !ok {
			return ErrInvalidID
		}
	}
	return nil
}
