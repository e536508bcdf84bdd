/* The hosted build: the init's operations over a kernel that is not there. */
#ifndef HOSTED_H
#define HOSTED_H

#include "init.h"

/* The C library's headers and the kernel's do not go together; what is used of the former is declared here. */
typedef long jump[40]; /* jmp_buf and more */
int _setjmp(jump *env) __attribute__((returns_twice));
_Noreturn void longjmp(jump *env, int value);
_Noreturn void abort(void);
_Noreturn void exit(int status);
void *malloc(size_t n);
void *calloc(size_t n, size_t each);
void *realloc(void *p, size_t n);
void free(void *p);
char *getenv(const char *name);
int open(const char *path, int flags, ...);
long read(int fd, void *buf, size_t n);
int close(int fd);
int printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
int dprintf(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
void *mmap(void *at, size_t n, int prot, int flags, int fd, long off);
int munmap(void *p, size_t n);

void kernel_reset(uint64_t seed, jump *out);
void kernel_cleanup(void);
void record_call(long nr);

#endif
