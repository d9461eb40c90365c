// What the tools ask about the content of files, and the answer for runs of which nothing leaves this box.
import { isSensitiveId } from '../../base/ids.ts';
import type { Cover, CoverQuery, FileNow, WhyNot } from './grants.ts';
import type { TermsVerdict } from './own-runs.ts';

/** Which content a call may be told. */
export interface FileGrants {
  /** Whether anything of the file at this real path may be told in the run. */
  names(run: string, realPath: string, callDigest?: string): boolean;
  /** Whether any file may. */
  any(run: string): boolean;
  covers(query: CoverQuery): Cover | WhyNot;
  /** The run itself changed a file, as it was allowed to: what was told whole may be told as it is now. */
  followChange(run: string, realPath: string, from: Uint8Array | undefined, to: FileNow, hidesAll: boolean): void;
  /** Whether a provider is known to run on the owner's machines. */
  isLocal(provider: string): boolean;
  /** Whether that depends on what a file holds now, so that it has to be read and hashed even where only its name is told. */
  readonly byContent: boolean;
}

/** Which words a call may look for in files. */
export interface SearchTerms {
  judgeTerms(run: string, terms: readonly string[]): TermsVerdict;
  /** Whether the owner of the run is there to be asked for content that no grant lets out. */
  asksToShare(run: string): boolean;
}

/** All content, for a sensitive run alone: for any other there is none. What is told goes through the gate of the box, which sends nothing. */
export const BOX_GRANTS: FileGrants & SearchTerms = {
  byContent: false,
  names: (run) => isSensitiveId(run),
  any: (run) => isSensitiveId(run),
  followChange: () => {},
  covers: ({ run }) =>
    isSensitiveId(run) ? { grant: THIS_BOX, recipients: [], lines: undefined, secrets: true } : 'NO_GRANT',
  isLocal: () => true,
  asksToShare: () => false,
  judgeTerms: (run, terms) =>
    isSensitiveId(run)
      ? { allowed: terms.map((term) => ({ term, words: [term] })), foreign: [], over: [] }
      : { allowed: [], foreign: terms, over: [] },
};

/** Who gets it, in the words of a ledger that has no line of it. */
export const THIS_BOX = 'this box';
