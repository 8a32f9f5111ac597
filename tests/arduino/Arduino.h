// As much of Arduino's core as a sketch needs to compile and run on a computer.
#pragma once
#include <cmath>
#include <cstdio>

#define HIGH 1
#define LOW 0
#define OUTPUT 1
#define LED_BUILTIN 13
#define A0 14

unsigned long millis();
int analogRead(int pin);
void pinMode(int pin, int mode);
void digitalWrite(int pin, int value);

struct Printer {
    void begin(long) {}
    void print(float value, int digits) { std::printf("%.*f", digits, static_cast<double>(value)); }
    void print(char character) { std::putchar(character); }
};
extern Printer Serial;
