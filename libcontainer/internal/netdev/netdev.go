// Package netdev moves network devices between network namespaces, over netlink(7).
//
// The kernel takes a device down on its way and drops its addresses, so they are read before and set again behind. It is a few messages of
// rtnetlink(7), spoken here directly: what the libraries for it link in costs every start of the binary more than the move itself.
package netdev

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Move moves the device called host from the caller's network namespace to another one, under the name, which is host itself when it is empty, and
// may have one %d for a number that the kernel chooses. The device keeps what belongs to it, and its permanent addresses of global scope; it is up
// behind. Routes are not kept. The error says which request failed; a device with that name behind is unix.EEXIST, none here unix.ENODEV.
func Move(namespace *os.File, host, name string) error {
	here, err := open()
	if err != nil {
		return err
	}
	defer here.close()
	there, err := openIn(namespace)
	if err != nil {
		return err
	}
	defer there.close()
	m := mover{here: here, there: there, namespace: namespace}
	return m.move(host, name)
}

type mover struct {
	here, there *socket
	namespace   *os.File
}

func (m *mover) move(host, name string) error {
	dev, err := m.here.linkByName(host)
	if err != nil {
		return err
	}
	addresses, err := m.here.addresses(dev.index)
	if err != nil {
		return err
	}
	if name == "" {
		name = host
	}
	// The kernel would find out too, but after the device has gone over.
	if !strings.Contains(name, "%") {
		switch _, err := m.there.linkByName(name); {
		case err == nil:
			return fmt.Errorf("there is a device %s in the container's network namespace: %w", name, unix.EEXIST)
		case !errors.Is(err, unix.ENODEV):
			return err
		}
	}
	index, err := m.there.freeIndex(dev.index)
	if err != nil {
		return err
	}
	if err := m.send(dev, index, name); err != nil {
		return err
	}
	moved, err := m.there.linkByIndex(index)
	if err != nil {
		return err
	}
	for _, a := range addresses {
		if err := m.there.addAddress(a.movedTo(moved, host)); err != nil {
			return err
		}
	}
	return m.there.up(index)
}

// send lets the device go over. The number is asked for only where the device cannot keep its own, since kernels before 5.13 do not know how.
func (m *mover) send(dev link, index int32, name string) error {
	attributes := []attribute{uint32Attribute(unix.IFLA_NET_NS_FD, uint32(m.namespace.Fd())), {unix.IFLA_IFNAME, append([]byte(name), 0)}}
	if index != dev.index {
		attributes = append(attributes, uint32Attribute(unix.IFLA_NEW_IFINDEX, uint32(index)))
	}
	err := m.here.request(unix.RTM_NEWLINK, unix.NLM_F_ACK, linkHeader(dev.index, 0, 0), attributes, nil)
	runtime.KeepAlive(m.namespace)
	if err != nil {
		return fmt.Errorf("move the device as %s: %w", name, err)
	}
	return nil
}

// maxIndexTries bounds the search for a free number, which hardly ever goes beyond the first.
const maxIndexTries = 1 << 16

// freeIndex returns a number that no device of the namespace has, best the one given.
func (s *socket) freeIndex(index int32) (int32, error) {
	for range maxIndexTries {
		_, err := s.linkByIndex(index)
		switch {
		case errors.Is(err, unix.ENODEV):
			return index, nil
		case err != nil:
			return 0, err
		}
		if index++; index <= 0 {
			index = 1
		}
	}
	return 0, fmt.Errorf("no free number for a device: %w", unix.ENOSPC)
}
