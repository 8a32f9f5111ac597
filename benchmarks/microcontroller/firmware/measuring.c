/* Streams samples through the subject and prints each forecast's bits, how deep its stack gets, and how many instructions a
   step takes. */
#include "samples.h"
#include "start.h"
#include "subject.h"

#include <string.h>

#define PAINT 0x5AFE5AFEu
#define PAINTED 16384 /* words below the stack pointer */
#define STEPS 10
#define TICKS 0xFFFFFFu /* the timer has 24 bits */

static volatile uint32_t *const timer = (volatile uint32_t *)0xE000E010; /* SysTick: control, reload, now */

static void say_number(const char *name, uint32_t value, uint32_t base)
{
    char text[40], digits[12];
    int n = 0, at = (int)strlen(name);
    memcpy(text, name, (size_t)at);
    do
        digits[n++] = "0123456789abcdef"[value % base];
    while (value /= base);
    while (n)
        text[at++] = digits[--n];
    text[at++] = '\n';
    text[at] = 0;
    say(text);
}

/* The emulator's clock ticks so often in a loop of two instructions, 1000 times. */
static uint32_t ticks_of_2000(void)
{
    const uint32_t before = timer[2];
    __asm__ volatile("movw r2, #1000\n 1: subs r2, r2, #1\n bne 1b" ::: "r2", "cc");
    return (before - timer[2]) & TICKS;
}

static __attribute__((noinline)) void paint(void)
{
    volatile uint32_t below[PAINTED];
    uint32_t i;
    for (i = 0; i < PAINTED; i++)
        below[i] = PAINT;
}

static __attribute__((noinline)) uint32_t depth(void)
{
    volatile uint32_t below[PAINTED];
    uint32_t i = 0;
    while (i < PAINTED && below[i] == PAINT)
        i++;
    return 4 * (PAINTED - i);
}

int main(void)
{
    static float forecast[OUTPUTS];
    uint32_t i, k, ticks, base;
    subject_reset();
    for (i = 0; i < SAMPLES; i++) {
        if (i == SAMPLES - 1)
            paint(); /* over what others have left: of the steps the last one, of a warm stream, is measured */
        subject_step(samples[i], forecast);
        if (i == SAMPLES - 1)
            say_number("stack ", depth(), 10);
        for (k = 0; k < OUTPUTS; k++) {
            uint32_t bits;
            memcpy(&bits, forecast + k, sizeof bits);
            say_number("forecast ", bits, 16);
        }
    }
    timer[1] = TICKS;
    timer[2] = 0;
    timer[0] = 5; /* on, by the processor's clock */
    while (timer[2] == 0)
        ; /* it counts down from its first tick on */
    base = ticks_of_2000();
    ticks = timer[2];
    for (i = 0; i < STEPS; i++)
        subject_step(samples[i], forecast);
    ticks = (ticks - timer[2]) & TICKS;
    say_number("instructions ", (uint32_t)((uint64_t)ticks * 2000 / base / STEPS), 10);
    return 0;
}
