package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/minirun/minirun/specs"
)

func specCommand() command {
	return command{
		name: "spec", args: "", short: "write a config.json to start from",
		long: `The file config.json is written into the bundle's directory, with a configuration that runs a shell in the root file system "rootfs". A file that is
there is not overwritten.`,
		example: `minirun spec --bundle /srv/web
minirun spec --rootless`,
		setup: func(f *flags) action {
			bundle := f.String("bundle", ".", "directory of the bundle")
			f.alias("b", "bundle")
			rootless := f.Bool("rootless", false, "for a container of an ordinary user")
			return func(ctx context.Context, a *app, args []string) (int, error) {
				if len(args) != 0 {
					return 1, usagef("spec: no arguments are needed, not %d", len(args))
				}
				return 0, writeSpec(*bundle, *rootless)
			}
		},
	}
}

func writeSpec(bundle string, rootless bool) error {
	s := specs.Default()
	if rootless {
		s = specs.DefaultRootless(uint32(os.Geteuid()), uint32(os.Getegid()))
	}
	path := filepath.Join(bundle, specs.ConfigName)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("file %s exists. Remove it first", path)
	}
	if err != nil {
		return err
	}
	return errors.Join(printJSON(f, s), f.Close())
}
