//go:build !amd64 && !arm64

package nsenter

// initELF is empty: OpenExecutable returns ErrUnsupported.
var initELF []byte
