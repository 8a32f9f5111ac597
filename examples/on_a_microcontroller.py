"""A checkpoint as C in fixed point, compiled here and compared with the reference and with the model file.

    python on_a_microcontroller.py

The C needs no library, no heap and no floating point unit. Writes sine.safetensors, sine.c, sine.h and main.c. The C
compiler is cc, or what the environment variable CC names.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

import edgeseq
import edgeseq_export
from edgeseq_runtime import Predictor

MAIN = r"""
#include <stdio.h>
#include "sine.h"

int main(void)
{
    static sine_state state; /* one for each stream */
    float sample, forecast[SINE_OUTPUTS];
    if (sine_self_test()) /* samples within sine.c, and the forecasts that the reference makes of them */
        return 1;
    sine_reset(&state);
    while (scanf("%f", &sample) == 1) {
        sine_step(&state, &sample, forecast);
        printf("%.9g\n", forecast[0]);
    }
    return 0;
}
"""

series, parts = edgeseq.load("sine")
checkpoint = edgeseq.fit(series, parts, hidden=12, steps=60)
checkpoint.save("sine.safetensors")
export = [sys.executable, "-m", "edgeseq", "export", "sine.safetensors", "-o", "sine.c"]
subprocess.run([*export, "--format", "c", "--quantize", "int8"], check=True)

compiler = shutil.which(os.environ.get("CC", "cc"))
if compiler is None:
    print("there is no C compiler here: sine.c and sine.h are written, but not compared")
    sys.exit()
Path("main.c").write_text(MAIN)
subprocess.run([compiler, "-O2", "-DSINE_SELF_TEST", "main.c", "sine.c", "-o", "forecast"], check=True)

samples = np.sin(0.01 * np.arange(1000)).astype(np.float32)
text = "\n".join(str(sample) for sample in samples)
done = subprocess.run([str(Path("forecast").resolve())], input=text, capture_output=True, text=True, check=True)
in_c = np.array(done.stdout.split(), np.float32)
print("self-test: equal to the reference in fixed point, to the last bit")

on_onnxruntime = Predictor(edgeseq_export.export(checkpoint).content).run(samples)[:, 0, 0]
difference = np.abs(in_c - on_onnxruntime).max()
print(f"{len(in_c)} forecasts in C: within {difference:.1e} of the float32 model file's")
