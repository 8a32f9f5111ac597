/* ---- Adaptation to a stream of which nothing is known: a season is found while samples come, and each truth teaches what to make
   of the network's forecasts. The equations and their sources stand in edgeseq_runtime/adaptation, in its folder seasonal, which
   this equals but for rounding. Forecasts are changes from the sample that they were made at, in multiples of the stream's scale of
   that time and of what is usual for so many steps. What belongs to a sample lies at its number, the clock's, in rings. ---- */

#define KNOTS {{ layout.knots|length }}
#define EXPERTS {{ prior_of_one|length }} /* {{ experts|join(", ") }} */
#define REGRESSORS {{ blended }} /* of the blend: the network's, and by how much the two seasonal ones differ from it */
#define RECENT {{ layout.recent }} /* numbers that the correction sees */
#define KEPT {{ kept_values }} /* samples */
#define CLIP {{ number(blend_clip) }} /* of what is seen, learned and added */
#define LAGS {{ lags }} /* that are looked at together */
#define APART {{ apart }} /* samples over which changes are compared */

/* What waits for its truth. */
enum { OWN, BLENDED, CORRECTED, SAID, WAITS };

static const int knots[KNOTS] = {{ "{" }}{{ layout.knots|join(", ") }}{{ "}" }};
static const int first_slots[KNOTS] = {{ "{" }}{{ first_slots|join(", ") }}{{ "}" }};

/* [step ahead]: what is usual for so many steps, in multiples of the scale. */
static const float growth[{{ layout.horizon }}] = {
{{ values(growth) }}};

/* Of each step ahead the knot before it, and how near the next one is: 1 at that. */
static const uint8_t knot_before[{{ layout.horizon }}] = {
{{ values(before) }}};
static const float nearness[{{ layout.horizon }}] = {
{{ values(nearness) }}};

{% include "learning.c" %}

static inline float clipped_number(float value)
{
    return is_number(value) ? clipped(value, -CLIP, CLIP) : 0.0f;
}

/* The value of so many samples ago, fewer than KEPT; `now` is the last one's place. */
static inline float value_of(const {{ name }}_adaptation *a, int now, int ago)
{
    return a->values[now >= ago ? now - ago : now - ago + KEPT];
}

/* The samples of as many whole seasons as reach so far ahead. */
static inline int seasons(int season, int ahead)
{
    const int length = season > 1 ? season : 1;
    return (ahead + length - 1) / length * length;
}

/* What waits of a knot, of the sample whose number is `clock`. */
static inline float *waiting_at({{ name }}_adaptation *a, int k, int clock)
{
    return a->waiting + (first_slots[k] + clock % knots[k]) * WAITS;
}

/* ---- The season: a lag after which the changes are again what they were ---- */

static inline float taken_in(float mean, float difference, float gain)
{
    const float size = difference < 0.0f ? -difference : difference;
    return is_number(difference) ? mean + gain * (smaller(size, {{ number(largest_difference) }}) - mean) : mean;
}

/* What the newest of so many numbers counts in a mean, or more where that forgets. */
static inline float gain_of(int compared, float least)
{
    return larger(1.0f / (float)(compared > 1 ? compared : 1), least);
}

/* How often a lag has been compared, at least once. */
static inline int rounds(int lag, int seen)
{
    const int known = seen - APART - lag;
    return known < 0 ? 1 : known / {{ groups }} + 1;
}

/* Compare the last change with those before it, at a group of lags. */
static void compare_changes({{ name }}_adaptation *a, int first, int now, float unit)
{
    const int seen = (int)a->seen[0];
    const float change = a->values[now] - value_of(a, now, APART);
    int l;
    a->moved[0] = taken_in(a->moved[0], change / unit, gain_of(seen - APART, {{ number(1 / season_memory) }}));
    for (l = first; l < first + LAGS; l++) {
        const float before = value_of(a, now, l + 1) - value_of(a, now, l + 1 + APART);
        const float gain = gain_of(rounds(l + 1, seen), {{ number(groups / season_memory) }});
        a->repeats[l] = taken_in(a->repeats[l], (change - before) / unit, gain);
    }
}

/* By what share the mean of a lag differs by chance. */
static inline float chance(int lag, int seen)
{
    return root_of_inverse(smaller((float)rounds(lag, seen), {{ number(season_memory / groups) }}));
}

/* The share of the movement that is left at a lag, where that may be a season: it is lower than on either side. */
static float share_at(const {{ name }}_adaptation *a, int lag, float whole)
{
    const int needed = lag > {{ least_compared }} ? lag : {{ least_compared }};
    const float share = a->repeats[lag - 1] / whole;
    if (lag < {{ shortest }} || lag >= {{ longest }} || (int)a->seen[0] - APART - lag < needed)
        return {{ number(largest_difference) }};
    return share < a->repeats[lag - 2] / whole && share < a->repeats[lag] / whole ? share : {{ number(largest_difference) }};
}

/* Let the best of these lags challenge the season: of those that are as good but for chance, the shortest. */
static void challenge({{ name }}_adaptation *a, int first)
{
    const float whole = a->moved[0] + {{ number(season_least) }};
    const int seen = (int)a->seen[0];
    int season = (int)a->season[0], least = first + 1, best = first + 1, l;
    const float now = a->repeats[season > 1 ? season - 1 : 0] / whole;
    float shares[LAGS], limit;
    for (l = 0; l < LAGS; l++) {
        shares[l] = share_at(a, first + 1 + l, whole);
        least = shares[l] < shares[least - first - 1] ? first + 1 + l : least;
    }
    limit = shares[least - first - 1] * (1.0f + 2.0f * chance(least, seen));
    while (shares[best - first - 1] > limit)
        best++;
    if (now > {{ number(no_longer) }})
        season = 0;
    limit = chance(best > season ? best : season, seen);
    limit = (best > season ? 1.0f / (1.0f + 2.0f * limit) : 1.0f + limit) * now;
    if (shares[best - first - 1] < {{ number(clearly) }} && best != season && (season == 0 || shares[best - first - 1] < limit))
        season = best;
    a->season[0] = (float)season;
}

static void search({{ name }}_adaptation *a, int clock, int now, float unit)
{
    const int first = clock % {{ groups }} * LAGS;
    a->seen[0] += a->seen[0] < {{ number(season_oldest) }} ? 1.0f : 0.0f;
    compare_changes(a, first, now, unit);
    challenge(a, first);
}

/* ---- What the forecasts are made of ---- */

/* The two seasonal forecasts, and the network's own where they are not known. */
typedef struct {
    float own, naive, change;
} view;

/* So many steps ahead of the sample of so many ago, in multiples of `size`. */
static view view_of(const {{ name }}_adaptation *a, int now, int ago, int steps, float size, float own)
{
    const int season = (int)a->season[0], since = seasons(season, steps);
    const float then = value_of(a, now, ago + since - steps);
    view v = {own, own, own};
    if (season > 0) {
        const float naive = (then - value_of(a, now, ago)) / size, change = (then - value_of(a, now, ago + since)) / size;
        v.naive = is_number(naive) ? naive : own;
        v.change = is_number(naive) && is_number(change) ? change : own;
    }
    return v;
}

static void look_at(const view *v, float *phi)
{
    phi[0] = clipped(v->own, -CLIP, CLIP);
    phi[1] = clipped(v->naive - v->own, -CLIP, CLIP);
    phi[2] = clipped(v->change - v->own, -CLIP, CLIP);
}

/* What the correction saw so many samples ago: 1, the network's forecast of the last step, recent changes, and how the season before
   went on. */
static void look_back(const {{ name }}_adaptation *a, int now, int ago, float unit, float last, float *z)
{
    static const int places[{{ places|length }}] = {{ "{" }}{{ places|join(", ") }}{{ "}" }};
    static const float spans[{{ places|length - 1 }}] = {{ "{" }}{{ numbers(spans) }}{{ "}" }};
    static const int ahead[{{ layout.ahead|length }}] = {{ "{" }}{{ layout.ahead|join(", ") }}{{ "}" }};
    const int season = (int)a->season[0];
    const float base = value_of(a, now, ago);
    int j;
    *z++ = 1.0f;
    *z++ = clipped_number(last);
    for (j = 0; j < {{ places|length - 1 }}; j++) {
        const float change = (value_of(a, now, ago + places[j]) - value_of(a, now, ago + places[j + 1])) / (unit * spans[j]);
        *z++ = is_number(change) ? clipped(area_sine(change), -CLIP, CLIP) : 0.0f;
    }
    if (season == 0) {
        memset(z, 0, {{ layout.ahead|length + 1 }} * sizeof *z);
        return;
    }
    *z++ = clipped_number((value_of(a, now, ago + season) - base) / unit);
    for (j = 0; j < {{ layout.ahead|length }}; j++) {
        const float then = value_of(a, now, ago + seasons(season, ahead[j]) - ahead[j]);
        *z++ = clipped_number((then - base) / unit / growth[ahead[j] - 1]);
    }
}

/* ---- Learning ---- */

static float recent_product(const float *a, const float *b)
{
    float sum = 0.0f;
    int r;
    for (r = 0; r < RECENT; r++)
        sum += a[r] * b[r];
    return sum;
}

static void recent_direction(const float *covariance, const float *z, float *along)
{
    int r, q;
    memset(along, 0, RECENT * sizeof *along);
    for (q = 0; q < RECENT; q++)
        for (r = 0; r < RECENT; r++)
            along[r] += covariance[q * RECENT + r] * z[q];
}

static void set_recent_unsure(float *covariance)
{
    int r;
    memset(covariance, 0, RECENT * RECENT * sizeof *covariance);
    for (r = 0; r < RECENT; r++)
        covariance[r * RECENT + r] = {{ number(recent_unsure) }};
}

/* The covariance that all knots share takes in what the correction saw a sample ago. */
static void take_in_recent(float *covariance, const float *z)
{
    float along[RECENT], spread, root, trace = 0.0f, scale = {{ number(1 / forgetting) }};
    int r, q;
    recent_direction(covariance, z, along);
    spread = recent_product(z, along);
    if (spread < 0.0f) { /* rounding has left no covariance */
        set_recent_unsure(covariance);
        return;
    }
    root = root_of_inverse(spread + {{ number(forgetting) }});
    for (r = 0; r < RECENT; r++) {
        along[r] *= root;
        trace += covariance[r * RECENT + r] - along[r] * along[r];
    }
    if (trace * scale > {{ number(recent_most) }})
        scale = {{ number(recent_most) }} / trace;
    for (q = 0; q < RECENT; q++)
        for (r = 0; r < RECENT; r++)
            covariance[q * RECENT + r] = (covariance[q * RECENT + r] - along[q] * along[r]) * scale;
}

/* A knot learns of the blend's error from what the correction saw when the forecast was made. */
static void correct_recent(float *weights, const float *covariance, const float *z, float off)
{
    float along[RECENT], step, reach;
    int r;
    recent_direction(covariance, z, along);
    reach = recent_product(z, along);
    step = (off - recent_product(weights, z)) / larger(reach, 1.0f); /* no longer than what would undo the error */
    for (r = 0; r < RECENT; r++)
        weights[r] = clipped(weights[r] + step * along[r], {{ number(-recent_largest) }}, {{ number(recent_largest) }});
}

/* What each expert of a knot would have lost. */
static void charge(const float *waits, const view *v, float came, float *losses)
{
    const float said = waits[SAID], off = 2.0f * clipped(said - came, {{ number(-clip) }}, {{ number(clip) }});
    const float forecasts[EXPERTS] = {waits[OWN], waits[CORRECTED], waits[BLENDED], 0.0f, v->naive, v->change};
    int e;
    for (e = 0; e < EXPERTS; e++)
        losses[e] = off * clipped(forecasts[e] - said, {{ number(-reach) }}, {{ number(reach) }});
}

/* Learn of a truth at the knots where something waited for it; leave what the experts have lost. */
static void learn({{ name }}_adaptation *a, int clock, int now, float truth, float *losses)
{
    int k, has_learned = 0;
    for (k = 0; k < KNOTS; k++) {
        const int steps = knots[k], then = clock + {{ layout.turns }} - steps;
        const float *const waits = waiting_at(a, k, clock);
        const float unit = a->units[then % {{ layout.horizon }}], size = unit * growth[steps - 1];
        const float came = (truth - value_of(a, now, steps)) / size;
        if (is_number(came - waits[SAID])) {
            const view v = view_of(a, now, steps, steps, size, waits[OWN]);
            float phi[REGRESSORS], z[RECENT];
            compare(a, k, waits, came);
            charge(waits, &v, came, losses + k * EXPERTS);
            look_at(&v, phi);
            correct(a->weights + k * REGRESSORS, a->covariance + k * REGRESSORS * REGRESSORS, phi, clipped(came - waits[OWN], -CLIP, CLIP));
            look_back(a, now, steps, unit, waiting_at(a, KNOTS - 1, then)[OWN], z);
            if (k == 0)
                take_in_recent(a->recent_covariance, z);
            correct_recent(a->recent_weights + k * RECENT, a->recent_covariance, z, clipped(came - waits[BLENDED], -CLIP, CLIP));
            has_learned = 1;
        }
    }
    a->taught[0] += has_learned && a->taught[0] < 16777216.0f ? 1.0f : 0.0f;
}

/* ---- Forecasting ---- */

/* What a knot makes of forecasts: the shares of experts, 0 where its gate is closed; the blend's weights, and the correction. */
enum { OF_CORRECTED, OF_BLENDED, OF_PERSISTENCE, OF_NAIVE, OF_CHANGE, WEIGHTS, CORRECTION = WEIGHTS + REGRESSORS, INFLUENCES };

/* Let what is said at a knot wait for its truth; leave what the knot makes of forecasts. Return whether its gate is open. */
static int say({{ name }}_adaptation *a, int k, const view *v, const float *z, const float *shares, int counts, float *waits, float *by)
{
    float phi[REGRESSORS];
    int e, is_open;
    look_at(v, phi);
    memcpy(by + WEIGHTS, a->weights + k * REGRESSORS, REGRESSORS * sizeof *by);
    by[CORRECTION] = clipped(recent_product(a->recent_weights + k * RECENT, z), -CLIP, CLIP);
    waits[OWN] = v->own;
    waits[BLENDED] = v->own + clipped(product(by + WEIGHTS, phi), -CLIP, CLIP);
    waits[CORRECTED] = waits[BLENDED] + by[CORRECTION];
    waits[SAID] = shares[0] * v->own + shares[1] * waits[CORRECTED] + shares[2] * waits[BLENDED] + shares[4] * v->naive
        + shares[5] * v->change;
    counts = counts && is_number(v->own) && is_number(waits[SAID]) && is_number(waits[CORRECTED]);
    if (!counts)
        memset(waits, 0xFF, WAITS * sizeof *waits); /* NaN */
    is_open = counts && a->gain[k] < {{ number(-margin) }} * a->worst[k];
    for (e = 0; e < EXPERTS - 1; e++)
        by[e] = is_open ? shares[e + 1] : 0.0f;
    return is_open;
}

/* Move a forecast of the network towards the better ones. */
static float adapted(const float *before, const float *after, float near, const view *v, float size, float forecast)
{
    float by[INFLUENCES], phi[REGRESSORS], blend, moved;
    int i;
    for (i = 0; i < INFLUENCES; i++)
        by[i] = (1.0f - near) * before[i] + near * after[i];
    look_at(v, phi);
    blend = clipped(product(by + WEIGHTS, phi), -CLIP, CLIP);
    moved = by[OF_CORRECTED] * (blend + by[CORRECTION]) + by[OF_BLENDED] * blend - by[OF_PERSISTENCE] * v->own
        + by[OF_NAIVE] * (v->naive - v->own) + by[OF_CHANGE] * (v->change - v->own);
    moved = forecast + moved * size;
    return is_number(moved) ? moved : forecast;
}

/* Learn of a sample, and adapt the network's forecasts after it, which count if they are warm. x is as the network saw it, truth what
   may teach, NaN where nothing may. */
static void adapt({{ name }}_adaptation *a, const {{ name }}_memory *m, const float *x, const float *truth, int is_warm, float *forecast)
{
    const int clock = (int)a->clock[0], now = clock % KEPT, horizon = {{ layout.horizon }};
    const float unit = m->scale[0];
    float losses[KNOTS * EXPERTS] = {0}, shares[KNOTS * EXPERTS], z[RECENT], by[KNOTS + 1][INFLUENCES];
    int k, step, is_any_open = 0;
    a->values[now] = x[0];
    if (is_number(truth[0]) && unit > 0.0f)
        search(a, clock, now, unit);
    learn(a, clock, now, truth[0], losses);
    weigh(a, losses, shares);
    a->units[clock % horizon] = unit;
    look_back(a, now, 0, unit, (forecast[horizon - 1] - x[0]) / (unit * growth[horizon - 1]), z);
    for (k = 0; k < KNOTS; k++) {
        const int steps = knots[k];
        const float size = unit * growth[steps - 1];
        const view v = view_of(a, now, 0, steps, size, (forecast[steps - 1] - x[0]) / size);
        is_any_open |= say(a, k, &v, z, shares + k * EXPERTS, is_warm && unit > 0.0f, waiting_at(a, k, clock), by[k]);
    }
    memcpy(by[KNOTS], by[KNOTS - 1], sizeof by[0]);
    for (step = 0; is_any_open && step < horizon; step++) {
        const float size = unit * growth[step];
        const view v = view_of(a, now, 0, step + 1, size, (forecast[step] - x[0]) / size);
        const int before = knot_before[step];
        forecast[step] = adapted(by[before], by[before + 1], nearness[step], &v, size, forecast[step]);
    }
    a->clock[0] = clock + 1 < {{ layout.turns }} ? (float)(clock + 1) : 0.0f;
}
