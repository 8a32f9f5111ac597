/* ---- Anomalies: how surprising a sample is, given the errors of what was said of it. The method and its sources stand in
   edgeseq_runtime/anomalies, which this equals to the bit where each sum and product is rounded by itself. Surprise is
   counted in bits: 2^-bits is the probability that a normal sample is at least as surprising. ---- */

#define KINDS {{ detector.kinds|length }} /* of surprise: {{ detector.kinds|join(", ") }} */
#define RUNGS {{ detector.rungs }} /* of a kind's ladder, each worth a bit: half of what comes to one is to pass it */
#define LAST_RUNGS {{ detector.worth|length }} /* of the ladder that the bits of the most surprising kind climb */
#define MOST_SCORE {{ number(detector.most_score) }}
#define CLIP_OF_ERRORS {{ number(detector.clip) }} /* typical ones, in means and in sums of farther ones */

/* Of the last ladder's rungs: the bits of those below, its own, and what its gap is multiplied by where it is passed or not. */
static const float worth_below[LAST_RUNGS] = {
{{ values(detector.worth_below) }}};
static const float worth[LAST_RUNGS] = {
{{ values(detector.worth) }}};
static const float last_up[LAST_RUNGS] = {
{{ values(detector.last_up) }}};
static const float last_down[LAST_RUNGS] = {
{{ values(detector.last_down) }}};

/* Of kinds: the samples that the first gaps count as, where they are learned and where a score goes beyond all; by which share
   gaps move once much has been seen; what the bits weigh beside others; and the code of the anomaly's word. */
static const float trust[KINDS] = {{ "{" }}{{ numbers(detector.priors) }}{{ "}" }};
static const float trust_beyond[KINDS] = {{ "{" }}{{ numbers(detector.trained) }}{{ "}" }};
static const float rate[KINDS] = {{ "{" }}{{ numbers(detector.rates) }}{{ "}" }};
static const float weight[KINDS] = {{ "{" }}{{ numbers(detector.weights) }}{{ "}" }};
static const uint8_t code_of[KINDS] = {{ "{" }}{{ detector.codes|join(", ") }}{{ "}" }};

/* [target]: below what typical sizes of errors do not fall{{ ", one step and farther ahead" if detector.steps > 1 }}. */
static const float least_size[{{ detector.layout.targets }}] = {{ "{" }}{{ numbers(detector.least) }}{{ "}" }};
{% if detector.steps > 1 %}
static const float least_far_size[{{ detector.layout.targets }}] = {{ "{" }}{{ numbers(detector.least_far) }}{{ "}" }};
{% endif %}

static inline float size_of(float value)
{
    return value < 0.0f ? -value : value;
}

/* A number as one of which sums and quotients can be formed. */
static inline float bounded(float value)
{
    return clipped(value, {{ number(-detector.largest) }}, {{ number(detector.largest) }});
}

/* ---- Ladders: thresholds are sums of gaps, which lie `apart` ---- */

/* How far up a score came: the rung at which it stopped, and the share of the gap there that it has passed; the rungs that it
   passed, one more than that where it went beyond the last. */
typedef struct {
    int stop, passed;
    float share;
} height;

static height climb(const float *gaps, int apart, int rungs, float score)
{
    height found = {0, 0, 0.0f};
    float below = 0.0f;
    while (found.stop < rungs - 1 && score >= below + gaps[found.stop * apart]) {
        below += gaps[found.stop * apart];
        found.stop++;
    }
    found.passed = found.stop + (score >= below + gaps[found.stop * apart]);
    found.share = (score - below) / gaps[found.stop * apart];
    return found;
}

static inline float bits_of_kind(height found)
{
    return smaller((float)found.stop + found.share, {{ number(detector.most_bits) }});
}

static inline float bits_of_last(height found)
{
    return smaller(worth_below[found.stop] + found.share * worth[found.stop], {{ number(detector.most_bits) }});
}

/* What is the largest of so many samples is about one of them: widen the rungs that few have come to where a score went beyond.
   Return how many it passes then. */
static int stretch(float *gaps, float samples, float score, int passed)
{
    uint32_t many = (uint32_t)samples;
    float below = 0.0f;
    int rung, lowest = {{ detector.trusted_beyond }};
    for (; many; many >>= 1)
        lowest++;
    if (passed <= lowest)
        return passed;
    for (rung = 0; rung < lowest; rung++)
        below += gaps[rung * KINDS];
    for (; rung < RUNGS; rung++)
        gaps[rung * KINDS] = larger(gaps[rung * KINDS], score - below);
    return climb(gaps, KINDS, RUNGS, score).passed;
}

/* Quantile tracking: a gap that was passed becomes wider, the one that a score stopped in narrower. `seen` came to the first
   rung, half of them to the next. */
static void teach_kind(float *gaps, int kind, float seen, int passed)
{
    float share = 1.0f;
    int rung;
    for (rung = 0; rung < RUNGS && rung <= passed; rung++) {
        const float up = 1.0f + larger(1.0f / (trust[kind] + seen * share), rate[kind]);
        float *const gap = gaps + rung * KINDS;
        *gap = larger(*gap * (rung < passed ? up : 1.0f / up), {{ number(detector.least_gap) }});
        share *= 0.5f;
    }
}

static void teach_last(float *gaps, int passed)
{
    int rung;
    for (rung = 0; rung < LAST_RUNGS && rung <= passed; rung++)
        gaps[rung] = larger(gaps[rung] * (rung < passed ? last_up[rung] : last_down[rung]), {{ number(detector.least_gap) }});
}

/* ---- A sample of a target ---- */
{% set seen = "*s->seen" if running else "*s->count" %}

/* Return how far a sample is from the running mean of those before, in mean distances from it; both move on. */
static float take_value({{ name }}_surprises *s, float sample)
{
    const float since = smaller({{ seen }} + 1.0f, {{ number(detector.level_forgetting) }}), most = CLIP_OF_ERRORS * *s->deviation;
    float distance, value = 0.0f;
{% if running %}
    const float far = is_number(*s->anchor) ? *s->mean + (sample - *s->anchor) : 0.0f; /* the mean is known by its distance from an anchor */
    distance = far;
{% else %}
    if (!is_number(*s->mean))
        *s->mean = sample;
    distance = sample - *s->mean;
{% endif %}
    if (*s->deviation > 0.0f) {
        if ({{ seen }} >= {{ number(detector.least_values) }})
            value = clipped(distance / *s->deviation, -MOST_SCORE, MOST_SCORE);
        distance = clipped(distance, -most, most);
    }
{% if running %}
    if (distance == far) {
        *s->anchor = sample;
        *s->mean = distance;
    }
    *s->mean -= distance / since;
{% else %}
    *s->mean += distance / since;
{% endif %}
    *s->deviation += (size_of(distance) - *s->deviation) / since;
    return value;
}

/* Add an error to its sums upwards and downwards; return the larger before the allowance is taken. */
static float add(float *rise, float *fall, float error)
{
    const float upwards = *rise + error, downwards = *fall - error;
    *rise = clipped(upwards - {{ number(detector.allowance) }}, 0.0f, {{ number(detector.most_sum) }});
    *fall = clipped(downwards - {{ number(detector.allowance) }}, 0.0f, {{ number(detector.most_sum) }});
    return larger(upwards, downwards);
}

/* Move sums and means on; leave the scores of all kinds. */
static void take_scores({{ name }}_surprises *s, float error, float far_error, float sample, float *scores)
{
    const float size = error / *s->size, inner = clipped(size, -CLIP_OF_ERRORS, CLIP_OF_ERRORS);
    const float near = add(s->rise, s->fall, clipped(size, {{ number(-detector.sum_clip) }}, {{ number(detector.sum_clip) }}));
    float value;
{% if detector.steps > 1 %}
    float far = 0.0f;
    if (is_number(far_error))
        far = clipped(bounded(far_error) / *s->far_size, -CLIP_OF_ERRORS, CLIP_OF_ERRORS);
    far = add(s->far_rise, s->far_fall, far);
{% else %}
    (void)far_error;
{% endif %}
    *s->slow += {{ number(detector.of_slow) }} * (inner - *s->slow);
    *s->spread += {{ number(detector.of_spread) }} * (size_of(inner) - *s->spread);
    *s->run = sample == *s->last ? *s->run + 1.0f : 0.0f;
    *s->last = sample;
    value = take_value(s, sample);
    *s->values += {{ number(detector.of_values) }} * (clipped(value, {{ number(-detector.value_clip) }}, {{ number(detector.value_clip) }}) - *s->values);
{% for kind in detector.kinds %}
    scores[{{ loop.index0 }}] = {{ {
        "error": "smaller(size_of(size), MOST_SCORE)",
        "near sum": "near",
        "far sum": "far",
        "slow mean": "size_of(*s->slow)",
        "loud": "*s->spread",
        "silent": "1.0f / larger(*s->spread, " ~ number(detector.least_spread) ~ ")",
        "run": "*s->run",
        "high": "larger(value, 0.0f)",
        "low": "larger(-value, 0.0f)",
        "high mean": "larger(*s->values, 0.0f)",
        "low mean": "larger(-*s->values, 0.0f)",
    }[kind] }};
{% endfor %}
}

/* Whether a sample of so many bits teaches the last ladder: what is surprising in an event does at first, until the event is
   certain, and again when it has lasted. */
static int move_event({{ name }}_surprises *s, float bits)
{
    const int is_high = bits > {{ number(detector.begins) }};
    if (is_high) {
        if (*s->event == 0.0f)
            *s->taught = 0.0f;
        *s->quiet = 0.0f;
        *s->event = 1.0f;
    } else if (*s->event > 0.0f) {
        *s->quiet += 1.0f;
        *s->event = *s->quiet <= {{ number(detector.ends) }} ? 1.0f : 0.0f;
    }
    if (*s->event == 0.0f || bits <= {{ number(detector.surprising) }})
        return 1;
    *s->taught += 1.0f;
    if (bits > {{ number(detector.certain) }})
        *s->taught = larger(*s->taught, {{ number(detector.teaches + 1) }});
    return *s->taught <= {{ number(detector.teaches) }} || *s->taught > {{ number(detector.lasts) }};
}

static float size_after(float size, float error, float count, float least)
{
    const float since = smaller(count + {{ number(detector.first_counts) }}, {{ number(detector.forgetting) }});
    const float counted = smaller(size_of(error), {{ number(detector.most_of_size) }} * size);
    return larger(size + (counted - size) / since, least);
}

/* What is most surprising about a sample of a target. */
typedef struct {
    int kind, teaches;
    float bits;
} surprise;

/* `far_error` may be NaN. */
static surprise take_target({{ name }}_surprises *s, int t, float error, float far_error, float sample)
{
    float scores[KINDS], most = 0.0f;
    height found[KINDS], last;
    surprise made = {0, 0, 0.0f};
    int k;
    take_scores(s, error, far_error, sample, scores);
    for (k = 0; k < KINDS; k++) {
        float bits;
        found[k] = climb(s->gaps + k, KINDS, RUNGS, scores[k]);
        bits = weight[k] * bits_of_kind(found[k]);
        if (k == 0 || bits > most) {
            made.kind = k;
            most = bits;
        }
    }
    *s->most = most;
    last = climb(s->last_gaps, 1, LAST_RUNGS, most);
    made.bits = *s->own_bits = bits_of_last(last);
    made.teaches = move_event(s, made.bits);
    for (k = 0; k < KINDS; k++) {
        const int passed = stretch(s->gaps + k, *s->count + trust_beyond[k], scores[k], found[k].passed);
        teach_kind(s->gaps + k, k, *s->count, passed);
    }
    if (made.teaches)
        teach_last(s->last_gaps, last.passed);
    *s->size = size_after(*s->size, error, {{ seen }}, least_size[t]);
{% if detector.steps > 1 %}
    if (is_number(far_error))
        *s->far_size = size_after(*s->far_size, bounded(far_error), {{ seen }}, least_far_size[t]);
{% endif %}
{% if running %}
    *s->seen = smaller(*s->seen + 1.0f, {{ number(detector.level_forgetting) }});
{% endif %}
    *s->count = smaller(*s->count + 1.0f, {{ number(detector.most_counted) }});
    return made;
}

/* ---- A sample ---- */

/* Take a sample [target], with errors of what was said of it one step and farther ahead, in the typical sensor's numbers: truth
   minus forecast, NaN where there is none. More bits than `limit` are an anomaly. */
static void find_anomaly({{ name }}_anomalies *a, const float *errors, const float *far_errors, const float *sample, float limit)
{
    surprise most = {0, 0, -1.0f};
    int t;
    *a->alarm = 0.0f;
    for (t = 0; t < {{ detector.layout.targets }}; t++) {
        {{ name }}_surprises *const s = a->targets + t;
        surprise made;
        if (!is_number(errors[t])) {
            memset(s->own_bits, 0xFF, sizeof *s->own_bits); /* NaN */
            continue;
        }
        made = take_target(s, t, bounded(errors[t]), far_errors[t], bounded(sample[t]));
        if (made.bits > most.bits)
            most = made;
    }
    if (most.bits < 0.0f) {
        memset(a->bits, 0xFF, sizeof *a->bits);
        return;
    }
{% if detector.layout.targets > 1 %}
    {
        const height found = climb(a->together, 1, LAST_RUNGS, most.bits);
        if (most.teaches)
            teach_last(a->together, found.passed);
        most.bits = bits_of_last(found);
    }
{% endif %}
    *a->bits = most.bits;
    if (most.bits > limit && *a->pause == 0.0f) {
        *a->alarm = (float)code_of[most.kind];
        *a->pause = {{ number(detector.pause) }};
    } else
        *a->pause = larger(*a->pause - 1.0f, 0.0f);
}
