/* The subject that edgeseq exported. */
#include "model.h"
#include "subject.h"

static model_state state;
#ifdef DETECTS
static model_detector detector;
#endif

void subject_reset(void)
{
    model_reset(&state);
#ifdef DETECTS
    model_detector_reset(&detector, 1e-4f);
#endif
}

void subject_step(const float *sample, float *forecast)
{
    (void)model_step(&state, sample, forecast);
#ifdef DETECTS
    (void)model_detect(&detector, &state, sample, forecast);
#endif
}
