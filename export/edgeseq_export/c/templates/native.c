/* The library that the provider "native" loads: the model's step function, the model file that it was made from, and its
   spec. Streams come from NumPy, with a model file's states: each an array with the streams one after the other. */
#include "model.c"

#include <stddef.h>

const int32_t edgeseq_interface = {{ interface }};

const uint32_t edgeseq_spec_size = {{ described|length }};
const uint8_t edgeseq_spec[] = {
{{ values(described) }}};

const uint32_t edgeseq_model_size = {{ content|length }};
const uint8_t edgeseq_model[] = {
{{ values(content) }}};

/* One stream, whose memory stays where it is. */
typedef struct {
    model_memory *memory;
    const float *sample;
    float *forecast;
} edgeseq_stream;

void edgeseq_step(const edgeseq_stream *s)
{
    take(s->memory, s->sample, s->forecast);
}

/* The states, in the model file's order, and so in the struct's. */
#define STATES {{ sizes|length }}
static const int32_t state_sizes[STATES] = {{ "{" }}{{ sizes|join(", ") }}{{ "}" }};

/* Samples x [time][stream][feature] to forecasts y [time][stream][output]; states move on from `before` to `after`, which
   may be the same arrays. */
void edgeseq_advance(int64_t time, int64_t streams, const float *x, float *y, const float *const *before,
                     float *const *after)
{
    int64_t s, t;
    for (s = 0; s < streams; s++) {
        model_memory m;
        float *place = (float *)&m;
        int k;
        for (k = 0; k < STATES; k++) {
            memcpy(place, before[k] + s * state_sizes[k], (size_t)state_sizes[k] * sizeof(float));
            place += state_sizes[k];
        }
        for (t = 0; t < time; t++)
            take(&m, x + (t * streams + s) * MODEL_FEATURES, y + (t * streams + s) * MODEL_OUTPUTS);
        place = (float *)&m;
        for (k = 0; k < STATES; k++) {
            memcpy(after[k] + s * state_sizes[k], place, (size_t)state_sizes[k] * sizeof(float));
            place += state_sizes[k];
        }
    }
}
