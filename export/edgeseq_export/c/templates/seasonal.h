/* All that a stream goes on learning: float throughout, {{ layout.words }} in a row. NaN stands where nothing is known. */
typedef struct {
{% for part, shape in layout.parts.items() %}
    float {{ part }}[{{ shape.size }}];
{% endfor %}
} {{ name }}_adaptation;
