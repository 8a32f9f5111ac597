/* What a sample may be. */
enum {
    {{ NAME }}_NORMAL = 0,
{% for word, meaning in detector.meanings.items() %}
    {{ NAME }}_{{ word|upper }} = {{ loop.index }}{{ "," if not loop.last }} /* {{ meaning }} */
{% endfor %}
};

{% include "anomalies.h" %}

/* What finds anomalies: a struct beside the state, for who wants it. */
typedef struct {
    {{ name }}_anomalies memory;
    float limit; /* bits of surprise that raise an alarm */
    float said[{{ NAME }}_TARGETS]; /* of the next sample */
} {{ name }}_detector;
