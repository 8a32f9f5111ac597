// Forecasts {{ forecast }}, and lights the LED while it is going up.
//
// Without a sensor of yours it listens to pin A0{{ "" if running else ", stretched over the range of the training part" }}.
#include <{{ name }}.h>
{% if clocks %}

#include <math.h>
#include <time.h>
{% endif %}

static {{ name }}_state state;
static unsigned long due;

static const unsigned long PERIOD = {{ milliseconds }}UL; // milliseconds from one sample to the next{{ "" if spec.period else "; the series had no times" }}
static const float LOWEST[{{ NAME }}_MEASURED] = {{ "{" }}{{ lowest }}{{ "}" }};
static const float HIGHEST[{{ NAME }}_MEASURED] = {{ "{" }}{{ highest }}{{ "}" }};

// Put your sensor's numbers here: {{ measured }}. NAN where there is none.
static void read_sensor(float *sample) {
    for (int i = 0; i < {{ NAME }}_MEASURED; i++) {
        sample[i] = LOWEST[i] + (HIGHEST[i] - LOWEST[i]) * analogRead(A0) / 1023.0f;
    }
}
{% if clocks %}

#ifndef UNIX_OFFSET // from 1970 to where the clock begins, which is 2000 on an AVR
#define UNIX_OFFSET 0
#endif

// How far `seconds` are into a turn of the clock, as an angle. In whole numbers: a double may be no more than a float.
static double angle(uint32_t seconds, uint32_t turn) {
    return 2.0 * 3.14159265358979 * (double)(seconds % turn) / (double)turn;
}

// What is read off the time: set the board's clock first, to {{ place }}.
static void read_time(float *sample) {
    const uint32_t now = (uint32_t)time(nullptr) + UNIX_OFFSET;
{% for clock in clocks %}
    sample[{{ clock.at }}] = (float){{ clock.wave }}(angle(now + {{ clock.begun }}u, {{ clock.turn }}u)); // {{ clock.name }}
{% endfor %}
}
{% endif %}

void setup() {
    Serial.begin(115200);
    pinMode(LED_BUILTIN, OUTPUT);
    {{ name }}_reset(&state);
    due = millis();
}

void loop() {
    if ((long)(millis() - due) < 0) {
        return;
    }
    due += PERIOD;
    float sample[{{ NAME }}_FEATURES], forecast[{{ NAME }}_OUTPUTS];
    read_sensor(sample);
{% if clocks %}
    read_time(sample);
{% endif %}
    const int status = {{ name }}_step(&state, sample, forecast);
    if (status == {{ NAME }}_MISSING || state.age < {{ NAME }}_WARMUP) {
        return; // no forecast that counts yet
    }
    digitalWrite(LED_BUILTIN, forecast[0] > sample[0] ? HIGH : LOW);
    for (int i = 0; i < {{ NAME }}_OUTPUTS; i++) {
        Serial.print(forecast[i], 6);
        Serial.print(i + 1 < {{ NAME }}_OUTPUTS ? '\t' : '\n');
    }
}
