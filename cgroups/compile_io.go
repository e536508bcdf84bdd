package cgroups

import (
	"fmt"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// The range of blkio.weight, which is the spec's blockIO.weight.
const minIOWeight, maxIOWeight = 10, 1000

// blockIO compiles linux.resources.blockIO. The version 1 controller is blkio,
// that of version 2 io. A weight of 0 is unset.
func (c *compiler) blockIO(r *specs.LinuxBlockIO) {
	if w := r.Weight; w != nil && *w != 0 {
		c.ioWeight("blockIO.weight", "", *w)
	}
	if w := r.LeafWeight; w != nil && *w != 0 {
		c.leafWeight("blockIO.leafWeight", "blkio.leaf_weight", "", *w)
	}
	for i, d := range r.WeightDevice {
		field := fmt.Sprintf("blockIO.weightDevice[%d]", i)
		if d.Weight == nil && d.LeafWeight == nil {
			c.fail(field, "has neither weight nor leafWeight")
			continue
		}
		dev, ok := c.blockDevice(field, d.LinuxBlockIODevice)
		if !ok {
			continue
		}
		if w := d.Weight; w != nil && *w != 0 {
			c.ioWeight(field+".weight", dev+" ", *w)
		}
		if w := d.LeafWeight; w != nil && *w != 0 {
			c.leafWeight(field+".leafWeight", "blkio.leaf_weight_device", dev+" ", *w)
		}
	}
	c.throttle("blockIO.throttleReadBpsDevice", "blkio.throttle.read_bps_device", "rbps", r.ThrottleReadBpsDevice)
	c.throttle("blockIO.throttleWriteBpsDevice", "blkio.throttle.write_bps_device", "wbps", r.ThrottleWriteBpsDevice)
	c.throttle("blockIO.throttleReadIOPSDevice", "blkio.throttle.read_iops_device", "riops", r.ThrottleReadIOPSDevice)
	c.throttle("blockIO.throttleWriteIOPSDevice", "blkio.throttle.write_iops_device", "wiops", r.ThrottleWriteIOPSDevice)
}

// blockDevice returns "major:minor".
func (c *compiler) blockDevice(field string, d specs.LinuxBlockIODevice) (string, bool) {
	if d.Major < 0 || d.Minor < 0 {
		c.fail(field, "%d:%d is no device number", d.Major, d.Minor)
		return "", false
	}
	return fmt.Sprintf("%d:%d", d.Major, d.Minor), true
}

// putIO adds the write for the version that has the block I/O controller,
// which has a different name in each.
func (c *compiler) putIO(field string, v1, v2 Write) {
	if _, ok := c.lookup("io"); ok {
		c.put(field, perVersion{controller: "io", v2: v2})
		return
	}
	c.put(field, perVersion{controller: "blkio", v1: v1})
}

// ioWeight adds a weight, of the cgroup or, with dev "8:0 ", of a device: by the
// BFQ scheduler if the kernel has it, by the scheduler-independent file
// otherwise. The latter's range in version 2 is 1 to 10000.
func (c *compiler) ioWeight(field, dev string, w uint16) {
	if w < minIOWeight || w > maxIOWeight {
		c.fail(field, "%d is not between %d and %d", w, minIOWeight, maxIOWeight)
		return
	}
	v := dev + strconv.Itoa(int(w))
	linear := minWeight + (int(w)-minIOWeight)*(maxWeight-minWeight)/(maxIOWeight-minIOWeight)
	suffix := ""
	if dev != "" {
		suffix = "_device"
	}
	c.putIO(
		field,
		Write{File: "blkio.bfq.weight" + suffix, Value: v, Else: &Write{File: "blkio.weight" + suffix, Value: v}},
		Write{File: "io.bfq.weight", Value: v, Else: &Write{File: "io.weight", Value: dev + strconv.Itoa(linear)}},
	)
}

// leafWeight adds a weight that only the CFQ scheduler of Linux before 5.0 knew.
func (c *compiler) leafWeight(field, file, dev string, w uint16) {
	c.putIO(field, Write{File: file, Value: dev + strconv.Itoa(int(w))}, Write{})
}

// throttle adds the rates of one kind; a rate of 0 is none.
func (c *compiler) throttle(field, file1, key2 string, devices []specs.LinuxThrottleDevice) {
	for i, d := range devices {
		f := fmt.Sprintf("%s[%d]", field, i)
		dev, ok := c.blockDevice(f, d.LinuxBlockIODevice)
		if !ok {
			continue
		}
		rate := formatUint(d.Rate)
		rate2 := rate
		if d.Rate == 0 {
			rate2 = "max"
		}
		c.putIO(
			f,
			Write{File: file1, Value: dev + " " + rate},
			Write{File: "io.max", Value: dev + " " + key2 + "=" + rate2},
		)
	}
}
