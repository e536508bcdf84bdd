package criu

// Kind is what a request asks for, and what a response answers.
type Kind uint64

// The kinds of request that are used here (criu_req_type).
const (
	Dump    Kind = 1
	Restore Kind = 2
	PreDump Kind = 4
	notify  Kind = 6
	version Kind = 10
)

// CgroupMode says what is done about cgroups (criu_cg_mode).
type CgroupMode uint64

// The modes that callers choose from; zero leaves it to CRIU.
const (
	CgroupIgnore CgroupMode = 100 // 0 on the wire, which here means "not chosen"
	CgroupSoft   CgroupMode = 3
	CgroupFull   CgroupMode = 4
	CgroupStrict CgroupMode = 5
)

// NetworkLock says how connections are held while a container is written (criu_network_lock_method).
type NetworkLock uint64

// The methods; zero leaves it to CRIU.
const (
	LockIPTables NetworkLock = 1
	LockNFTables NetworkLock = 2
	LockSkip     NetworkLock = 3
)

// ExternalMount is a mount whose content is not in the images. At a dump Key is the mount point and Value the name, at a restore Key is
// the name and Value the source. Neither the mount point nor the name may have a "]" in it: CRIU takes it for the end.
type ExternalMount struct{ Key, Value string }

// CgroupRoot is where the processes of a version 1 hierarchy are put; Controller is empty for version 2.
type CgroupRoot struct{ Controller, Path string }

// JoinNamespace is a namespace that restored processes enter instead of a new one.
type JoinNamespace struct{ Kind, Path string }

// InheritFD hands an open descriptor on: FD is its number in the CRIU process.
type InheritFD struct {
	Key string
	FD  int
}

// Options are those of criu(8) by the same name. Descriptors are numbers in the caller: CRIU finds them below its /proc.
type Options struct {
	ImagesFD, WorkFD                             int
	Pid                                          int
	LeaveRunning, ExtUnixSockets, TCPEstablished bool
	TCPSkipInFlight, TCPClose                    bool
	EvasiveDevices, ShellJob, FileLocks          bool
	LogLevel                                     int
	LogFile                                      string
	PageServerAddress                            string
	PageServerPort                               int
	NotifyScripts                                bool
	Root                                         string
	ParentImages                                 string
	TrackMemory, AutoDedup, LazyPages, LinkRemap bool
	ExternalMounts                               []ExternalMount
	External                                     []string
	ManageCgroups                                bool
	CgroupMode                                   CgroupMode
	CgroupRoots                                  []CgroupRoot
	FreezeCgroup                                 string
	RestoreSibling                               bool
	Inherit                                      []InheritFD
	EmptyNamespaces                              uint64 // CLONE_NEW*
	Join                                         []JoinNamespace
	StatusFD                                     int // 0: none
	OrphanPtsMaster                              bool
	ConfigFile, LSMProfile, LSMMountContext      string
	NetworkLock                                  NetworkLock
}

// encode writes criu_req with criu_opts.
func encode(kind Kind, o *Options) []byte {
	var opts message
	opts.int(1, o.ImagesFD)
	if o.Pid != 0 {
		opts.int(2, o.Pid)
	}
	opts.bool(3, o.LeaveRunning)
	opts.bool(4, o.ExtUnixSockets)
	opts.bool(5, o.TCPEstablished)
	opts.bool(6, o.EvasiveDevices)
	opts.bool(7, o.ShellJob)
	opts.bool(8, o.FileLocks)
	opts.int(9, o.LogLevel)
	opts.string(10, o.LogFile)
	if o.PageServerPort != 0 {
		var server message
		server.string(1, o.PageServerAddress)
		server.int(2, o.PageServerPort)
		opts.bytes(11, server)
	}
	opts.bool(12, o.NotifyScripts)
	opts.string(13, o.Root)
	opts.string(14, o.ParentImages)
	opts.bool(15, o.TrackMemory)
	opts.bool(16, o.AutoDedup)
	opts.int(17, o.WorkFD)
	opts.bool(18, o.LinkRemap)
	for _, m := range o.ExternalMounts {
		opts.bytes(23, pair(m.Key, m.Value))
	}
	opts.bool(24, o.ManageCgroups)
	for _, r := range o.CgroupRoots {
		opts.bytes(25, pair(r.Controller, r.Path))
	}
	opts.bool(26, o.RestoreSibling)
	for _, i := range o.Inherit {
		var fd message
		fd.string(1, i.Key)
		fd.int(2, i.FD)
		opts.bytes(27, fd)
	}
	switch o.CgroupMode {
	case 0:
	case CgroupIgnore:
		opts.uint(34, 0)
	default:
		opts.uint(34, uint64(o.CgroupMode))
	}
	opts.strings(37, o.External)
	if o.EmptyNamespaces != 0 {
		opts.uint(38, o.EmptyNamespaces)
	}
	for _, j := range o.Join {
		opts.bytes(39, pair(j.Kind, j.Path))
	}
	opts.string(44, o.FreezeCgroup)
	opts.bool(46, o.TCPSkipInFlight)
	opts.bool(48, o.LazyPages)
	if o.StatusFD != 0 {
		opts.int(49, o.StatusFD)
	}
	opts.bool(50, o.OrphanPtsMaster)
	opts.string(51, o.ConfigFile)
	opts.bool(52, o.TCPClose)
	opts.string(53, o.LSMProfile)
	opts.string(63, o.LSMMountContext)
	if o.NetworkLock != 0 {
		opts.uint(64, uint64(o.NetworkLock))
	}
	var req message
	req.uint(1, uint64(kind))
	req.bytes(2, opts)
	return req
}

// pair is an inner message of two strings, of which the second is never left out.
func pair(first, second string) message {
	var m message
	m.string(1, first)
	m.bytes(2, []byte(second))
	return m
}

// acknowledge answers a notification.
func acknowledge(ok bool) []byte {
	var m message
	m.uint(1, uint64(notify))
	if ok {
		m.uint(3, 1)
	} else {
		m.uint(3, 0)
	}
	return m
}

func askVersion() []byte {
	var m message
	m.uint(1, uint64(version))
	return m
}

// response is criu_resp.
type response struct {
	kind        Kind
	success     bool
	restoredPid int
	script      string // of a notification
	pid         int    // of a notification
	errno       int
	message     string
	version     Version
}

// Version is that of a CRIU.
type Version struct{ Major, Minor, Sub int }

func decode(b []byte) (*response, error) {
	r := &response{}
	err := fields(b, func(field int, n uint64, content []byte) error {
		switch field {
		case 1:
			r.kind = Kind(n)
		case 2:
			r.success = n != 0
		case 4:
			return fields(content, func(field int, n uint64, _ []byte) error {
				if field == 1 {
					r.restoredPid = int(int32(n))
				}
				return nil
			})
		case 5:
			return fields(content, func(field int, n uint64, content []byte) error {
				switch field {
				case 1:
					r.script = string(content)
				case 2:
					r.pid = int(int32(n))
				}
				return nil
			})
		case 7:
			r.errno = int(int32(n))
		case 9:
			r.message = string(content)
		case 10:
			return fields(content, func(field int, n uint64, _ []byte) error {
				switch field {
				case 1:
					r.version.Major = int(int32(n))
				case 2:
					r.version.Minor = int(int32(n))
				case 4:
					r.version.Sub = int(int32(n))
				}
				return nil
			})
		}
		return nil
	})
	return r, err
}
