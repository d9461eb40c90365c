// Preloaded into a program under test: its wall clock is wrong by as many milliseconds as the file in BOWLINE_TEST_CLOCK says. Monotonic
// time stays right, as it does when a real clock jumps.
import { readFileSync } from 'node:fs';

const RightDate = Date;
/** How old a reading of the file may be, in milliseconds. */
const FRESH_MS = 50;
let [wrongMs, readAt] = [0, Number.NEGATIVE_INFINITY];

function now() {
  if (performance.now() - readAt > FRESH_MS) {
    readAt = performance.now();
    try {
      wrongMs = Number(readFileSync(process.env.BOWLINE_TEST_CLOCK, 'utf8')) || 0;
    } catch {
      wrongMs = 0;
    }
  }
  return RightDate.now() + wrongMs;
}

globalThis.Date = class extends RightDate {
  constructor(...parts) {
    if (parts.length === 0) super(now());
    else super(...parts);
  }

  static now() {
    return now();
  }
};
