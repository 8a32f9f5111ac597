#ifndef START_H
#define START_H

#include <stdint.h>

/* Print a text on the emulator's stdout. */
void say(const char *text);

#endif
