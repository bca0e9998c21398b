/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the guest's programs print goes into the kernel's log, a record for each line: so it cannot
 * be torn by a warning, and stands before or behind one as it happened.
 */
#ifndef SAY_H
#define SAY_H

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static __attribute__((format(printf, 1, 2))) void say(const char *format, ...)
{
	static int log = -1;
	char line[800];
	va_list rest;
	int length;

	if (log < 0)
		log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	va_start(rest, format);
	length = vsnprintf(line, sizeof(line), format, rest);
	va_end(rest);
	if (length >= (int)sizeof(line))
		length = sizeof(line) - 1;
	if (log >= 0 && length > 0 && write(log, line, length) < 0)
		_exit(98);
}

#endif
