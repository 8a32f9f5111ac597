/* {{ name }}.h: a forecaster{{ " in fixed point" if fixed }}

{% for label, line in about %}
       {{ "%-16s"|format(label) }}  {{ line }}
{% endfor %}

   Written by edgeseq {{ version }} from a checkpoint: change that, not this. A sample goes in and a forecast comes out, both in
   the sensor's own units:

       {{ name }}_state s;
       {{ name }}_reset(&s);
       {{ name }}_step(&s, sample, forecast);

   sample     {{ sample }}
{% if spec.known %}
              and behind these, for each of the next {{ spec.horizon }} samples: {{ ahead }}
{% endif %}
   forecast   {{ forecast }}

{% if layout %}
   The stream goes on learning: what was forecast is compared with what comes, and the next forecasts are corrected.

{% endif %}
{% if detector %}
   Whether a sample is normal, at so many false alarms per sample, says a detector beside the state, for who wants it:

       {{ name }}_detector d;
       {{ name }}_detector_reset(&d, 1e-4f);
       {{ name }}_step(&s, sample, forecast);
       if ({{ name }}_detect(&d, &s, sample, forecast) != {{ NAME }}_NORMAL) ...

{% endif %}
   Nothing is allocated, and nothing is remembered but in the state, {{ state_bytes }} bytes{% if detector %} (the detector: {{ detector_bytes }}){% endif %}, which the caller owns and may
   copy. */
#ifndef {{ NAME }}_H
#define {{ NAME }}_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define {{ NAME }}_FEATURES {{ spec.features|length }} /* what a sensor measures, and what is read off the time */
#define {{ NAME }}_MEASURED {{ spec.measured|length }} /* of these, numbers that a sensor gives; the others are of the time */
#define {{ NAME }}_KNOWN {{ spec.known|length }} /* columns whose values are known ahead */
#define {{ NAME }}_TARGETS {{ spec.targets|length }} /* the first of these are forecast */
#define {{ NAME }}_HORIZON {{ spec.horizon }} /* samples ahead */
#define {{ NAME }}_INPUTS ({{ NAME }}_FEATURES + {{ NAME }}_HORIZON * {{ NAME }}_KNOWN) /* numbers in a sample */
#define {{ NAME }}_OUTPUTS ({{ NAME }}_HORIZON * {{ NAME }}_TARGETS)
#define {{ NAME }}_WARMUP {{ spec.warmup }} /* samples before a forecast counts */
#define {{ NAME }}_GAP_LIMIT {{ spec.gap_limit }} /* missing samples in a row that are filled in */
{% if spec.period %}
#define {{ NAME }}_PERIOD {{ "%.9g"|format(spec.period) }} /* seconds from one sample to the next */
{% endif %}

/* What became of a sample. */
enum {
    {{ NAME }}_OK = 0, /* it was taken */
    {{ NAME }}_IMPUTED = 1, /* a value was missing or no finite number: the model's own forecast stood in */
    {{ NAME }}_MISSING = 2 /* nothing could stand in: there is no forecast, and the stream starts afresh */
};

/* What the network remembers of a stream. All zero, it is a fresh one. */
typedef struct {
{% for field in fields %}
    {{ field.type }} {{ field.name }}[{{ field.size }}];
{% endfor %}
} {{ name }}_memory;

{% if layout %}
{% include "seasonal.h" if running else "adaptation.h" %}

{% endif %}
typedef struct {
    {{ name }}_memory memory;
    float sample[{{ NAME }}_INPUTS]; /* the last one */
    float forecast[{{ NAME }}_TARGETS]; /* and what was forecast of the next */
    uint32_t age; /* samples since the start, to see whether forecasts count */
    uint32_t imputed; /* samples in a row that were filled in */
{% if running %}
    float anchor; /* the first sample: what stands above and below is counted from it */
    uint32_t is_anchored; /* whether it has come */
    float first, least, most; /* the first value as it came, and the range of those after it, to see whether it was garbage */
    uint32_t seen; /* how much of that has been seen: 0 of a fresh stream, {{ beginnings.PAST }} when it is decided, {{ beginnings.FAR }} in the step in which
                      the stream starts afresh because of it */
{% if detector and detector.steps > 1 %}
    float farther; /* what was forecast {{ detector.steps }} samples ahead */
{% endif %}
{% endif %}
{% if layout %}
    {{ name }}_adaptation adaptation;
{% endif %}
{% if spec.known %}
    uint32_t reach[{{ NAME }}_KNOWN]; /* up to how many steps ahead values were said; those beyond stand in */
{% endif %}
} {{ name }}_state;
{% if detector %}

{% include "detector.h" %}
{% endif %}

/* Start afresh{{ ", as the typical sensor" if spec.sensors }}. */
void {{ name }}_reset({{ name }}_state *s);

/* Take a sample, leave {{ NAME }}_OUTPUTS numbers in forecast, return what became of it. NaN marks a missing value. */
int {{ name }}_step({{ name }}_state *s, const float *sample, float *forecast);
{% if detector %}

/* Have seen nothing yet. `rate` is how many of the samples that nothing is wrong with may be called an anomaly: 1e-4, say. */
void {{ name }}_detector_reset({{ name }}_detector *d, float rate);

/* After each {{ name }}_step, with what it took and left: return what the sample is, {{ NAME }}_NORMAL or an anomaly. One event
   is one anomaly: there is no other for {{ detector.pause|int }} samples. */
int {{ name }}_detect({{ name }}_detector *d, const {{ name }}_state *s, const float *sample, const float *forecast);

/* The share of normal samples that are at least as surprising as the last one{{ ", of all targets together or of one" if detector.layout.targets > 1 }}. NaN where that was missing,
   or nothing that counts had been forecast of it. */
float {{ name }}_p_value(const {{ name }}_detector *d);
{% if detector.layout.targets > 1 %}
float {{ name }}_p_value_of(const {{ name }}_detector *d, int target);
{% endif %}
{% endif %}
{% if spec.sensors %}

/* Say what this sensor is like, after {{ name }}_reset: it measures offset + gain * z where the typical one measures z.
   Each of {{ NAME }}_FEATURES numbers; 0 and 1 for those of the time. */
void {{ name }}_set_sensor({{ name }}_state *s, const float *offset, const float *gain);
{% endif %}
{% if vector %}

#ifdef {{ NAME }}_SELF_TEST
/* Run the network on the model's own samples; return how many forecasts are off{{ " by more than they may be" if not fixed }}: 0 is right. */
int {{ name }}_self_test(void);
#endif
{% endif %}

#ifdef __cplusplus
}
#endif

#endif
