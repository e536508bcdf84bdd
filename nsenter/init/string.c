/* Strings and memory. The compiler may call the mem* functions on its own, so they exist under their usual names. */
#include "init.h"

size_t str_len(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

int str_equal(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

/* Appends s before end, always NUL-terminated; returns the new NUL. */
char *put_str(char *at, const char *end, const char *s)
{
	while (*s && at + 1 < end)
		*at++ = *s++;
	*at = 0;
	return at;
}

char *put_num(char *at, const char *end, uint64_t v, unsigned int base)
{
	char buf[24];
	char *p = buf + sizeof(buf) - 1;

	*p = 0;
	do {
		*--p = (char)('0' + v % base);
		v /= base;
	} while (v);
	return put_str(at, end, p);
}

#ifndef INIT_HOSTED
void *memcpy(void *to, const void *from, size_t n)
{
	unsigned char *t = to;
	const unsigned char *f = from;

	while (n--)
		*t++ = *f++;
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	unsigned char *t = to;
	const unsigned char *f = from;

	if (t <= f)
		return memcpy(to, from, n);
	while (n--)
		t[n] = f[n];
	return to;
}

void *memset(void *to, int c, size_t n)
{
	unsigned char *t = to;

	while (n--)
		*t++ = (unsigned char)c;
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}
#endif
