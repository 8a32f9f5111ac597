// Streams a series through `laplace` of the package skaters:
//     node skaters.mjs INDEX.mjs HORIZON < series.json > forecasts
// In: a JSON array of numbers. Out: float64 of the machine's byte order, (sample, 2, step ahead): the means that are
// forecast after the sample; and where in their distributions the sample lies, under the forecast made so many steps
// before, 0 to 1, NaN before there was one.

import { readFileSync, writeSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [, , index, horizon] = process.argv;
const { laplace } = await import(pathToFileURL(index));
// The tails alone are other than by default: with those, a mean takes ten times as long as all else.
const forecaster = laplace(Number(horizon), "crps", true, null, 0.03, "gaussian");
let state = null;
let forecasts;

for (const value of JSON.parse(readFileSync(0, "utf8"))) {
  [forecasts, state] = forecaster(value, state);
  const numbers = Float64Array.from([...forecasts.map((one) => one.mean), ...state.pit.map((one) => one ?? NaN)]);
  const bytes = new Uint8Array(numbers.buffer);
  for (let sent = 0; sent < bytes.length; ) sent += writeSync(1, bytes, sent);
}
