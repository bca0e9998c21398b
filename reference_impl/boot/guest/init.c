// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's first process: mounts what the tests need, runs each line of /stages, and ends the
 * guest. A stage that takes too long is killed, or left behind if it cannot be.
 *
 * A line is: NAME SECONDS PROGRAM [ARGUMENT...]
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "say.h"

#define MOST_WORDS 16

static void put(const char *path, const char *text)
{
	int file = open(path, O_WRONLY);

	if (file < 0 || write(file, text, strlen(text)) < 0)
		say("pasid-spec: cannot write %s: %s", path, strerror(errno));
	if (file >= 0)
		close(file);
}

static void prepare(void)
{
	static const char *const knobs[][2] = {
		{ "probability", "100" }, { "interval", "1" },	      { "times", "-1" },
		{ "task-filter", "Y" },	  { "ignore-gfp-wait", "N" }, { "verbose", "0" },
	};
	char path[100];

	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/tmp", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	mount("tmpfs", "/tmp", "tmpfs", 0, NULL);
	/* only a task that asks for it gets no memory */
	for (size_t i = 0; i < sizeof(knobs) / sizeof(*knobs); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/failslab/%s", knobs[i][0]);
		put(path, knobs[i][1]);
	}
	put("/proc/sys/vm/nr_hugepages", "16");
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/* Pass a program's output on, line by line, until it closes it or the time is over. */
static void pass_on(int from, double end)
{
	char text[700];
	size_t length = 0;

	for (;;) {
		struct pollfd poll_for = { .fd = from, .events = POLLIN };
		double left = end - now();
		ssize_t got;

		if (left <= 0 || poll(&poll_for, 1, left * 1000 + 1) <= 0)
			return;
		got = read(from, text + length, sizeof(text) - 1 - length);
		if (got <= 0)
			break;
		length += got;
		for (;;) {
			char *line = memchr(text, '\n', length);

			if (!line && length < sizeof(text) - 1)
				break;
			size_t part = line ? (size_t)(line - text) : length;

			say("%.*s", (int)part, text);
			part += line != NULL;
			memmove(text, text + part, length - part);
			length -= part;
		}
	}
	if (length)
		say("%.*s", (int)length, text);
}

static void run(char **words)
{
	double start = now(), end = start + atoi(words[1]);
	int status = 0, out[2];
	pid_t child;

	say("pasid-spec: begin %s", words[0]);
	if (pipe(out) || (child = fork()) < 0) {
		say("pasid-spec: end %s cannot start", words[0]);
		return;
	}
	if (!child) {
		if (!strcmp(words[2], "put")) {
			put(words[3], "1");
			_exit(0);
		}
		dup2(out[1], 1);
		dup2(out[1], 2);
		close(out[0]);
		close(out[1]);
		execv(words[2], words + 2);
		_exit(127);
	}
	close(out[1]);
	if (strcmp(words[2], "put"))
		pass_on(out[0], end);
	close(out[0]);
	for (;;) {
		pid_t gone = waitpid(child, &status, WNOHANG);

		if (gone == child)
			break;
		if (now() > end + 2) {
			say("pasid-spec: end %s hangs", words[0]);
			return;
		}
		if (now() > end)
			kill(child, SIGKILL);
		usleep(10000);
	}
	if (now() > end)
		say("pasid-spec: end %s time over", words[0]);
	else if (WIFSIGNALED(status))
		say("pasid-spec: end %s signal %d", words[0], WTERMSIG(status));
	else
		say("pasid-spec: end %s %d in %.2f s", words[0], WEXITSTATUS(status),
		    now() - start);
}

int main(void)
{
	char line[400];
	FILE *stages;

	mkdir("/dev", 0755);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	prepare();
	stages = fopen("/stages", "re");
	while (stages && fgets(line, sizeof(line), stages)) {
		char *words[MOST_WORDS + 1] = { NULL }, *rest = line;
		int count = 0;

		while (count < MOST_WORDS && (words[count] = strtok_r(rest, " \n", &rest)))
			count++;
		if (count >= 3)
			run(words);
	}
	say("pasid-spec: done");
	usleep(100000);
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}
