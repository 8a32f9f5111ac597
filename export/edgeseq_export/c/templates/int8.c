/* {{ name }}.c: the step function declared in {{ name }}.h, in fixed point: 8-bit weights, 16-bit activations, 32-bit sums.

   An integer q stands for q / 2^bits. Inputs of the network have {{ INPUT }} bits behind the point, hidden units and gates {{ UNIT }},
   cells {{ CELL }}, sums before a gate {{ SUM }}, what the network says {{ OUTPUT }}. Every processor computes the same bits. */
#include "{{ name }}.h"

#include <string.h>

#if defined(__ARM_FEATURE_DSP) && !defined(__ARM_BIG_ENDIAN) && (defined(__clang__) || __GNUC__ >= 10)
#define PAIRS /* this core multiplies two pairs of 16 bits in one instruction, and this compiler can say so */
#include <arm_acle.h>
#endif

{% include "rounded.h" %}

#define HIDDEN {{ spec.hidden }} /* units of a layer */
#define GATES {{ gates }}
#define INPUTS {{ inputs }} /* numbers that the first layer sees in one step */
#define LARGEST 32767 /* of 16 bits */

/* ---- The numbers. Matrices lie unit by unit: of the first four columns all gates, then of the next four. Of four
   columns the second and the third change places, so that pairs come out when bytes are spread to 16 bits. ---- */
{% for layer in layers %}
{% set n = layer.number %}

#define W{{ n }}_COLUMNS {{ layer.of_input.columns }}
#define R{{ n }}_COLUMNS {{ layer.of_memory.columns }}

static const int8_t w{{ n }}[HIDDEN * GATES * W{{ n }}_COLUMNS] = {
{{ values(layer.of_input.matrix) }}};

static const int8_t r{{ n }}[HIDDEN * GATES * R{{ n }}_COLUMNS] = {
{{ values(layer.of_memory.matrix) }}};

/* What brings the sums of a row to {{ SUM }} bits: (sum * factor) / 2^{{ layer.of_input.shift }}. */
static const int32_t w{{ n }}_factor[HIDDEN * GATES] = {
{{ values(layer.of_input.factor) }}};

static const int32_t r{{ n }}_factor[HIDDEN * GATES] = {
{{ values(layer.of_memory.factor) }}};

static const int32_t w{{ n }}_bias[HIDDEN * GATES] = {
{{ values(layer.of_input.bias) }}};
{% if spec.cell == "gru" %}

/* Of the candidate, what is added to the memory's part. */
static const int32_t r{{ n }}_bias[HIDDEN] = {
{{ values(layer.of_memory.candidate) }}};
{% endif %}
{% endfor %}

static const int16_t head[{{ head.matrix|length }} * HIDDEN] = {
{{ values(head.matrix) }}};

static const int32_t head_factor[{{ head.matrix|length }}] = {
{{ values(head.factor) }}};

static const int32_t head_bias[{{ head.matrix|length }}] = {
{{ values(head.bias) }}};
{% if linear %}

static const int8_t linear[{{ NAME }}_OUTPUTS * {{ linear.columns }}] = {
{{ values(linear.matrix) }}};

static const int32_t linear_factor[{{ NAME }}_OUTPUTS] = {
{{ values(linear.factor) }}};
{% endif %}
{% if known %}

static const int8_t known[{{ NAME }}_OUTPUTS * {{ NAME }}_HORIZON * {{ NAME }}_KNOWN] = {
{{ values(known.matrix) }}};

static const int32_t known_factor[{{ NAME }}_OUTPUTS] = {
{{ values(known.factor) }}};

static const int8_t coefficient[{{ NAME }}_OUTPUTS * {{ NAME }}_KNOWN * HIDDEN] = {
{{ values(coefficient.matrix) }}};

static const int32_t coefficient_factor[{{ NAME }}_OUTPUTS * {{ NAME }}_KNOWN] = {
{{ values(coefficient.factor) }}};
{% endif %}

/* From what the network says to {{ "multiples of the scale" if running else "the target's unit" }}. */
static const int32_t output_factor[{{ head.matrix|length }}] = {
{{ values(output_factors) }}};

/* The sigmoid at 0, 1/32, 2/32, ..., 8. */
static const int16_t sigmoid_table[{{ table|length }}] = {
{{ values(table) }}};

/* ---- Arithmetic ---- */

/* value / 2^bits, rounded to the nearest. Right shifts of negative numbers are arithmetic wherever this compiles. */
static inline int64_t shifted(int64_t value, int bits)
{
    return (value + ((int64_t)1 << (bits - 1))) >> bits;
}

static inline int32_t cut(int64_t value, int32_t limit)
{
    return value > limit ? limit : value < -limit ? -limit : (int32_t)value;
}

/* The sigmoid of a sum, 0 to 2^{{ UNIT }}; beyond -8 and 8 it is that of these. */
static int32_t sigmoid(int32_t z)
{
    const int32_t size = z < 0 ? -z : z, limited = size < LARGEST ? size : LARGEST;
    const int32_t at = limited >> {{ TABLE_STEP }}, between = limited & {{ 2 ** TABLE_STEP - 1 }};
    const int32_t low = sigmoid_table[at], high = sigmoid_table[at + 1];
    const int32_t value = low + (((high - low) * between + {{ 2 ** (TABLE_STEP - 1) }}) >> {{ TABLE_STEP }});
    return z < 0 ? {{ 2 ** UNIT }} - value : value;
}

/* tanh(z) = 2 sigmoid(2 z) - 1, -2^{{ UNIT }} to 2^{{ UNIT }} */
static int32_t hyperbolic(int32_t z)
{
    return 2 * sigmoid(2 * z) - {{ 2 ** UNIT }};
}

/* Add the products of four columns to a gate's sum. */
static inline int32_t add_four(int32_t sum, const int8_t *w, const int16_t *x)
{
#ifdef PAIRS
    uint32_t four;
    int16x2_t first, second;
    memcpy(&four, w, sizeof four);
    memcpy(&first, x, sizeof first);
    memcpy(&second, x + 2, sizeof second);
    sum = __smlad(__sxtb16((int8x4_t)four), first, sum);
    return __smlad(__sxtb16((int8x4_t)(four >> 8 | four << 24)), second, sum);
#else
    return sum + (int32_t)w[0] * x[0] + (int32_t)w[1] * x[2] + (int32_t)w[2] * x[1] + (int32_t)w[3] * x[3];
#endif
}

/* The products of a unit's part of a matrix with x: a sum for each gate. */
static inline void multiply(int32_t *sums, const int8_t *w, const int16_t *x, int columns)
{
    const int16_t *const end = x + columns;
    int32_t {% for g in range(gates) %}s{{ g }} = 0{{ ", " if not loop.last }}{% endfor %};
    for (; x < end; x += 4, w += 4 * GATES) {
{% for g in range(gates) %}
        s{{ g }} = add_four(s{{ g }}, w{% if g %} + {{ 4 * g }}{% endif %}, x);
{% endfor %}
    }
{% for g in range(gates) %}
    sums[{{ g }}] = s{{ g }};
{% endfor %}
}

/* A difference of samples times a factor that makes it {{ SHARP }} bits finer than an input, as an input. */
static int16_t as_input(float sharp)
{
    const float limit = {{ (LARGEST + 1) * 2 ** SHARP }}.0f;
    const float limited = sharp > limit ? limit : sharp < -limit ? -limit : sharp;
    return (int16_t)cut(shifted((int32_t)limited, {{ SHARP }}), LARGEST);
}

{% if layout %}
{% include "exponential.h" %}

{% endif %}
/* ---- The network ---- */
{% if not change or not stream %}

static const float center[{{ NAME }}_FEATURES] = {{ "{" }}{{ centers }}{{ "}" }};
{% endif %}
{% for layer in layers %}
{% set n = layer.number %}

{% if spec.cell == "lstm" %}
/* Layer {{ n }}, long short-term memory: c' = f c + i g, h' = o tanh(c'). Rows of a unit: i, f, g, o. */
static void layer{{ n }}(const int16_t *x, int16_t *h, int32_t *c)
{% elif spec.cell == "gru" %}
/* Layer {{ n }}, gated recurrent unit: n = tanh(W x + r (R h)), h' = (1 - z) n + z h. Rows of a unit: r, z, n. */
static void layer{{ n }}(const int16_t *x, int16_t *h)
{% else %}
/* Layer {{ n }}, Elman's recurrent cell: h' = tanh(W x + R h). */
static void layer{{ n }}(const int16_t *x, int16_t *h)
{% endif %}
{
    int16_t in[W{{ n }}_COLUMNS] = {0}, memory[R{{ n }}_COLUMNS] = {0};
    int u, g;
    memcpy(in, x, {{ layer.inputs }} * sizeof *in);
    memcpy(memory, h, HIDDEN * sizeof *memory);
    for (u = 0; u < HIDDEN; u++) {
        const int first = u * GATES;
        int32_t of_x[GATES], of_h[GATES];
{% if spec.cell == "gru" %}
        int32_t reset, update, fresh;
        int64_t from_memory;
{% endif %}
        multiply(of_x, w{{ n }} + first * W{{ n }}_COLUMNS, in, W{{ n }}_COLUMNS);
        multiply(of_h, r{{ n }} + first * R{{ n }}_COLUMNS, memory, R{{ n }}_COLUMNS);
{% if spec.cell == "gru" %}
        from_memory = r{{ n }}_bias[u] + shifted((int64_t)of_h[2] * r{{ n }}_factor[first + 2], {{ layer.of_memory.shift }});
        of_h[2] = 0; /* of the candidate, the memory's part passes the reset gate first */
{% endif %}
        for (g = 0; g < GATES; g++)
            of_x[g] = cut(w{{ n }}_bias[first + g]
                              + shifted((int64_t)of_x[g] * w{{ n }}_factor[first + g]
                                            + (int64_t)of_h[g] * r{{ n }}_factor[first + g],
                                        {{ layer.of_input.shift }}),
                          LARGEST);
{% if spec.cell == "gru" %}
        reset = sigmoid(of_x[0]);
        update = sigmoid(of_x[1]);
        fresh = hyperbolic(cut(of_x[2] + shifted((int64_t)reset * cut(from_memory, LARGEST), {{ UNIT }}), LARGEST));
        h[u] = (int16_t)cut(shifted((int64_t)({{ 2 ** UNIT }} - update) * fresh + (int64_t)update * memory[u], {{ UNIT }}), LARGEST);
{% else %}
{% if spec.cell == "lstm" %}
        c[u] = cut(shifted((int64_t)sigmoid(of_x[1]) * c[u], {{ UNIT }})
                       + shifted((int64_t)sigmoid(of_x[0]) * hyperbolic(of_x[2]), {{ 2 * UNIT - CELL }}),
                   {{ CELL_LIMIT }});
        h[u] = (int16_t)cut(shifted((int64_t)sigmoid(of_x[3]) * hyperbolic(cut(shifted(c[u], {{ CELL - SUM }}), LARGEST)), {{ UNIT }}),
                            LARGEST);
{% else %}
        h[u] = (int16_t)cut(hyperbolic(of_x[0]), LARGEST);
{% endif %}
{% endif %}
    }
}
{% endfor %}

/* What the last layer says, with {{ OUTPUT }} bits. */
static void head_layer(const int16_t *h, int64_t *said)
{
    int k, u;
    for (k = 0; k < {{ head.matrix|length }}; k++) {
        int64_t sum = 0;
        for (u = 0; u < HIDDEN; u++)
            sum += (int32_t)head[k * HIDDEN + u] * h[u];
        said[k] = head_bias[k] + shifted(sum * head_factor[k], {{ head.shift }});
    }
}

/* What was said, in {{ "multiples of the scale" if running else "the target's unit" }}. A power of two is exact: only the conversion rounds. */
static void to_units(const int64_t *said, float *made)
{
    int k;
    for (k = 0; k < {{ head.matrix|length }}; k++)
        made[k] = (float)((int64_t)cut(said[k], {{ CELL_LIMIT }}) * output_factor[k]) * {{ output_scale }};
}
{% if running %}

{% include "running.c" %}

/* Move the memory on by a sample x; what is forecast is its change from x. The scale's part is in float, operation by operation. */
static void advance({{ name }}_memory *m, const float *x, float *forecast)
{
    float seen[INPUTS], words[WORDS];
    int16_t in[INPUTS];
    int64_t said[WORDS];
    int k;
    follow(m, x[0], seen);
    for (k = 0; k < INPUTS; k++)
        in[k] = as_input(seen[k] * {{ number(2.0 ** (INPUT + SHARP)) }}); /* a power of two, which is exact */
{% for layer in layers %}
    layer{{ layer.number }}({{ "in" if loop.first else "m->h%d" % (layer.number - 1) }}, m->h{{ layer.number }}{% if spec.cell == "lstm" %}, m->c{{ layer.number }}{% endif %});
{% endfor %}
    head_layer(m->h{{ spec.layers }}, said);
    to_units(said, words);
    by_scale(m, words, forecast);
}
{% elif stream %}

/* Move the memory on by a sample x; what is forecast of a target is {{ "its change from x" if change else "its distance from the center" }}. */
static void advance({{ name }}_memory *m, const float *x, float *forecast)
{
    int16_t in[INPUTS];
    int64_t said[{{ NAME }}_OUTPUTS];
    int f;
{% for feature in levels %}
    in[{{ loop.index0 }}] = as_input((x[{{ feature }}] - {{ number(spec.features[feature].center) }}) * {{ number(input_factors[loop.index0]) }});
{% endfor %}
    {
        static const float factor[{{ NAME }}_FEATURES] = {{ "{" }}{% for f in input_factors[levels|length:levels|length + spec.features|length] %}{{ number(f) }}{{ ", " if not loop.last }}{% endfor %}{{ "}" }};
        for (f = 0; f < {{ NAME }}_FEATURES; f++) {
            in[{{ levels|length }} + f] = m->seen[0] ? as_input((x[f] - m->last[f]) * factor[f]) : 0; /* 0 for a fresh stream's first */
            m->last[f] = x[f];
        }
    }
    m->seen[0] = 1;
{% if spec.known %}
    {
        static const float center[{{ NAME }}_KNOWN] = {{ "{" }}{{ known_centers }}{{ "}" }};
        static const float factor[{{ NAME }}_KNOWN] = {{ "{" }}{{ known_factors }}{{ "}" }};
        for (f = 0; f < {{ NAME }}_HORIZON * {{ NAME }}_KNOWN; f++) {
            const int c = f % {{ NAME }}_KNOWN;
            volatile const float distance = x[{{ NAME }}_FEATURES + f] - center[c]; /* rounded by itself */
            in[{{ levels|length }} + {{ NAME }}_FEATURES + f] = as_input(distance * factor[c]);
        }
    }
{% endif %}
{% for layer in layers %}
    layer{{ layer.number }}({{ "in" if loop.first else "m->h%d" % (layer.number - 1) }}, m->h{{ layer.number }}{% if spec.cell == "lstm" %}, m->c{{ layer.number }}{% endif %});
{% endfor %}
    head_layer(m->h{{ spec.layers }}, said);
{% if known %}
    /* What is known ahead: by constant weights, and at each step by coefficients of the last layer's units. */
    for (f = 0; f < {{ NAME }}_OUTPUTS; f++) {
        const int16_t *const ahead = in + {{ levels|length }} + {{ NAME }}_FEATURES;
        const int8_t *const w = known + f * {{ NAME }}_HORIZON * {{ NAME }}_KNOWN;
        int64_t sum = 0, varying = 0;
        int c, k;
        for (k = 0; k < {{ NAME }}_HORIZON * {{ NAME }}_KNOWN; k++)
            sum += (int32_t)w[k] * ahead[k];
        for (c = 0; c < {{ NAME }}_KNOWN; c++) {
            const int row = f * {{ NAME }}_KNOWN + c;
            int64_t by = 0;
            for (k = 0; k < HIDDEN; k++)
                by += (int32_t)coefficient[row * HIDDEN + k] * m->h{{ spec.layers }}[k];
            by = cut(shifted(by * coefficient_factor[row], {{ coefficient.shift }}), {{ CELL_LIMIT }});
            varying += by * ahead[f / {{ NAME }}_TARGETS * {{ NAME }}_KNOWN + c];
        }
        said[f] += shifted(sum * known_factor[f], {{ known.shift }}) + shifted(varying, {{ INPUT }});
    }
{% endif %}
{% if linear %}
    /* The linear path over the last {{ spec.linear_path }} changes of each measured feature, oldest first. */
    for (f = 0; f < {{ NAME }}_OUTPUTS; f++) {
        const int8_t *w = linear + f * {{ linear.columns }};
        int64_t sum = 0;
        int g, k;
        for (g = 0; g < {{ NAME }}_MEASURED; g++, w += {{ spec.linear_path }}) {
            const int16_t *const kept = m->changes + g * {{ spec.linear_path - 1 }};
            int32_t part = (int32_t)w[{{ spec.linear_path - 1 }}] * in[{{ levels|length }} + g];
            for (k = 0; k < {{ spec.linear_path - 1 }}; k++)
                part += (int32_t)w[k] * kept[k];
            sum += part;
        }
        said[f] += shifted(sum * linear_factor[f], {{ linear.shift }});
    }
    for (f = 0; f < {{ NAME }}_MEASURED; f++) {
        int16_t *const kept = m->changes + f * {{ spec.linear_path - 1 }};
        memmove(kept, kept + 1, {{ spec.linear_path - 2 }} * sizeof *kept);
        kept[{{ spec.linear_path - 2 }}] = in[{{ levels|length }} + f];
    }
{% endif %}
    to_units(said, forecast);
{% if not change %}
    for (f = 0; f < {{ NAME }}_OUTPUTS; f++)
        forecast[f] += center[f % {{ NAME }}_TARGETS];
{% endif %}
}
{% else %}

{% include "window.c" %}

/* Move the window on by a sample x, and show the network the whole of it, from a memory of zeros. */
static void advance({{ name }}_memory *m, const float *x, float *forecast)
{
    static const float factor[INPUTS] = {{ "{" }}{% for f in input_factors %}{{ number(f) }}{{ ", " if not loop.last }}{% endfor %}{{ "}" }};
    float seen[{{ spec.window }} * {{ NAME }}_FEATURES];
    int64_t said[{{ NAME }}_OUTPUTS];
    int16_t in[INPUTS];
{% for layer in layers %}
    int16_t h{{ layer.number }}[HIDDEN] = {0};
{% if spec.cell == "lstm" %}
    int32_t c{{ layer.number }}[HIDDEN] = {0};
{% endif %}
{% endfor %}
    int f, t;
    look(m, x, seen);
    for (t = 0; t < {{ steps }}; t++) {
        for (f = 0; f < INPUTS; f++)
            in[f] = as_input(seen[t * INPUTS + f] * factor[f]);
{% for layer in layers %}
        layer{{ layer.number }}({{ "in" if loop.first else "h%d" % (layer.number - 1) }}, h{{ layer.number }}{% if spec.cell == "lstm" %}, c{{ layer.number }}{% endif %});
{% endfor %}
    }
    head_layer(h{{ spec.layers }}, said);
    to_units(said, forecast);
{% if not change %}
    for (f = 0; f < {{ NAME }}_OUTPUTS; f++)
        forecast[f] += center[f % {{ NAME }}_TARGETS];
{% endif %}
}
{% endif %}

{% include "step.c" %}
