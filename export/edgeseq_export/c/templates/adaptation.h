/* What streams go on learning of a target. NaN stands where nothing is known. */
typedef struct {
{% for part, shape in layout.of_target.items() %}
    float {{ part }}[{{ shape.size }}];
{% endfor %}
} {{ name }}_learned;

/* All that a stream goes on learning: float throughout, {{ layout.words }} in a row. */
typedef struct {
{% for part, shape in layout.shared.items() %}
    float {{ part }}[{{ shape.size }}];
{% endfor %}
    {{ name }}_learned targets[{{ layout.targets }}];
} {{ name }}_adaptation;
