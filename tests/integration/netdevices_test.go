//go:build integration

package integration

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// A world is a network namespace that stands for the host's.
type world struct {
	*box
	file string
}

// world makes one, with pairs of devices: of each, the first is for the container, the second stays.
func (b *box) world(pairs ...string) *world {
	b.Helper()
	if _, err := lookPath("ip"); err != nil {
		b.Skip("no ip(8): " + err.Error())
	}
	w := &world{b, b.path("world")}
	b.write(w.file, "", 0o644)
	b.hostCommand("unshare", "--net="+w.file, "true")
	b.Cleanup(func() { b.hostCommand("umount", w.file) })
	for _, name := range pairs {
		w.ip("link add " + name + " type veth peer name p-" + name)
	}
	return w
}

func (w *world) ip(command string) string {
	w.Helper()
	return w.hostCommand("nsenter", append([]string{"--net=" + w.file, "ip"}, strings.Fields(command)...)...)
}

// in calls the runtime from the world.
func (w *world) in(args ...string) result {
	w.Helper()
	cmd := w.command(args...)
	path, err := lookPath("nsenter")
	if err != nil {
		w.Fatal(err)
	}
	cmd.Path = path
	cmd.Args = append([]string{"nsenter", "--net=" + w.file, "--", underTest()}, cmd.Args[1:]...)
	return w.finish(cmd)
}

// devices has the container take devices over, by their names there.
func devices(names map[string]string) mod {
	return func(s *specs.Spec) {
		namespace(specs.NetworkNamespace, "")(s)
		s.Linux.NetDevices = map[string]specs.LinuxNetDevice{}
		for host, name := range names {
			s.Linux.NetDevices[host] = specs.LinuxNetDevice{Name: name}
		}
	}
}

// addresses are what ip(8) prints of a device's addresses, sorted, without what changes by itself.
func addresses(text string) []string {
	var list []string
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) > 1 && (f[0] == "inet" || f[0] == "inet6") && !strings.Contains(line, "scope link") {
			line = strings.Join(f, " ")
			for _, word := range []string{" secondary", " tentative"} {
				line = strings.ReplaceAll(line, word, "")
			}
			list = append(list, line)
		}
	}
	slices.Sort(list)
	return list
}

// A device comes under its new name, up, with its hardware address and mtu and those addresses that are meant to stay.
func TestNetDevices(t *testing.T) {
	b := newBox(t)
	w := b.world("eth7")
	w.ip("link set eth7 mtu 1400")
	w.ip("link set eth7 up")
	for _, a := range []string{
		"10.1.2.3/24 brd +", "10.1.2.4/24 brd + label eth7:x", "10.5.5.5 peer 10.5.5.6/30", "10.6.6.6/24 noprefixroute metric 77",
		"10.9.9.9/32 scope host", "10.7.7.7/24 valid_lft 1000 preferred_lft 500",
	} {
		w.ip("address add " + a + " dev eth7")
	}
	w.ip("-6 address add fd00::1/64 dev eth7 nodad")
	w.ip("-6 address add 2001:db8::1:2/128 dev eth7")
	mac := macOf(w.ip("link show eth7"))
	c := b.container(sleeping(), devices(map[string]string{"eth7": "inner0"}))
	w.in(c.verb("run", "-d")...).ok()
	c.exists = true
	inside := func(command string) string {
		return b.hostCommand("nsenter", append([]string{"--net=" + procPath(c.pid(), "ns/net"), "ip"}, strings.Fields(command)...)...)
	}
	show := inside("address show dev inner0")
	equal(b, "hardware address", macOf(show), mac)
	b.contains("device", show, " mtu 1400 ", ",UP")
	equal(b, "addresses", strings.Join(addresses(show), "\n"), strings.Join([]string{
		"inet 10.1.2.3/24 brd 10.1.2.255 scope global inner0",
		"inet 10.1.2.4/24 brd 10.1.2.255 scope global inner0:x",
		"inet 10.5.5.5 peer 10.5.5.6/30 scope global inner0",
		"inet 10.6.6.6/24 metric 77 scope global noprefixroute inner0",
		"inet6 2001:db8::1:2/128 scope global",
		"inet6 fd00::1/64 scope global nodad",
	}, "\n"))
	b.contains("in the container", c.exec("cat", "/proc/net/dev").ok().stdout, "inner0:")
	if left := w.ip("link show"); strings.Contains(left, " eth7") {
		b.Errorf("the device is still outside:\n%s", left)
	}
	w.ip("address add 10.1.2.1/24 dev p-eth7")
	w.ip("link set p-eth7 up")
	c.exec("ping", "-c", "1", "-W", "5", "10.1.2.1").ok()
}

func macOf(text string) string {
	return regexp.MustCompile(`link/ether ([0-9a-f:]+)`).FindString(text)
}

// Names: kept, given, chosen by the kernel, and of several at once, into a namespace where the numbers are taken.
func TestNetDevicesNames(t *testing.T) {
	b := newBox(t)
	w := b.world("eth0", "eth1", "eth2", "eth3.5")
	other := b.path("other")
	b.write(other, "", 0o644)
	b.hostCommand("unshare", "--net="+other, "true")
	defer b.hostCommand("umount", other)
	for range 6 { // take the numbers of all that comes
		b.hostCommand("nsenter", "--net="+other, "ip", "link", "add", "type", "veth")
	}
	b.hostCommand("nsenter", "--net="+other, "ip", "link", "add", "net0", "type", "veth", "peer", "name", "peer0")
	c := b.container(script("cat /proc/net/dev"), devices(map[string]string{"eth0": "", "eth1": "renamed", "eth2": "net%d", "eth3.5": "net%d"}),
		namespace(specs.NetworkNamespace, other))
	out := w.in(c.verb("run")...).ok().stdout
	for _, name := range []string{"eth0", "renamed", "net0", "net1", "net2", "peer0"} {
		if !slices.Contains(strings.Fields(out), name+":") {
			b.Errorf("no %s in\n%s", name, out)
		}
	}
	for _, name := range []string{"eth1", "eth2", "eth3.5"} {
		if slices.Contains(strings.Fields(out), name+":") {
			b.Errorf("%s has its old name in\n%s", name, out)
		}
	}
}

// A device of the host is there when the first hook runs.
func TestNetDevicesBeforeHooks(t *testing.T) {
	b := newBox(t)
	w := b.world("eth7")
	c := b.container()
	path := b.path("hook")
	b.write(path, "#!/bin/sh\npid=$(sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/')\ncat /proc/$pid/net/dev >"+b.path("seen")+"\n", 0o755)
	c.configure(devices(map[string]string{"eth7": ""}), hook("prestart", specs.Hook{Path: path, Env: []string{"PATH=/usr/bin:/bin"}}))
	w.in(c.verb("run")...).ok()
	b.contains("devices", b.read(b.path("seen")), "eth7:")
}

func TestNetDevicesUserNamespace(t *testing.T) {
	b := newBox(t)
	w := b.world("eth7")
	w.ip("address add 10.1.2.3/24 dev eth7")
	c := b.container()
	c.configure(c.userNamespace(100000, 65536), devices(map[string]string{"eth7": ""}), script("ip address show eth7 | grep inet; id -u"))
	b.contains("output", w.in(c.verb("run")...).ok().stdout, "10.1.2.3/24", "\n0\n")
}

// What cannot be moved is an error that names the device and leaves everything as it was.
func TestNetDevicesErrors(t *testing.T) {
	b := newBox(t)
	w := b.world("eth7", "eth8")
	try := func(names map[string]string, want ...string) {
		b.Helper()
		w.in(b.container(devices(names)).verb("run")...).fails(1, want...)
	}
	try(map[string]string{"nope": ""}, "linux.netDevices.nope: ", "nope", "no such device")
	try(map[string]string{"lo": "lo1"}, "linux.netDevices.lo: ", "move the device as lo1: invalid argument")
	try(map[string]string{"eth7": "lo"}, "linux.netDevices.eth7: ", "there is a device lo in the container's network namespace: file exists")
	text := w.ip("link show")
	b.contains("devices", text, " eth7@", " eth8@")
	c := b.container(devices(map[string]string{"eth7": ""}), namespace(specs.NetworkNamespace, w.file))
	w.in(c.verb("run")...).fails(1, "is the network namespace of the host", "linux.netDevices")
}
