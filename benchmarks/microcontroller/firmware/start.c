/* Start-up of a Cortex-M without an operating system: vectors, memory, the floating point unit; and a line to whoever runs the emulator. */
#include "start.h"

extern uint32_t stack_top, data_load, data_start, data_end, bss_start, bss_end;
int main(void);

/* Semihosting: a breakpoint that the emulator answers. */
static int ask(int what, const void *with)
{
    register int r0 __asm__("r0") = what;
    register const void *r1 __asm__("r1") = with;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void say(const char *text)
{
    ask(0x04, text);
}

static void leave(int code)
{
    const uint32_t with[2] = {0x20026, (uint32_t)code};
    ask(0x20, with);
    for (;;)
        ;
}

void on_reset(void)
{
    uint32_t *to;
    const uint32_t *from = &data_load;
#if defined(__ARM_FP)
    *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20; /* the coprocessors 10 and 11 are the floating point unit */
    __asm__ volatile("dsb\n isb");
#endif
    for (to = &data_start; to < &data_end;)
        *to++ = *from++;
    for (to = &bss_start; to < &bss_end;)
        *to++ = 0;
    leave(main());
}

static void on_fault(void)
{
    say("fault\n");
    leave(99);
}

typedef void (*vector)(void);
__attribute__((section(".vectors"), used)) static const struct {
    const void *stack;
    vector handlers[15];
} vectors = {&stack_top, {on_reset, on_fault, on_fault, on_fault, on_fault, on_fault}};
