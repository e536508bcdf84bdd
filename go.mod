module github.com/minirun/minirun

go 1.26.0

require (
	github.com/containerd/cgroups/v3 v3.1.3
	github.com/opencontainers/runtime-spec v1.3.0
	github.com/seccomp/libseccomp-golang v0.10.0
	golang.org/x/sys v0.49.0
	google.golang.org/protobuf v1.35.2
)

require (
	github.com/godbus/dbus/v5 v5.2.4
	github.com/sirupsen/logrus v1.10.2 // indirect
	golang.org/x/term v0.47.0 // indirect
)
