package nsenter

import _ "embed" // for the init

// initELF is the in-container init, built by init/Makefile.
//
//go:embed init/bin/init.arm64
var initELF []byte
