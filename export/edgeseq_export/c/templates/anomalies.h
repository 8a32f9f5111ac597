/* What is learned of a target's surprises. Words that count are small whole numbers; NaN stands where nothing is known. */
typedef struct {
{% for part, shape in detector.layout.of_target.items() %}
    float {{ part|replace(" ", "_") }}[{{ shape.size }}];
{% endfor %}
} {{ name }}_surprises;

/* All that is remembered of a stream's: float throughout, {{ detector.layout.words }} in a row. */
typedef struct {
{% for part, shape in detector.layout.shared.items() %}
    float {{ part|replace(" ", "_") }}[{{ shape.size }}];
{% endfor %}
    {{ name }}_surprises targets[{{ detector.layout.targets }}];
} {{ name }}_anomalies;
