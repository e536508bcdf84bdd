/* The entry point: hands the initial stack (argc, argv, environment) to init_main, which does not return. */
	.text
	.globl _start
	.type _start, %function
_start:
#if defined(__x86_64__)
	xorl %ebp, %ebp
	movq %rsp, %rdi
	andq $-16, %rsp
	call init_main
	hlt
#elif defined(__aarch64__)
	mov x29, #0
	mov x30, #0
	mov x0, sp
	bl init_main
	brk #0
#else
#error "no entry point for this architecture"
#endif
	.size _start, . - _start
	.section .note.GNU-stack,"",%progbits
