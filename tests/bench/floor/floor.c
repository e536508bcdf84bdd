/*
 * The floor of the benchmark: the kernel work of a container's life and nothing else. What a runtime needs above this is its own:
 * start-up, decoding config.json, checks, state, error texts.
 *
 *   floor run  ROOTFS CGROUP STATE PROGRAM     make everything, run PROGRAM, wait, remove everything
 *   floor exec PID CGROUP PROGRAM              join the namespaces and the cgroup of PID, run PROGRAM, wait
 *
 * It does what config.go of the benchmark asks for: six namespaces, seven mounts, devices, masked and read-only paths,
 * pivot_root, capabilities, and cgroups with memory, pids, cpu and (v1) device limits. The device program of v2 and
 * seccomp are left out.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NAMESPACES (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)
#define MAX_HIERARCHIES 24

/* The 14 capabilities that container engines leave by default. */
#define KEPT_CAPABILITIES                                                                                              \
	((1u << CAP_CHOWN) | (1u << CAP_DAC_OVERRIDE) | (1u << CAP_FSETID) | (1u << CAP_FOWNER) | (1u << CAP_MKNOD) |  \
	 (1u << CAP_NET_RAW) | (1u << CAP_SETGID) | (1u << CAP_SETUID) | (1u << CAP_SETFCAP) | (1u << CAP_SETPCAP) |   \
	 (1u << CAP_NET_BIND_SERVICE) | (1u << CAP_SYS_CHROOT) | (1u << CAP_KILL) | (1u << CAP_AUDIT_WRITE))

struct hierarchy {
	char path[256]; /* where it is mounted */
	int unified;
	int cpuset;
	char options[128];
};

static struct hierarchy hierarchies[MAX_HIERARCHIES];
static size_t hierarchy_count;

static void die(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	ssize_t written;

	if (fd < 0)
		return -1;
	written = write(fd, text, strlen(text));
	close(fd);
	return written < 0 ? -1 : 0;
}

__attribute__((format(printf, 3, 4))) static void join(char *to, size_t size, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	if ((size_t)vsnprintf(to, size, format, arguments) >= size) {
		errno = ENAMETOOLONG;
		die("path");
	}
	va_end(arguments);
}

/* ---- cgroups ---- */

static void find_hierarchies(void)
{
	static char line[4096];
	FILE *mounts = fopen("/proc/self/mountinfo", "re");

	if (!mounts)
		die("/proc/self/mountinfo");
	while (fgets(line, sizeof(line), mounts) && hierarchy_count < MAX_HIERARCHIES) {
		struct hierarchy *h = &hierarchies[hierarchy_count];
		char *separator = strstr(line, " - cgroup");

		if (!separator || sscanf(line, "%*s %*s %*s %*s %255s", h->path) != 1)
			continue;
		if (sscanf(separator, " - %*s %*s %127s", h->options) != 1)
			continue;
		h->unified = !strncmp(separator, " - cgroup2", 10);
		h->cpuset = !h->unified && strstr(h->options, "cpuset") != NULL;
		hierarchy_count++;
	}
	fclose(mounts);
}

static void copy_setting(const char *directory, const char *name)
{
	char from[512], to[512], text[512];
	ssize_t length;
	int fd;

	join(from, sizeof(from), "%s/../%s", directory, name);
	join(to, sizeof(to), "%s/%s", directory, name);
	fd = open(from, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (length > 1) {
		text[length] = 0;
		write_file(to, text);
	}
}

static void set_limit(const char *directory, const char *name, const char *value)
{
	char path[512];

	join(path, sizeof(path), "%s/%s", directory, name);
	if (!access(path, F_OK) && write_file(path, value))
		die(path);
}

static void set_limits(const struct hierarchy *h, const char *directory)
{
	static const char *const devices[] = {
		"c 1:5 rwm", "c 1:3 rwm", "c 1:9 rwm", "c 1:8 rwm", "c 1:7 rwm", "c 5:0 rwm", "c 5:2 rwm", "c 136:* rwm",
	};

	if (h->unified) {
		set_limit(directory, "memory.max", "268435456");
		set_limit(directory, "pids.max", "512");
		set_limit(directory, "cpu.max", "100000 100000");
		return;
	}
	if (strstr(h->options, "memory"))
		set_limit(directory, "memory.limit_in_bytes", "268435456");
	if (strstr(h->options, "pids"))
		set_limit(directory, "pids.max", "512");
	if (strstr(h->options, "cpu")) {
		set_limit(directory, "cpu.shares", "1024");
		set_limit(directory, "cpu.cfs_period_us", "100000");
		set_limit(directory, "cpu.cfs_quota_us", "100000");
	}
	if (strstr(h->options, "devices")) {
		set_limit(directory, "devices.deny", "a");
		for (size_t i = 0; i < COUNT(devices); i++)
			set_limit(directory, "devices.allow", devices[i]);
	}
}

static void make_cgroup(const struct hierarchy *h, const char *path)
{
	if (mkdir(path, 0755)) {
		if (errno != EEXIST)
			die(path);
		return;
	}
	if (h->cpuset) {
		copy_setting(path, "cpuset.cpus");
		copy_setting(path, "cpuset.mems");
	}
}

/* A controller that the parent does not have cannot be handed down; the limit files are then missing too. */
static void hand_down(const char *directory)
{
	static const char *const controllers[] = {"+memory", "+pids", "+cpu"};
	char path[512];

	join(path, sizeof(path), "%s/cgroup.subtree_control", directory);
	for (size_t i = 0; i < COUNT(controllers); i++)
		write_file(path, controllers[i]);
}

/* Makes CGROUP and its parents in every hierarchy. */
static void make_cgroups(const char *cgroup)
{
	char path[512];

	for (size_t i = 0; i < hierarchy_count; i++) {
		const struct hierarchy *h = &hierarchies[i];
		char *end;

		join(path, sizeof(path), "%s%s", h->path, cgroup);
		for (end = path + strlen(h->path); end; end = strchr(end + 1, '/')) {
			*end = 0;
			make_cgroup(h, path);
			if (h->unified)
				hand_down(path);
			*end = '/';
		}
		make_cgroup(h, path);
		set_limits(h, path);
	}
}

static void join_cgroups(const char *cgroup, pid_t pid)
{
	char path[512], text[32];

	join(text, sizeof(text), "%d", pid);
	for (size_t i = 0; i < hierarchy_count; i++) {
		join(path, sizeof(path), "%s%s/cgroup.procs", hierarchies[i].path, cgroup);
		if (write_file(path, text))
			die(path);
	}
}

static void remove_cgroups(const char *cgroup)
{
	char path[512];

	for (size_t i = 0; i < hierarchy_count; i++) {
		join(path, sizeof(path), "%s%s", hierarchies[i].path, cgroup);
		for (int try = 0; rmdir(path) && errno == EBUSY && try < 1000; try++)
			usleep(200);
	}
}

/* ---- the root ---- */

static void make_mounts(void)
{
	static const struct {
		const char *type, *source, *target;
		unsigned long flags;
		const char *data;
	} mounts[] = {
		{"proc", "proc", "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL},
		{"tmpfs", "tmpfs", "dev", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"},
		{"devpts", "devpts", "dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5"},
		{"tmpfs", "shm", "dev/shm", MS_NOSUID | MS_NOEXEC | MS_NODEV, "mode=1777,size=65536k"},
		{"mqueue", "mqueue", "dev/mqueue", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL},
		{"sysfs", "sysfs", "sys", MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY, NULL},
		{"tmpfs", "tmpfs", "run", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"},
	};

	for (size_t i = 0; i < COUNT(mounts); i++) {
		mkdir(mounts[i].target, 0755);
		if (mount(mounts[i].source, mounts[i].target, mounts[i].type, mounts[i].flags, mounts[i].data))
			die(mounts[i].target);
	}
}

static void make_devices(void)
{
	static const struct {
		const char *path;
		unsigned int major, minor;
	} devices[] = {
		{"dev/null", 1, 3}, {"dev/zero", 1, 5},    {"dev/full", 1, 7},
		{"dev/tty", 5, 0},  {"dev/random", 1, 8}, {"dev/urandom", 1, 9},
	};
	static const char *const links[][2] = {
		{"/proc/self/fd", "dev/fd"},       {"/proc/self/fd/0", "dev/stdin"}, {"/proc/self/fd/1", "dev/stdout"},
		{"/proc/self/fd/2", "dev/stderr"}, {"/proc/kcore", "dev/core"},      {"pts/ptmx", "dev/ptmx"},
	};

	umask(0);
	for (size_t i = 0; i < COUNT(devices); i++)
		if (mknod(devices[i].path, S_IFCHR | 0666, makedev(devices[i].major, devices[i].minor)))
			die(devices[i].path);
	umask(022);
	for (size_t i = 0; i < COUNT(links); i++)
		if (symlink(links[i][0], links[i][1]))
			die(links[i][1]);
}

static void hide_paths(void)
{
	static const char *const masked[] = {
		"/proc/asound",      "/proc/acpi",        "/proc/kcore",       "/proc/keys", "/proc/latency_stats",
		"/proc/timer_list",  "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
	};
	static const char *const readonly[] = {
		"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
	};

	for (size_t i = 0; i < COUNT(readonly); i++) {
		if (mount(readonly[i], readonly[i], NULL, MS_BIND | MS_REC, NULL)) {
			if (errno == ENOENT)
				continue;
			die(readonly[i]);
		}
		if (mount(NULL, readonly[i], NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL))
			die(readonly[i]);
	}
	for (size_t i = 0; i < COUNT(masked); i++) {
		if (!mount("/dev/null", masked[i], NULL, MS_BIND, NULL) || errno == ENOENT)
			continue;
		if (errno != ENOTDIR || mount("tmpfs", masked[i], "tmpfs", MS_RDONLY, NULL))
			die(masked[i]);
	}
}

static void enter_root(const char *rootfs)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL))
		die("mount propagation");
	if (mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL) || chdir(rootfs))
		die(rootfs);
	make_mounts();
	make_devices();
	if (syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH) || chdir("/"))
		die("pivot_root");
	hide_paths();
}

/* ---- the process ---- */

static void loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request))
		die("lo");
	close(fd);
}

static void become_program(const char *program)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {{KEPT_CAPABILITIES, KEPT_CAPABILITIES, 0}, {0, 0, 0}};
	char *const arguments[] = {(char *)program, NULL};
	char *const environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};

	for (unsigned long capability = 0; capability < 64; capability++) {
		if (capability < 32 && (KEPT_CAPABILITIES & (1u << capability)))
			continue;
		if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0))
			break;
	}
	if (syscall(SYS_capset, &header, data) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		die("capabilities");
	syscall(SYS_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC);
	execve(program, arguments, environment);
	die(program);
}

static int wait_for(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) < 0)
		die("wait");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run(const char *rootfs, const char *cgroup, const char *state, const char *program)
{
	struct clone_args arguments = {.flags = NAMESPACES, .exit_signal = SIGCHLD};
	char path[512], byte;
	int sync[2], code;
	long pid;

	mkdir(state, 0711);
	join(path, sizeof(path), "%s/state.json", state);
	if (write_file(path, "{}") || pipe2(sync, O_CLOEXEC))
		die(state);
	find_hierarchies();
	make_cgroups(cgroup);
	pid = syscall(SYS_clone3, &arguments, sizeof(arguments));
	if (pid < 0)
		die("clone3");
	if (!pid) {
		if (read(sync[0], &byte, 1) != 1 || unshare(CLONE_NEWCGROUP))
			die("cgroup namespace");
		setsid();
		sethostname("floor", 5);
		loopback_up();
		enter_root(rootfs);
		become_program(program);
	}
	join_cgroups(cgroup, (pid_t)pid);
	if (write(sync[1], "x", 1) != 1)
		die("sync");
	code = wait_for((pid_t)pid);
	remove_cgroups(cgroup);
	unlink(path);
	rmdir(state);
	return code;
}

static int exec(pid_t target, const char *cgroup, const char *program)
{
	int pidfd = (int)syscall(SYS_pidfd_open, target, 0), sync[2];
	char byte;
	pid_t pid;

	if (pidfd < 0 || pipe2(sync, O_CLOEXEC))
		die("pidfd_open");
	find_hierarchies();
	if (setns(pidfd, CLONE_NEWPID))
		die("setns pid");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		if (read(sync[0], &byte, 1) != 1)
			die("sync");
		if (setns(pidfd, CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP) || chdir("/"))
			die("setns");
		setsid();
		become_program(program);
	}
	join_cgroups(cgroup, pid);
	if (write(sync[1], "x", 1) != 1)
		die("sync");
	return wait_for(pid);
}

int main(int argc, char **argv)
{
	if (argc == 6 && !strcmp(argv[1], "run"))
		return run(argv[2], argv[3], argv[4], argv[5]);
	if (argc == 5 && !strcmp(argv[1], "exec"))
		return exec(atoi(argv[2]), argv[3], argv[4]);
	fputs("usage: floor run ROOTFS CGROUP STATE PROGRAM | floor exec PID CGROUP PROGRAM\n", stderr);
	return 2;
}
