package libcontainer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/specs"
)

// checkOptions finds what is wrong with the caller's side before anything is made.
func checkOptions(p *specs.Process, s Stdio, pidFile string) error {
	if p.Terminal && s.Console == nil {
		return errors.New("process.terminal: a console socket is needed to detach from a container with a terminal")
	}
	if pidFile == "" {
		return nil
	}
	var st unix.Stat_t
	dir := filepath.Dir(pidFile)
	if err := unix.Stat(dir, &st); err != nil {
		return fmt.Errorf("pid file: %s: %w", dir, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return fmt.Errorf("pid file: %s: %w", dir, unix.ENOTDIR)
	}
	if err := unix.Stat(pidFile, &st); err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return fmt.Errorf("pid file: %s: %w", pidFile, unix.EISDIR)
	}
	return nil
}

// removePidFile takes back what a failed plan has announced.
func (r *runner) removePidFile() error {
	if !r.announced || r.c.opts.pidFile == "" {
		return nil
	}
	if err := os.Remove(r.c.opts.pidFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("pid file: %w", err)
	}
	return nil
}
