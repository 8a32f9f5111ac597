/* The subject that edgeseq exported. */
#include "model.h"
#include "subject.h"

static model_state state;

void subject_reset(void)
{
    model_reset(&state);
}

void subject_step(const float *sample, float *forecast)
{
    (void)model_step(&state, sample, forecast);
}
