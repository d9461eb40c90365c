// The longest time that an ask may be given: the rule of RunService.Ask. It stands here too, because the edge's part of the contract
// has no rules for durations, and the command line does not load those of the control plane to read a flag.

/** In milliseconds. */
export const MOST_ASK_MS = 86_400_000;
