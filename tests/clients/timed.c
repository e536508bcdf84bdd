/*
 * Runs TARGET with the arguments it was called with, and adds a line with the microseconds that took, and those of
 * processor time, to the file LOG. Both are given to the compiler.
 *
 * An engine takes it for the runtime: it hands on descriptors, environment and exit code, and is no subreaper, so that what the
 * runtime leaves behind goes to whom it would go anyway.
 *
 * Hooks of the engine are part of a runtime's create, but none of its work. So the hooks in the configuration of a container that is about
 * to be made are replaced by this program under the name of SELF, before the clock starts: as a hook it runs the one that HOOK
 * of its environment names, and begins its line with the word "hook".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef TARGET
#define TARGET "/bin/true"
#endif
#ifndef LOG
#define LOG "/dev/null"
#endif
#ifndef SELF
#define SELF "/bin/false"
#endif
#define HOOK "TIMED_HOOK"
#define CONFIG_MAX (1 << 20)

extern char **environ;

static long long micros(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static long long of(struct timeval t)
{
	return t.tv_sec * 1000000LL + t.tv_usec;
}

/* The configuration that a create or a run is about to read, or NULL. */
static const char *config_of(int argc, char **argv)
{
	static char path[4096];
	int makes = 0;

	for (int i = 1; i + 1 < argc; i++) {
		makes = makes || !strcmp(argv[i], "create") || !strcmp(argv[i], "run");
		if (!makes || strcmp(argv[i], "--bundle"))
			continue;
		if (snprintf(path, sizeof(path), "%s/config.json", argv[i + 1]) < (int)sizeof(path))
			return path;
	}
	return NULL;
}

/* Puts this program in the place of each hook. The text is searched as engines written in Go write it: without spaces, "path" first, "linux" after
 * "hooks". Hooks with an environment of their own stay. */
static void replace_hooks(const char *config)
{
	static char text[CONFIG_MAX];
	const char *at, *path, *end, *rest, *head = "{\"path\":\"";
	FILE *file = fopen(config, "re");
	size_t n;

	if (!file)
		return;
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = 0;
	at = strstr(text, "\"hooks\":{");
	rest = at ? strstr(at, "\"linux\":{") : NULL;
	if (!rest || n == sizeof(text) - 1 || strstr(at, "\"env\"") || !strstr(at, head) || strstr(at, head) > rest)
		return;
	file = fopen(config, "we");
	if (!file)
		return;
	fwrite(text, 1, at - text, file);
	while ((path = strstr(at, head)) && path < rest && (end = strchr(path + strlen(head), '"'))) {
		fwrite(at, 1, path - at, file);
		path += strlen(head);
		fprintf(file, "%s%s\",\"env\":[\"" HOOK "=%.*s\"]", head, SELF, (int)(end - path), path);
		at = end + 1;
	}
	fputs(at, file);
	if (fclose(file))
		fprintf(stderr, "timed: %s: %s\n", config, strerror(errno));
}

int main(int argc, char **argv)
{
	const char *target = getenv(HOOK), *kind = target ? "hook " : "", *config = config_of(argc, argv);
	struct rusage used;
	char line[64];
	long long start;
	int status, log, n, failed;
	pid_t pid;

	if (!target)
		target = TARGET;
	if (config)
		replace_hooks(config);
	start = micros();
	failed = posix_spawn(&pid, target, NULL, NULL, argv, environ);
	if (failed) {
		fprintf(stderr, "timed: %s: %s\n", target, strerror(failed));
		return 127;
	}
	while (wait4(pid, &status, 0, &used) < 0)
		if (errno != EINTR)
			return 127;
	n = snprintf(line, sizeof(line), "%s%lld %lld\n", kind, micros() - start, of(used.ru_utime) + of(used.ru_stime));
	log = open(LOG, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	if (log >= 0 && write(log, line, n) != n)
		fprintf(stderr, "timed: %s: short write\n", LOG);
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return WEXITSTATUS(status);
}
