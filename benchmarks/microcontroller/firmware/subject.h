/* What is measured, whoever wrote it: one stream's step. */
#ifndef SUBJECT_H
#define SUBJECT_H

void subject_reset(void);
void subject_step(const float *sample, float *forecast);

#endif
