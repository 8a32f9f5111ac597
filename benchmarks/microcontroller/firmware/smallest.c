/* The smallest program that uses the subject: its size is what a model costs. */
#include "samples.h"
#include "subject.h"

volatile float pin[FEATURES], light[OUTPUTS];

int main(void)
{
    subject_reset();
    for (;;) {
        float sample[FEATURES], forecast[OUTPUTS];
        int i;
        for (i = 0; i < FEATURES; i++)
            sample[i] = pin[i];
        subject_step(sample, forecast);
        for (i = 0; i < OUTPUTS; i++)
            light[i] = forecast[i];
    }
}
