/* A step of several streams, in the order of additions of a single one. Where a processor's nearest memory cannot hold all
   weights, to fetch them takes longer than to multiply them: here they are fetched once for all of the streams. */
#define TOGETHER {{ together }}

#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX__)
#define LANES 8
#else
#define LANES 4
#endif
{% for kind, lanes in (("wide", "LANES"), ("narrow", "4")) %}
typedef float {{ kind }} __attribute__((vector_size({{ lanes }} * sizeof(float)), aligned(4), may_alias));

/* Do what add_products does for rows from r on, {{ lanes }} at a time; return the first that is left. */
static inline int add_{{ kind }}(int r, float *restrict z, int rows, const float *restrict matrix,
                             const float *restrict x, int columns)
{
    int j, s;
    for (; r + {{ lanes }} <= rows; r += {{ lanes }}) {
        {{ kind }} sum[TOGETHER];
        for (s = 0; s < TOGETHER; s++)
            sum[s] = *(const {{ kind }} *)(z + s * rows + r);
        for (j = 0; j < columns; j++) {
            const {{ kind }} m = *(const {{ kind }} *)(matrix + j * rows + r);
            for (s = 0; s < TOGETHER; s++)
                sum[s] += m * x[s * columns + j];
        }
        for (s = 0; s < TOGETHER; s++)
            *({{ kind }} *)(z + s * rows + r) = sum[s];
    }
    return r;
}

{% endfor %}
/* Add matrix * x to z of each stream, `rows` and `columns` numbers apart, as add_product does: rows are whole fours. */
static inline void add_products(float *restrict z, int rows, const float *restrict matrix, const float *restrict x,
                                int columns)
{
    add_narrow(add_wide(0, z, rows, matrix, x, columns), z, rows, matrix, x, columns);
}
{% for layer in program.layers %}
{% set n = layer.number %}

/* Layer {{ n }} of streams, each by what it sees. */
static void layer{{ n }}_together(const float *const *x, model_memory *const *m)
{
    int s;
{% if spec.cell == "gru" %}
    float in[TOGETHER][{{ layer.products[0].columns }}], memory[TOGETHER][{{ layer.products[1].columns }}];
    float of_x[TOGETHER][ROWS], of_h[TOGETHER][ROWS];
    memset(in, 0, sizeof in);
    memset(memory, 0, sizeof memory);
    for (s = 0; s < TOGETHER; s++) {
        memcpy(memory[s], m[s]->h{{ n }}, HIDDEN * sizeof(float));
        memcpy(in[s], x[s], {{ layer.inputs }} * sizeof(float));
        memcpy(of_h[s], r{{ n }}_bias, sizeof of_h[s]);
        memcpy(of_x[s], w{{ n }}_bias, sizeof of_x[s]);
    }
    add_products(of_h[0], ROWS, r{{ n }}, memory[0], {{ layer.products[1].columns }});
    add_products(of_x[0], ROWS, w{{ n }}, in[0], {{ layer.products[0].columns }});
    for (s = 0; s < TOGETHER; s++)
        cell(of_x[s], of_h[s], m[s]->h{{ n }});
{% else %}
    float in[TOGETHER][{{ layer.products[0].columns }}], z[TOGETHER][ROWS];
    memset(in, 0, sizeof in);
    for (s = 0; s < TOGETHER; s++) {
        memcpy(in[s], m[s]->h{{ n }}, HIDDEN * sizeof(float));
        memcpy(in[s] + HIDDEN, x[s], {{ layer.inputs }} * sizeof(float));
        memcpy(z[s], w{{ n }}_bias, sizeof z[s]);
    }
    add_products(z[0], ROWS, w{{ n }}, in[0], {{ layer.products[0].columns }});
    for (s = 0; s < TOGETHER; s++)
        cell(z[s], m[s]->h{{ n }}{% if spec.cell == "lstm" %}, m[s]->c{{ n }}{% endif %});
{% endif %}
}
{% endfor %}

/* Take a sample of each of so many streams: what take does for one. */
static void take_together(model_memory *const *m, const float *const *sample, float *const *forecast)
{
    float in[TOGETHER][INPUTS], change[TOGETHER][MODEL_FEATURES];
    const float *seen[TOGETHER];
    int s;
{% if spec.sensors %}
    float x[TOGETHER][MODEL_INPUTS];
{% else %}
    const float *const *const x = sample;
{% endif %}
    for (s = 0; s < TOGETHER; s++) {
{% if spec.sensors %}
        to_typical(m[s], sample[s], x[s]);
{% endif %}
        see(m[s], x[s], in[s], change[s]);
        seen[s] = in[s];
    }
{% for layer in program.layers %}
{% if not loop.first %}
    for (s = 0; s < TOGETHER; s++)
        seen[s] = m[s]->h{{ layer.number - 1 }};
{% endif %}
    layer{{ layer.number }}_together(seen, m);
{% endfor %}
    for (s = 0; s < TOGETHER; s++) {
        say(m[s], in[s], change[s], forecast[s]);
{% if change or spec.sensors %}
        to_own(m[s], x[s], forecast[s]);
{% endif %}
    }
}
