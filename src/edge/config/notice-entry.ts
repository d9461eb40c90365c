// The entry of config.yaml that tells the owner of approvals.
import * as v from 'valibot';

/** What tells the owner that something waits. */
export interface NoticeEntry {
  /** Words; `{title}` stands for the title of the run. Never handed to a shell. */
  readonly command: readonly string[];
  /** Whether the title is told; else it is `a run`. */
  readonly title: boolean;
}

/** @param word what a word of a command line may be */
export const noticeEntry = (word: v.GenericSchema<string>) =>
  v.strictObject({
    command: v.pipe(v.array(v.pipe(word, v.minLength(1))), v.minLength(1), v.maxLength(64)),
    title: v.optional(v.boolean(), false),
  });
