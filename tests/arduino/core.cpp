// Runs a sketch on a computer: pin A0 is fed from stdin, time passes by itself, and the LED's changes are printed.
#include "Arduino.h"

#include <cstdlib>

void setup();
void loop();

Printer Serial;
static unsigned long now;
static int mode[32], led = -1;

unsigned long millis() { return now; }

int analogRead(int) {
    int value;
    if (std::scanf("%d", &value) != 1) {
        std::exit(0);
    }
    return value;
}

void pinMode(int pin, int wanted) { mode[pin] = wanted; }

void digitalWrite(int pin, int value) {
    if (mode[pin] == OUTPUT && value != led) {
        led = value;
        std::printf("LED %s\n", value == HIGH ? "on" : "off");
    }
}

int main() {
    setup();
    for (;; now += 3600000UL) { // an hour a turn
        loop();
    }
}
