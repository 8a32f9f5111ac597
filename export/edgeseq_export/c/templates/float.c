/* {{ name }}.c: the step function declared in {{ name }}.h, in float. */
#include "{{ name }}.h"

#include <string.h>
{% if libm %}

#include <math.h>
{% endif %}

#if defined(__AVX512F__) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC target("prefer-vector-width=512") /* GCC would use half of each register */
#endif
#if defined(__AVX512F__) && defined(__GNUC__)
#define ALIGNED __attribute__((aligned(64))) /* a vector across two cache lines takes twice as long */
#else
#define ALIGNED
#endif

{% include "rounded.h" %}

#define HIDDEN {{ spec.hidden }} /* units of a layer */
#define UNITS {{ program.units }}  /* the same, filled up to whole vectors of four */
#define ROWS {{ program.units * gates }}  /* {{ gates }} gate{{ "s" if gates > 1 }} of so many units */
#define INPUTS {{ program.inputs }} /* numbers that the first layer sees in one step */

/* ---- The numbers. Matrices lie column by column: all rows of the first input, then all of the second. ---- */
{% for product in products %}

static const float ALIGNED {{ product.name }}[{{ product.columns }} * {{ product.rows }}] = {
{{ values(product.matrix) }}};
{% if product.name not in ("linear", "known", "coefficient") %}

static const float {{ product.name }}_bias[{{ product.rows }}] = {
{{ values(product.bias) }}};
{% endif %}
{% endfor %}

/* ---- Arithmetic ---- */

/* Add matrix * x to z, one column after the other. Four at a time, so that each number of z is fetched and stored once for
   them; with 32 vector registers all of z stays in them, and one column at a time is better. */
static inline void add_product(float *restrict z, int rows, const float *restrict matrix, const float *restrict x,
                               int columns)
{
    int j, r;
#if defined(__AVX512F__)
    if (rows >= 16) {
        for (j = 0; j < columns; j++) {
            const float *restrict m = matrix + j * rows;
            for (r = 0; r < rows; r++)
                z[r] += m[r] * x[j];
        }
        return;
    }
#endif
    for (j = 0; j < columns; j += 4) {
        const float *restrict a = matrix + j * rows;
        const float *restrict b = a + rows;
        const float *restrict c = b + rows;
        const float *restrict d = c + rows;
        for (r = 0; r < rows; r++)
            z[r] = z[r] + a[r] * x[j] + b[r] * x[j + 1] + c[r] * x[j + 2] + d[r] * x[j + 3];
    }
}
{% if not libm or layout %}

{% include "exponential.h" %}
{% endif %}
{% if spec.cell != "rnn" %}

static inline float sigmoid(float x)
{
    return 1.0f / (1.0f + {{ "expf" if libm else "exponential" }}(-x));
}
{% endif %}
{% if spec.cell != "lstm" %}

static inline float hyperbolic(float x)
{
    return {{ "tanhf(x)" if libm else "1.0f - 2.0f / (1.0f + exponential(2.0f * x))" }};
}
{% elif libm %}

/* sigmoid(a) * tanh(b) */
static inline float gated(float a, float b)
{
    return sigmoid(a) * tanhf(b);
}
{% else %}

/* sigmoid(a) * tanh(b) with one division: divisions take the most time */
static inline float gated(float a, float b)
{
    const float e = exponential(-a), t = exponential(2.0f * b);
    return (t - 1.0f) / ((1.0f + e) * (1.0f + t));
}
{% endif %}

/* ---- A cell: of its gates' sums z, and of its memory, the next memory ---- */
{% if spec.cell == "lstm" %}

/* Long short-term memory: c' = f c + i g, h' = o tanh(c'). Rows: i, o, f, g. */
static inline void cell(const float *z, float *h, float *c)
{
    float memory[UNITS] = {0}, output[UNITS];
    int u;
    memcpy(memory, c, HIDDEN * sizeof(float));
    for (u = 0; u < UNITS; u++)
        memory[u] = sigmoid(z[2 * UNITS + u]) * memory[u] + gated(z[u], z[3 * UNITS + u]);
    for (u = 0; u < UNITS; u++)
        output[u] = gated(z[UNITS + u], memory[u]);
    memcpy(c, memory, HIDDEN * sizeof(float));
    memcpy(h, output, HIDDEN * sizeof(float));
}
{% elif spec.cell == "gru" %}

/* Gated recurrent unit: n = tanh(W x + r (R h)), h' = (1 - z) n + z h. Rows: z, r, n; of the input and of h. */
static inline void cell(const float *of_x, const float *of_h, float *h)
{
    float memory[UNITS] = {0};
    int u;
    memcpy(memory, h, HIDDEN * sizeof(float));
    for (u = 0; u < UNITS; u++) {
        const float update = sigmoid(of_x[u] + of_h[u]);
        const float reset = sigmoid(of_x[UNITS + u] + of_h[UNITS + u]);
        const float fresh = hyperbolic(of_x[2 * UNITS + u] + reset * of_h[2 * UNITS + u]);
        memory[u] = fresh + update * (memory[u] - fresh);
    }
    memcpy(h, memory, HIDDEN * sizeof(float));
}
{% else %}

/* Elman's recurrent cell: h' = tanh(W x + R h). */
static inline void cell(const float *z, float *h)
{
    float output[UNITS];
    int u;
    for (u = 0; u < UNITS; u++)
        output[u] = hyperbolic(z[u]);
    memcpy(h, output, HIDDEN * sizeof(float));
}
{% endif %}

/* ---- The network ---- */
{% for layer in program.layers %}
{% set n = layer.number %}

/* Layer {{ n }}. */
{% if spec.cell == "gru" %}
static void layer{{ n }}(const float *x, float *h)
{
    float in[{{ layer.products[0].columns }}] = {0}, memory[{{ layer.products[1].columns }}] = {0};
    float of_x[ROWS], of_h[ROWS];
    memcpy(memory, h, HIDDEN * sizeof(float));
    memcpy(of_h, r{{ n }}_bias, sizeof of_h);
    add_product(of_h, ROWS, r{{ n }}, memory, {{ layer.products[1].columns }});
    memcpy(in, x, {{ layer.inputs }} * sizeof(float));
    memcpy(of_x, w{{ n }}_bias, sizeof of_x);
    add_product(of_x, ROWS, w{{ n }}, in, {{ layer.products[0].columns }});
    cell(of_x, of_h, h);
}
{% else %}
static void layer{{ n }}(const float *x, float *h{% if spec.cell == "lstm" %}, float *c{% endif %})
{
    float in[{{ layer.products[0].columns }}] = {0}, z[ROWS];
    memcpy(in, h, HIDDEN * sizeof(float));
    memcpy(in + HIDDEN, x, {{ layer.inputs }} * sizeof(float));
    memcpy(z, w{{ n }}_bias, sizeof z);
    add_product(z, ROWS, w{{ n }}, in, {{ layer.products[0].columns }});
    cell(z, h{% if spec.cell == "lstm" %}, c{% endif %});
}
{% endif %}
{% endfor %}

/* What the last layer says, {{ "in multiples of the scale" if running else "in the targets' units" }}. The bias comes last: it may be far larger than what is added. */
static void head_layer(const float *h, float *said)
{
    float in[{{ program.head.columns }}] = {0};
    int k;
    memcpy(in, h, HIDDEN * sizeof(float));
    memset(said, 0, {{ program.head.rows }} * sizeof(float));
    add_product(said, {{ program.head.rows }}, head, in, {{ program.head.columns }});
    for (k = 0; k < {{ program.head.rows }}; k++) {
        ROUNDED const float sum = said[k];
        said[k] = sum + head_bias[k];
    }
}
{% if running %}

{% include "running.c" %}

/* What the first layer sees of a sample x. */
static void see({{ name }}_memory *m, const float *x, float *in, float *change)
{
    (void)change;
    follow(m, x[0], in);
}

/* What is forecast: its change from the sample. */
static void tell({{ name }}_memory *m, const float *in, const float *change, float *forecast)
{
    float said[WORDS];
    (void)in, (void)change;
    head_layer(m->h{{ spec.layers }}, said);
    by_scale(m, said, forecast);
}
{% elif stream %}
{% if spec.known %}

static const float known_center[{{ NAME }}_KNOWN] = {{ "{" }}{{ known_centers }}{{ "}" }};
{% endif %}

/* What the first layer sees of a sample x, which is kept as the last one; by how much it has changed since that. */
static void see({{ name }}_memory *m, const float *x, float *in, float *change)
{
    int f;
    for (f = 0; f < {{ NAME }}_FEATURES; f++) {
        change[f] = m->last[{{ NAME }}_FEATURES] > 0.0f ? x[f] - m->last[f] : 0.0f; /* 0 for a fresh stream's first */
        m->last[f] = x[f];
    }
    m->last[{{ NAME }}_FEATURES] = 1.0f;
{% for feature in program.levels %}
    in[{{ loop.index0 }}] = x[{{ feature }}]{% if spec.features[feature].center %} - {{ number(spec.features[feature].center) }}{% endif %};
{% endfor %}
    memcpy(in{% if program.levels %} + {{ program.levels|length }}{% endif %}, change, {{ NAME }}_FEATURES * sizeof(float));
{% if spec.known %}
    for (f = 0; f < {{ NAME }}_HORIZON * {{ NAME }}_KNOWN; f++)
        in[{{ program.levels|length }} + {{ NAME }}_FEATURES + f] = x[{{ NAME }}_FEATURES + f] - known_center[f % {{ NAME }}_KNOWN];
{% endif %}
}

/* What is forecast of a target: {{ "its change from the sample" if change else "its value" }}. */
static void tell({{ name }}_memory *m, const float *in, const float *change, float *said)
{
{% if program.known or program.linear %}
    int f;
{% endif %}
{% if not program.known %}
    (void)in;
{% endif %}
{% if not program.linear %}
    (void)change;
{% endif %}
    head_layer(m->h{{ spec.layers }}, said);
{% if program.known %}
    {
        /* What is known ahead: by constant weights, and at each step by coefficients of the last layer's units. */
        float ahead[{{ program.known.columns }}] = {0}, units[{{ program.coefficient.columns }}] = {0};
        float by[{{ NAME }}_OUTPUTS * {{ NAME }}_KNOWN] = {0};
        float sums[{{ NAME }}_OUTPUTS] = {0}; /* added once: `said` may be large by its level, and each sum there rounds as much */
        memcpy(ahead, in + {{ program.levels|length }} + {{ NAME }}_FEATURES, {{ NAME }}_HORIZON * {{ NAME }}_KNOWN * sizeof(float));
        memcpy(units, m->h{{ spec.layers }}, HIDDEN * sizeof(float));
        add_product(sums, {{ NAME }}_OUTPUTS, known, ahead, {{ program.known.columns }});
        add_product(by, {{ NAME }}_OUTPUTS * {{ NAME }}_KNOWN, coefficient, units, {{ program.coefficient.columns }});
        for (f = 0; f < {{ NAME }}_OUTPUTS * {{ NAME }}_KNOWN; f++)
            sums[f / {{ NAME }}_KNOWN] += by[f] * ahead[f / ({{ NAME }}_TARGETS * {{ NAME }}_KNOWN) * {{ NAME }}_KNOWN + f % {{ NAME }}_KNOWN];
        for (f = 0; f < {{ NAME }}_OUTPUTS; f++)
            said[f] += sums[f];
    }
{% endif %}
{% if program.linear %}
    {
        /* The linear path over the last {{ spec.linear_path }} changes of each measured feature, oldest first. */
        float recent[{{ program.linear.columns }}] = {0};
        for (f = 0; f < {{ NAME }}_MEASURED; f++) {
            float *const mine = recent + f * {{ spec.linear_path }}, *const kept = m->changes + f * {{ spec.linear_path - 1 }};
            memcpy(mine, kept, {{ spec.linear_path - 1 }} * sizeof(float));
            mine[{{ spec.linear_path - 1 }}] = change[f];
            memcpy(kept, mine + 1, {{ spec.linear_path - 1 }} * sizeof(float));
        }
        add_product(said, {{ NAME }}_OUTPUTS, linear, recent, {{ program.linear.columns }});
    }
{% endif %}
}
{% endif %}
{% if stream %}

/* Move the memory on by a sample x. */
static void advance({{ name }}_memory *m, const float *x, float *said)
{
    float in[INPUTS], change[{{ NAME }}_FEATURES];
    see(m, x, in, change);
{% for layer in program.layers %}
    layer{{ layer.number }}({{ "in" if loop.first else "m->h%d" % (layer.number - 1) }}, m->h{{ layer.number }}{% if spec.cell == "lstm" %}, m->c{{ layer.number }}{% endif %});
{% endfor %}
    tell(m, in, change, said);
}
{% else %}

static const float center[{{ NAME }}_FEATURES] = {{ "{" }}{{ centers }}{{ "}" }};

{% include "window.c" %}

/* Move the window on by a sample x, and show the network the whole of it, from a memory of zeros. */
static void advance({{ name }}_memory *m, const float *x, float *said)
{
    float seen[{{ spec.window }} * {{ NAME }}_FEATURES];
{% for layer in program.layers %}
    float h{{ layer.number }}[HIDDEN] = {0}{% if spec.cell == "lstm" %}, c{{ layer.number }}[HIDDEN] = {0}{% endif %};
{% endfor %}
    int t;
    look(m, x, seen);
    for (t = 0; t < {{ program.steps }}; t++) {
{% for layer in program.layers %}
        layer{{ layer.number }}({{ "seen + t * INPUTS" if loop.first else "h%d" % (layer.number - 1) }}, h{{ layer.number }}{% if spec.cell == "lstm" %}, c{{ layer.number }}{% endif %});
{% endfor %}
    }
    head_layer(h{{ spec.layers }}, said);
}
{% endif %}

{% include "step.c" %}
