package netdev

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/libcontainer/internal/thread"
)

// socket is a NETLINK_ROUTE socket. It belongs to the network namespace where it was opened, whoever uses it.
type socket struct {
	fd  int
	seq uint32
}

// answerTime bounds the wait for an answer, which the kernel gives before the request returns.
const answerTime = 10 // seconds

func open() (*socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("netlink socket: %w", err)
	}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: answerTime}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("netlink socket: SO_RCVTIMEO: %w", err)
	}
	return &socket{fd: fd}, nil
}

// openIn opens a socket in another network namespace, where only a thread of its own goes.
func openIn(namespace *os.File) (s *socket, err error) {
	thread.Aside(func() {
		if err = unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
			err = fmt.Errorf("setns to the container's network namespace: %w", err)
			return
		}
		s, err = open()
	})
	return s, err
}

func (s *socket) close() { unix.Close(s.fd) }

// request sends a message and hands what comes back to each, until the acknowledgement or the end of a dump.
func (s *socket) request(kind uint16, flags int, header []byte, list []attribute, each func(message) error) error {
	s.seq++
	b := make([]byte, unix.SizeofNlMsghdr, 256)
	b = append(b, header...)
	for _, a := range list {
		b = appendAttribute(b, a)
	}
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	binary.NativeEndian.PutUint16(b[4:], kind)
	binary.NativeEndian.PutUint16(b[6:], uint16(unix.NLM_F_REQUEST|flags))
	binary.NativeEndian.PutUint32(b[8:], s.seq)
	if err := unix.Sendto(s.fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("netlink: send: %w", err)
	}
	return s.answers(each)
}

func (s *socket) answers(each func(message) error) error {
	buf := make([]byte, 64<<10)
	interrupted := false // the list changed while it was read
	for {
		n, err := s.receive(buf)
		if err != nil {
			return err
		}
		list, err := messages(buf[:n])
		if err != nil {
			return err
		}
		for _, m := range list {
			switch {
			case m.seq != s.seq: // of a request that was given up
			case m.kind == unix.NLMSG_DONE && interrupted:
				return unix.EINTR
			case m.kind == unix.NLMSG_DONE, m.kind == unix.NLMSG_ERROR:
				return m.errno()
			case each != nil:
				interrupted = interrupted || m.flags&unix.NLM_F_DUMP_INTR != 0
				if err := each(m); err != nil {
					return err
				}
			}
		}
	}
}

func (s *socket) receive(buf []byte) (int, error) {
	for {
		n, _, flags, _, err := unix.Recvmsg(s.fd, buf, nil, 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return 0, fmt.Errorf("netlink: receive: %w", err)
		case flags&unix.MSG_TRUNC != 0:
			return 0, fmt.Errorf("netlink: receive: %w", unix.EMSGSIZE)
		}
		return n, nil
	}
}

func (s *socket) linkByName(name string) (link, error) {
	l, err := s.link(0, []attribute{{unix.IFLA_IFNAME, append([]byte(name), 0)}})
	if err != nil {
		return l, fmt.Errorf("look for the device %s: %w", name, err)
	}
	return l, nil
}

func (s *socket) linkByIndex(index int32) (link, error) {
	l, err := s.link(index, nil)
	if err != nil {
		return l, fmt.Errorf("look for the device with the number %d: %w", index, err)
	}
	return l, nil
}

// link asks for one device; with NLM_F_ACK the answer is followed by an acknowledgement, so that request sees its end.
func (s *socket) link(index int32, list []attribute) (link, error) {
	var l link
	err := s.request(unix.RTM_GETLINK, unix.NLM_F_ACK, linkHeader(index, 0, 0), list, func(m message) (err error) {
		l, err = parseLink(m)
		return err
	})
	return l, err
}

// dumpTries bounds how often a list that changes while it is read is read again.
const dumpTries = 100

// addresses are those of a device that go with it.
func (s *socket) addresses(index int32) ([]address, error) {
	for try := 1; ; try++ {
		list, err := s.dumpAddresses(index)
		if err == nil {
			return list, nil
		}
		if !errors.Is(err, unix.EINTR) || try == dumpTries {
			return nil, fmt.Errorf("read the device's addresses: %w", err)
		}
	}
}

func (s *socket) dumpAddresses(index int32) ([]address, error) {
	var list []address
	header := make([]byte, unix.SizeofIfAddrmsg)
	err := s.request(unix.RTM_GETADDR, unix.NLM_F_DUMP, header, nil, func(m message) error {
		a, err := parseAddress(m)
		if err == nil && a.index == index && a.permanent() {
			for i, attr := range a.attributes { // the buffer is used again
				a.attributes[i].value = append([]byte(nil), attr.value...)
			}
			list = append(list, a)
		}
		return err
	})
	return list, err
}

func (s *socket) addAddress(a address) error {
	list := append(a.attributes, uint32Attribute(unix.IFA_FLAGS, a.flags&keptFlags))
	if err := s.request(unix.RTM_NEWADDR, unix.NLM_F_ACK|unix.NLM_F_CREATE|unix.NLM_F_REPLACE, a.header(), list, nil); err != nil {
		return fmt.Errorf("give the device the address %s again: %w", a, err)
	}
	return nil
}

func (s *socket) up(index int32) error {
	if err := s.request(unix.RTM_NEWLINK, unix.NLM_F_ACK, linkHeader(index, unix.IFF_UP, unix.IFF_UP), nil, nil); err != nil {
		return fmt.Errorf("set the device up: %w", err)
	}
	return nil
}
