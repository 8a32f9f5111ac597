/* ---- Anomalies: how surprising a sample is, given the error of what was said of it. The method and its sources stand in
   edgeseq_runtime/anomalies, which this equals to the bit where each sum and product is rounded by itself. Surprise is
   counted in bits: 2^-bits is the probability that a normal sample is at least as surprising. ---- */

#define KINDS {{ detector.kinds|length }} /* of surprise: {{ detector.kinds|join(", ") }} */
#define RUNGS {{ detector.rungs }} /* of a kind's ladder, each worth a bit: half of what comes to one is to pass it; then the mean excess */
#define LAST_RUNGS {{ detector.worth|length }} /* of the ladder that the bits of the most surprising kind climb */
#define MOST_SCORE {{ number(detector.most_score) }}
#define CLIP_OF_ERRORS {{ number(detector.clip) }} /* typical ones, in running means */

/* Of the last ladder's rungs: the bits of those below, its own, and what its gap is multiplied by where it is passed or not. */
static const float worth_below[LAST_RUNGS] = {
{{ values(detector.worth_below) }}};
static const float worth[LAST_RUNGS] = {
{{ values(detector.worth) }}};
static const float last_up[LAST_RUNGS] = {
{{ values(detector.last_up) }}};
static const float last_down[LAST_RUNGS] = {
{{ values(detector.last_down) }}};

/* Of kinds: the samples that the first gaps count as; what the bits weigh beside others; and the code of the anomaly's word. */
static const float trust[KINDS] = {{ "{" }}{{ numbers(detector.priors) }}{{ "}" }};
static const float weight[KINDS] = {{ "{" }}{{ numbers(detector.weights) }}{{ "}" }};
static const uint8_t code_of[KINDS] = {{ "{" }}{{ detector.codes|join(", ") }}{{ "}" }};

/* [target]: below what typical sizes of errors do not fall. */
static const float least_size[{{ detector.layout.targets }}] = {{ "{" }}{{ numbers(detector.least) }}{{ "}" }};

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

/* How far up a score came: in which gap it stopped, one more where it went beyond the last of all; how far beyond the begin of
   that gap, and the share of it that it has passed. */
typedef struct {
    int stop, passed;
    float over, share;
} height;

/* `gaps` are one more than the rungs: in the last one a score stops, however far it went. */
static height climb(const float *gaps, int apart, int rungs, float score)
{
    height found = {0, 0, 0.0f, 0.0f};
    float below = 0.0f;
    while (found.stop < rungs && score >= below + gaps[found.stop * apart]) {
        below += gaps[found.stop * apart];
        found.stop++;
    }
    found.passed = found.stop + (score >= below + gaps[found.stop * apart]);
    found.over = score - below;
    found.share = found.over / gaps[found.stop * apart];
    return found;
}

/* Beyond the last rung the tail is exponential; what lies very far out is worth less, since tails may be heavier. */
static inline float bits_of_kind(height found)
{
    const float beyond = found.share * {{ number(detector.bits_of_excess) }};
    return (float)found.stop + (found.stop < RUNGS ? found.share : beyond / (1.0f + beyond * {{ number(detector.shrinks) }}));
}

static inline float bits_of_last(height found)
{
    return smaller(worth_below[found.stop] + found.share * worth[found.stop], {{ number(detector.most_bits) }});
}

/* Quantile tracking: a gap that was passed becomes wider, the one that a score stopped in narrower. `seen` came to the first
   rung, half of them to the next. */
static void teach_gaps(float *gaps, float trusted, float seen, int passed)
{
    float share = 1.0f;
    int rung;
    for (rung = 0; rung < RUNGS && rung <= passed; rung++) {
        const float up = 1.0f + larger(1.0f / (trusted + seen * share), {{ number(detector.rate) }});
        float *const gap = gaps + rung * KINDS;
        *gap = larger(*gap * (rung < passed ? up : 1.0f / up), {{ number(detector.least_gap) }});
        share *= 0.5f;
    }
}

/* The mean excess over the last rung: the first sample of an excursion teaches it, the ramp of an anomaly would make that usual. */
static void teach_excess(float *mean, float *beyond, float seen, height found)
{
    const int is_beyond = found.stop == RUNGS;
    if (is_beyond && *beyond == 0.0f) {
        const float count = smaller({{ number(detector.first_excesses) }} + seen * {{ number(detector.of_samples) }}, {{ number(detector.most_excesses) }});
        const float over = smaller(found.over, {{ number(detector.most_of_excess) }} * *mean);
        *mean = larger(*mean + (over - *mean) / count, {{ number(detector.least_gap) }});
    }
    *beyond = is_beyond ? 1.0f : 0.0f;
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

/* Move the running means on; leave the scores of all kinds. */
static void take_scores({{ name }}_surprises *s, float error, float sample, float *scores)
{
    const float size = error / *s->size, near = clipped(size, -CLIP_OF_ERRORS, CLIP_OF_ERRORS);
    float value;
    *s->near += {{ number(detector.of_near) }} * (near - *s->near);
    *s->slow += {{ number(detector.of_slow) }} * (near - *s->slow);
    *s->spread += {{ number(detector.of_spread) }} * (near * near - *s->spread);
    *s->run = sample == *s->last ? *s->run + 1.0f : 0.0f;
    *s->last = sample;
    value = take_value(s, sample);
    *s->values += {{ number(detector.of_values) }} * (clipped(value, {{ number(-detector.value_clip) }}, {{ number(detector.value_clip) }}) - *s->values);
{% for kind in detector.kinds %}
    scores[{{ loop.index0 }}] = {{ {
        "error": "smaller(size_of(size), MOST_SCORE)",
        "near mean": "size_of(*s->near)",
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

/* Whether a sample of so many bits teaches: what is surprising in an event does at first, and again when it has lasted. */
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

static surprise take_target({{ name }}_surprises *s, int t, float error, float sample)
{
    float scores[KINDS], most = 0.0f;
    height found[KINDS], last;
    surprise made = {0, 0, 0.0f};
    int k;
    take_scores(s, error, sample, scores);
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
    last = climb(s->last_gaps, 1, LAST_RUNGS - 1, most);
    made.bits = *s->own_bits = bits_of_last(last);
    made.teaches = move_event(s, made.bits);
    if (made.teaches) {
        for (k = 0; k < KINDS; k++) {
            teach_gaps(s->gaps + k, trust[k], *s->count, found[k].stop);
            teach_excess(s->gaps + RUNGS * KINDS + k, s->beyond + k, *s->count, found[k]);
        }
        teach_last(s->last_gaps, last.passed);
    }
    *s->size = size_after(*s->size, error, {{ seen }}, least_size[t]);
{% if running %}
    *s->seen = smaller(*s->seen + 1.0f, {{ number(detector.level_forgetting) }});
{% endif %}
    if (made.teaches)
        *s->count = smaller(*s->count + 1.0f, {{ number(detector.most_counted) }});
    return made;
}

/* ---- A sample ---- */

/* Take a sample [target], with the errors of what was said of it one step ahead, in the typical sensor's numbers: truth minus
   forecast, NaN where there is none. More bits than `limit` are an anomaly. */
static void find_anomaly({{ name }}_anomalies *a, const float *errors, const float *sample, float limit)
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
        made = take_target(s, t, bounded(errors[t]), bounded(sample[t]));
        if (made.bits > most.bits)
            most = made;
    }
    if (most.bits < 0.0f) {
        memset(a->bits, 0xFF, sizeof *a->bits);
        return;
    }
{% if detector.layout.targets > 1 %}
    {
        const height found = climb(a->together, 1, LAST_RUNGS - 1, most.bits);
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
