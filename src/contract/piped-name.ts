/** The name of what was piped into an ask, as a file of its run. No folder has it: every other file has its root's name and a slash first. */
export const PIPED_NAME = '(standard input)';

/** Most bytes of it: the owner's socket takes no more in one message. */
export const MAX_PIPED_BYTES = 4 << 20;
