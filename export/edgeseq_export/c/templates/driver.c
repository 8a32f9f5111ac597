/* Streams samples, float32 from stdin, through {{ name }}; writes what became of each and its forecast to stdout. */
#include "{{ name }}.h"

#include <stdio.h>

int main(void)
{
    {{ name }}_state s;
    float sample[{{ NAME }}_INPUTS], forecast[{{ NAME }}_OUTPUTS];
    {{ name }}_reset(&s);
{% if spec.sensors %}
    {
        float offset[{{ NAME }}_FEATURES], gain[{{ NAME }}_FEATURES];
        if (fread(offset, sizeof offset, 1, stdin) != 1 || fread(gain, sizeof gain, 1, stdin) != 1)
            return 1;
        {{ name }}_set_sensor(&s, offset, gain);
    }
{% endif %}
    while (fread(sample, sizeof sample, 1, stdin) == 1) {
        const float status = (float){{ name }}_step(&s, sample, forecast);
        if (fwrite(&status, sizeof status, 1, stdout) != 1 || fwrite(forecast, sizeof forecast, 1, stdout) != 1)
            return 1;
    }
    return fflush(stdout) != 0;
}
