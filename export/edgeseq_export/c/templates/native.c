/* The library that the provider "native" loads: the model's step function, and the model file that it was made from. Streams
   come from NumPy, with a model file's states: each an array with the streams one after the other. */
#include "model.c"

#include <stddef.h>

const int32_t edgeseq_interface = {{ interface }};

const uint8_t edgeseq_model[] = {
{{ values(content) }}};

/* One stream, whose memory stays where it is. */
typedef struct {
    model_memory *memory;
    const float *sample;
    float *forecast;
    const double *anchor; /* what its samples were counted from */
    double *own; /* [output]: the forecast with the anchor added; NULL where nobody asks */
} edgeseq_stream;

{% if running %}
void edgeseq_add_anchor(const float *forecast, double anchor, double *own);

{% endif %}
void edgeseq_step(const edgeseq_stream *s)
{
    take(s->memory, s->sample, s->forecast);
{% if running %}
    if (s->own)
        edgeseq_add_anchor(s->forecast, *s->anchor, s->own);
{% endif %}
}

{% if together > 1 %}
#ifdef __GNUC__
{% include "together.c" %}
#endif

{% endif %}
/* Streams whose memories, samples x [stream][input] and forecasts y [stream][output] lie in arrays: a step of each of those
   at `rows`, or, where that is NULL, of the first ones. */
void edgeseq_move(int64_t count, const int64_t *rows, model_memory *memory, const float *x, float *y)
{
    int64_t k = 0;
#ifdef TOGETHER
    for (; k + TOGETHER <= count; k += TOGETHER) {
        model_memory *m[TOGETHER];
        const float *sample[TOGETHER];
        float *forecast[TOGETHER];
        int at;
        for (at = 0; at < TOGETHER; at++) {
            const int64_t s = rows ? rows[k + at] : k + at;
            m[at] = memory + s;
            sample[at] = x + s * MODEL_INPUTS;
            forecast[at] = y + s * MODEL_OUTPUTS;
        }
        take_together(m, sample, forecast);
    }
#endif
    for (; k < count; k++) {
        const int64_t s = rows ? rows[k] : k;
        take(memory + s, x + s * MODEL_INPUTS, y + s * MODEL_OUTPUTS);
    }
}

/* Samples x [time][stream][input] to forecasts y [time][stream][output]; states, each [stream][...], in the model file's
   order, move on from `before` to `after`, which may be the same arrays. */
void edgeseq_advance(int64_t time, int64_t streams, const float *x, float *y, const float *const *before,
                     float *const *after)
{
    int64_t s, t;
    for (s = 0; s < streams; s++) {
        model_memory m;
{% for field in program.fields %}
        memcpy(m.{{ field.name }}, before[{{ loop.index0 }}] + s * {{ field.size }}, sizeof m.{{ field.name }});
{% endfor %}
        for (t = 0; t < time; t++)
            take(&m, x + (t * streams + s) * MODEL_INPUTS, y + (t * streams + s) * MODEL_OUTPUTS);
{% for field in program.fields %}
        memcpy(after[{{ loop.index0 }}] + s * {{ field.size }}, m.{{ field.name }}, sizeof m.{{ field.name }});
{% endfor %}
    }
}
