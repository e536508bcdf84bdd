/*
 * Debian's libseccomp.a was compiled against glibc with _FORTIFY_SOURCE, and so calls the checking variant of fprintf
 * (to print a filter as text). musl has no such function: this one checks nothing and prints.
 */
#include <stdarg.h>
#include <stdio.h>

int __fprintf_chk(FILE *stream, int flag, const char *format, ...);

int __fprintf_chk(FILE *stream, int flag, const char *format, ...)
{
	va_list arguments;
	int written;

	(void)flag;
	va_start(arguments, format);
	written = vfprintf(stream, format, arguments);
	va_end(arguments);
	return written;
}
