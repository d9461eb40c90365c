// What the owner is asked to share, in words: which files, which lines, how many bytes, to whom. Pure.
import type { Approval, ShareEffect, ShareFile } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { bytesText, countText } from '../units.ts';
import { seenSentence, seenWord } from './seen-text.ts';

/** `share docs/a.md (lines 10-40, 1.2 KB) with openai`. */
export function shareTitle({ files, recipient, recipientIsLocal }: ShareEffect): string {
  const [first] = files;
  const what =
    first && files.length === 1 ? `${seenWord(first.path)} (${partText(first)})` : countText(files.length, 'file');
  return `share ${what} with ${seenWord(recipient)}${recipientIsLocal ? ' (local)' : ''}`;
}

/** `lines 10-40, 1.2 KB`, `all 1.2 KB`, `line 1, only its first 10 bytes`. */
function partText({ startLine, endLine, bytes, runBytes, isCut, masked, whyNothing }: ShareFile): string {
  if (whyNothing !== '') return 'nothing of it can be shared';
  const size = bytesText(bytes);
  if (isCut) return `line ${startLine}, only its first ${size}`;
  if (startLine > 0) return `${endLine > 0 ? `lines ${startLine}-${endLine}` : `from line ${startLine} on`}, ${size}`;
  return bytes < runBytes && masked === 0 ? `at most ${size} of ${bytesText(runBytes)}` : `all ${size}`;
}

/** The files that an approval asks to share. */
export const pathsToShare = ({ effect }: Approval): string[] =>
  effect?.effect.case === 'share' ? effect.effect.value.files.map(({ path }) => path) : [];

/** What stands below the title, by its label. */
export function shareFacts({
  files,
  recipient,
  recipientIsLocal,
}: ShareEffect): readonly (readonly [string, string])[] {
  const to = seenWord(recipient);
  const where = recipientIsLocal ? `${to}, on your own machines` : `${to}, which is not known to run on your machines`;
  return [['goes to', where], ...files.flatMap((file) => factsOf(file, files.length > 1))];
}

function factsOf(file: ShareFile, isOneOfSeveral: boolean): (readonly [string, string])[] {
  const { path, realPath, inode, masked, runBytes, runIsWhole, whyNothing } = file;
  const secrets = countText(
    masked,
    'value looks like a secret and is masked',
    'values look like secrets and are masked',
  );
  const forRun = `${runIsWhole ? 'the whole file' : 'these lines'}, ${bytesText(runBytes)}, until this run ends, at most 15 minutes`;
  return [
    ...(isOneOfSeveral ? ([['file', `${seenWord(path)} (${partText(file)})`]] as const) : []),
    ['real path', `${seenWord(realPath)}, inode ${inode}`],
    ...(masked > 0 ? ([['secrets', secrets]] as const) : []),
    whyNothing === ''
      ? ['r lets out', forRun]
      : ['why', `${seenSentence(whyNothing)}; whatever you answer, it stays here`],
  ];
}

/** Labels of sentences, which are written on as many lines as they need; the rest is cut in its middle. */
export const SHARE_SENTENCES: ReadonlySet<string> = new Set(['secrets', 'r lets out', 'why']);

/** Texts of it in which something unseen may stand. */
export const shareTexts = ({ files, recipient }: ShareEffect): string[] => [
  recipient,
  ...files.flatMap(({ path, realPath }) => [path, realPath]),
];

/** What the keys mean at such a question. */
export const SHARE_KEYS = {
  yes: 'y  yes: what is shown leaves for this call alone, if the file is still the same',
  no: 'n  no, as Enter is: nothing of it leaves, and the run goes on without it',
  run: 'r  yes, and what `r lets out` says may be read again until this run ends',
};
