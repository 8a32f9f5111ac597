/* ---- What all adaptation is made of: a gate, least squares, and experts that are weighed by how they have done ---- */
{% set kept = "adaptation" if running else "learned" %}

/* Of each knot's experts: the trust before anything has come, and what the root of the losses divides to a rate. */
static const float prior[KNOTS * EXPERTS] = {
{{ values(prior) }}};
static const float patience[KNOTS * EXPERTS] = {
{{ values(patience) }}};

/* exp(x) of x up to 0, down to 0: the gates' exponential ends at that of -30. */
static inline float vanishing(float x)
{
    const float root = exponential(0.25f * x), square = root * root;
    return square * square;
}

static inline float product(const float *a, const float *b)
{
    float sum = 0.0f;
    int r;
    for (r = 0; r < REGRESSORS; r++)
        sum += a[r] * b[r];
    return sum;
}

/* ---- Learning ---- */

/* The gate of a knot: whether what was said is better than what the network said. */
static void compare({{ name }}_{{ kept }} *s, int k, const float *waits, float came)
{
    const float of_own = came - waits[OWN], of_said = came - waits[SAID];
    const float own = smaller(of_own * of_own, {{ number(worst) }}), said = smaller(of_said * of_said, {{ number(worst) }});
    s->gain[k] = {{ number(memory) }} * s->gain[k] + said - own;
    s->worst[k] = larger({{ number(memory) }} * s->worst[k], own);
}

static void set_unsure(float *covariance)
{
    int r;
    memset(covariance, 0, REGRESSORS * REGRESSORS * sizeof *covariance);
    for (r = 0; r < REGRESSORS; r++)
        covariance[r * REGRESSORS + r] = {{ number(unsure) }};
}

/* Recursive least squares of the network's error `off`, with forgetting; phi is what the correction is made of. */
static void correct(float *weights, float *covariance, const float *phi, float off)
{
    const float most = {{ number(most_trace) }};
    float along[REGRESSORS] = {0}, spread, root, error, trace = 0.0f, scale = {{ number(1 / forgetting) }};
    int r, q;
    for (q = 0; q < REGRESSORS; q++)
        for (r = 0; r < REGRESSORS; r++)
            along[r] += covariance[q * REGRESSORS + r] * phi[q];
    spread = product(phi, along);
    root = root_of_inverse(larger(spread, 0.0f) + {{ number(forgetting) }});
    error = (off - product(weights, phi)) * root;
    for (r = 0; r < REGRESSORS; r++) {
        along[r] *= root;
        weights[r] += along[r] * error;
        trace += covariance[r * REGRESSORS + r] - along[r] * along[r];
    }
    if (spread < 0.0f || trace <= 0.0f) { /* rounding has left no covariance */
        set_unsure(covariance);
        return;
    }
    if (trace * scale > most)
        scale = most / trace;
    for (q = 0; q < REGRESSORS; q++)
        for (r = 0; r < REGRESSORS; r++)
            covariance[q * REGRESSORS + r] = (covariance[q * REGRESSORS + r] - along[q] * along[r]) * scale;
}

/* Count the experts' losses; leave how much each counts, 1 together at a knot. All knots at once, and a loop for each thing,
   so that compilers can make vectors of them. */
static void weigh({{ name }}_{{ kept }} *s, const float *losses, float *shares)
{
    float by_time[KNOTS * EXPERTS], lost[KNOTS * EXPERTS];
    int e, k;
    for (e = 0; e < KNOTS * EXPERTS; e++) {
        s->range[e] = larger(s->range[e], larger(losses[e], -losses[e]));
        s->variance[e] += losses[e] * losses[e];
    }
    for (e = 0; e < KNOTS * EXPERTS; e++)
        by_time[e] = patience[e] * root_of_inverse(s->variance[e] + {{ number(least) }});
    for (e = 0; e < KNOTS * EXPERTS; e++) {
        const float rate = smaller({{ number(rate / 2) }} / (s->range[e] + {{ number(least) }}), by_time[e]);
        s->regret[e] += losses[e] * (1.0f + rate * losses[e]);
        lost[e] = rate * s->regret[e];
        shares[e] = rate * prior[e];
    }
    for (k = 0; k < KNOTS * EXPERTS; k += EXPERTS) {
        float least = lost[k];
        for (e = 1; e < EXPERTS; e++)
            least = smaller(least, lost[k + e]);
        for (e = 0; e < EXPERTS; e++)
            lost[k + e] = least - lost[k + e];
    }
    for (e = 0; e < KNOTS * EXPERTS; e++)
        shares[e] *= vanishing(lost[e]);
    for (k = 0; k < KNOTS * EXPERTS; k += EXPERTS) {
        float sum = 0.0f;
        for (e = 0; e < EXPERTS; e++)
            sum += shares[k + e];
        for (e = 0; e < EXPERTS; e++)
            shares[k + e] /= sum;
    }
}
