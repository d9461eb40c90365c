// The one function of `performance` that the edge and the command line use. Their bundles take it from here: the first use of the
// platform's object loads the whole module for measurements.

const passingTime = {
  /** Milliseconds from a point that stays the same while the process runs. */
  now: (): number => {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1000 + nanoseconds / 1e6;
  },
};

export { passingTime as performance };
