/* ---- A scale that runs along with the stream, and the levels that it leaves. All is computed from the change since the last
   sample, so that a large offset cancels before anything is scaled. The equations: edgeseq's docs/starter.md ---- */

#define STEPS {{ spec.horizon }} /* ahead */
#define LEVELS {{ running.levels|length }}
#define KNOTS_OF_LEVELS {{ running.knots }} /* steps ahead for which the network says how far the stream returns to its levels */
#define WORDS (STEPS + LEVELS * KNOTS_OF_LEVELS) /* numbers that the network says */
#define TINY {{ number(running.tiny) }} /* stands for a scale of 0 where something is divided by it */

/* What follows the stream, where it lies in `stream`. */
enum { LAST, AGE, DISTANCE, SIZE = DISTANCE + LEVELS, SPREAD = SIZE + 2, CHANGE_SEEN, RARITY, LIKENESS };

{% include "arithmetic.h" %}

{% include "root_of_inverse.h" %}

{% include "area_sine.h" %}

static inline float at_least(float a, float b)
{
    return a > b ? a : b;
}

/* What the newest of so many numbers counts in a mean over a length: 1 / count at first. */
static inline float share_of_newest(float of_count, float of_length)
{
    return at_least(of_count, of_length);
}

static inline float moved(float mean, float share, float value)
{
    return plus(mean, times(share, plus(value, -mean)));
}

/* Follow the stream by a sample; leave what the first layer sees. */
static void follow({{ name }}_memory *m, float x, float *in)
{
    static const float of_level[LEVELS] = {{ "{" }}{{ numbers(running.of_levels) }}{{ "}" }}; /* 1 / length, as all that follow */
    float *const s = m->stream, *const distance = s + DISTANCE, *const size = s + SIZE;
    const float d = s[AGE] > 0.0f ? plus(x, -s[LAST]) : 0.0f, step = d < 0.0f ? -d : d;
    const float age = s[AGE] < {{ number(running.oldest) }} ? s[AGE] + 1.0f : {{ number(running.oldest) }};
    const float of_age = over(1.0f, age), of_changes = over(1.0f, age > 2.0f ? age - 1.0f : 1.0f), root = root_of_inverse(age);
    float scale, of_scale, change, share;
    int l;
    for (l = 0; l < LEVELS; l++)
        distance[l] = times(plus(1.0f, -share_of_newest(of_age, of_level[l])), plus(distance[l], d));
    size[0] = moved(size[0], share_of_newest(of_changes, {{ number(running.of_scales[0]) }}), step);
    size[1] = moved(size[1], share_of_newest(of_changes, {{ number(running.of_scales[1]) }}), step);
    s[SPREAD] = moved(s[SPREAD], share_of_newest(of_changes, {{ number(running.of_spread) }}), distance[3] < 0.0f ? -distance[3] : distance[3]);
    scale = at_least(size[0], size[1]);
    of_scale = over(1.0f, at_least(scale, TINY));
    change = area_sine(times(d, of_scale));
    share = share_of_newest(of_changes, {{ number(running.of_habits) }});
    s[RARITY] = moved(s[RARITY], share, over(step, at_least(plus(step, scale), TINY)));
    s[LIKENESS] = moved(s[LIKENESS], share, times(change, s[CHANGE_SEEN]));
    s[LAST] = x;
    s[AGE] = age;
    s[CHANGE_SEEN] = change;
    m->scale[0] = times(scale, plus(1.0f, times({{ number(running.young) }}, root)));

    in[0] = change;
    for (l = 0; l < LEVELS; l++)
        in[1 + l] = times(distance[l], of_scale);
    in[1 + LEVELS] = over(distance[LEVELS - 1], at_least(s[SPREAD], TINY));
    for (l = 1; l < LEVELS + 2; l++)
        in[l] = area_sine(in[l]);
    in[LEVELS + 2] = logarithm(plus(times(s[SPREAD], of_scale), {{ number(running.floor) }}));
    in[LEVELS + 3] = logarithm(plus(times(size[0], of_scale), {{ number(running.floor) }}));
    in[LEVELS + 4] = s[RARITY];
    in[LEVELS + 5] = s[LIKENESS];
    in[LEVELS + 6] = root;
}

/* What is forecast, as changes from the last sample: the network's word in multiples of the scale, less a share of the distance from
   each level, which lies on straight lines over the logarithm of the step between the knots. */
static void by_scale(const {{ name }}_memory *m, const float *said, float *forecast)
{
    static const float nearness[STEPS * KNOTS_OF_LEVELS] = { /* [step ahead][knot] */
{{ values(running.between) }}};
    const float *const s = m->stream, scale = at_least(s[SIZE], s[SIZE + 1]);
    float returns[KNOTS_OF_LEVELS] = {0};
    int k, l, q;
    for (l = 0; l < LEVELS; l++)
        for (q = 0; q < KNOTS_OF_LEVELS; q++)
            returns[q] = plus(returns[q], times(s[DISTANCE + l], said[STEPS + l * KNOTS_OF_LEVELS + q]));
    for (k = 0; k < STEPS; k++) {
        float sum = 0.0f;
        for (q = 0; q < KNOTS_OF_LEVELS; q++)
            sum = plus(sum, times(returns[q], nearness[k * KNOTS_OF_LEVELS + q]));
        forecast[k] = plus(times(scale, said[k]), -sum);
    }
}
