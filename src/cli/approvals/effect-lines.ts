// What a call will do, in lines: pure, made of the effect that the box worked out. Nothing of a model stands in it but what would run.
import { createHash } from 'node:crypto';
import type {
  Effect as ApprovalEffect,
  CommandEffect,
  CommandPreview,
  FileEffect,
  FileState,
} from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { FileAction } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import type { Style } from '../output.ts';
import { bytesText, countText } from '../units.ts';
import { httpRows, httpTitle } from './http-lines.ts';
import { seenLine, seenSentence, seenWord } from './seen-text.ts';
import { SHARE_SENTENCES, shareFacts, shareTexts, shareTitle } from './share-lines.ts';
import { hashText, INDENT, type RowMaker, textRows, type ViewLine } from './view-rows.ts';

const ACTIONS: Readonly<Record<FileAction, string>> = {
  [FileAction.UNSPECIFIED]: 'do something unknown to',
  [FileAction.CREATE]: 'create',
  [FileAction.CHANGE]: 'change',
  [FileAction.DELETE]: 'delete',
  [FileAction.MOVE]: 'move',
  [FileAction.MAKE_FOLDER]: 'make the folder',
};

/** `change docs/notes.md (+3 -1 lines)`, `run git push`. */
export function effectTitle(effect: ApprovalEffect | undefined): string {
  switch (effect?.effect.case) {
    case 'file':
      return fileTitle(effect.effect.value);
    case 'command':
      return `run ${effect.effect.value.argv.map(seenWord).join(' ')}`;
    case 'http':
      return httpTitle(effect.effect.value);
    case 'share':
      return shareTitle(effect.effect.value);
    default:
      return 'do something that this version of Bowline cannot show';
  }
}

/** Whether it can be shown: what cannot is not allowed. */
export const isShowable = (effect: ApprovalEffect | undefined): boolean => {
  switch (effect?.effect.case) {
    case 'file':
      return effect.effect.value.action in ACTIONS && effect.effect.value.action !== FileAction.UNSPECIFIED;
    case 'command':
      return effect.effect.value.argv.length > 0;
    case 'http':
      return effect.effect.value.method !== '' && effect.effect.value.address !== '';
    case 'share':
      return effect.effect.value.files.length > 0 && effect.effect.value.recipient !== '';
    default:
      return false;
  }
};

function fileTitle(file: FileEffect): string {
  const to = file.action === FileAction.MOVE ? ` to ${seenWord(file.toPath)}` : '';
  const { added, removed } = countOf(file);
  const lines = `+${added} -${removed} ${added + removed === 1 ? 'line' : 'lines'}`;
  const counts = isPartOf(file)
    ? ` (${lines} shown, ${countText(Number(file.diffLinesCut), 'line')} NOT shown)`
    : added + removed > 0
      ? ` (${lines})`
      : '';
  return `${ACTIONS[file.action] ?? ACTIONS[FileAction.UNSPECIFIED]} ${seenWord(file.path)}${to}${counts}`;
}

/** Whether the diff that the box tells leaves something out. */
const isPartOf = ({ diffLinesCut }: FileEffect): boolean => diffLinesCut > 0n;

/** Lines of the diff without its head. */
function diffLines({ diff }: FileEffect): string[] {
  const lines = diff.replace(/\n$/, '').split('\n');
  const isHead = lines[0]?.startsWith('--- ') === true && lines[1]?.startsWith('+++ ') === true;
  return diff === '' ? [] : isHead ? lines.slice(2) : lines;
}

function countOf(file: FileEffect): { readonly added: number; readonly removed: number } {
  const lines = diffLines(file);
  const begin = (sign: string) => lines.filter((line) => line.startsWith(sign)).length;
  return { added: begin('+'), removed: begin('-') };
}

/** What it will do, without its title. @param most lines of its diffs and outputs */
export function effectRows(rows: RowMaker, effect: ApprovalEffect | undefined, most: number | undefined): void {
  switch (effect?.effect.case) {
    case 'file':
      fileRows(rows, effect.effect.value, most);
      break;
    case 'command':
      commandRows(rows, effect.effect.value, most);
      break;
    case 'http':
      httpRows(rows, effect.effect.value, most);
      break;
    case 'share':
      rows.note(shareTexts(effect.effect.value));
      for (const [label, text] of shareFacts(effect.effect.value)) {
        if (SHARE_SENTENCES.has(label)) rows.words(label, text);
        else rows.row(label, text);
      }
  }
}

function fileRows(rows: RowMaker, file: FileEffect, most: number | undefined): void {
  rows.note([file.path, file.realPath, file.toPath, file.toRealPath, file.diff]);
  rows.row('real path', seenWord(file.realPath));
  if (file.toRealPath) rows.row('goes to', seenWord(file.toRealPath));
  if (file.before) rows.row('now', stateText(file.before));
  if (file.after && file.action !== FileAction.MOVE) rows.row('then', stateText(file.after));
  otherNameRows(rows, file);
  diffRows(rows, file, most);
}

/** What becomes of the hard links of a file that is changed or deleted. */
function otherNameRows(rows: RowMaker, { action, before }: FileEffect): void {
  const others = before?.otherNames ?? 0;
  const isReplaced = action === FileAction.CHANGE || action === FileAction.DELETE;
  if (others === 0 || !isReplaced) return;
  const keep = others === 1 ? 'link): keeps' : 'links): keep';
  rows.words('other names', `${others} (hard ${keep} what is there now; undo does not join them again`, 'yellow');
}

/** The lines of a diff, as they are drawn wherever an owner is shown one. */
export const diffViewLines = (file: FileEffect): ViewLine[] =>
  diffLines(file).map((line) => ({ text: INDENT + signed(line), style: styleOf(line) }));

/** Where there is no room for all lines these are shown first. */
const isChanged = ({ text }: ViewLine): boolean => /^[-+]/.test(text.slice(INDENT.length));

function diffRows(rows: RowMaker, file: FileEffect, most: number | undefined): void {
  const lines = diffViewLines(file);
  const changed = most !== undefined && lines.length > most ? lines.filter(isChanged) : lines;
  if (changed.length < lines.length && most !== undefined) {
    rows.text(changed, Math.max(most - 1, 2));
    rows.cut();
    rows.put(`${INDENT}… ${countText(lines.length - changed.length, 'line')} around them …`, 'yellow');
  } else rows.text(lines, most);
  if (isPartOf(file)) {
    const will = file.after && !file.after.folder ? `; the file will be ${sizeAndHash(file.after)}` : '';
    rows.part(
      `${countText(Number(file.diffLinesCut), 'line')} more, or not to the end: nothing here shows them, a yes is for them too${will}`,
    );
  } else if (lines.length === 0) {
    const why = noTextWords(file);
    if (why) rows.put(INDENT + why, 'yellow');
  }
}

/** Why there are no lines to show; undefined where none are expected. */
function noTextWords({ action, before, after }: FileEffect): string | undefined {
  if (action !== FileAction.CHANGE && action !== FileAction.CREATE) return undefined;
  if (after && (after.folder || after.linkTarget !== '')) return undefined;
  if (after && after.sha256.length > 0 && sameContent(before, after))
    return before?.mode === after.mode ? 'nothing changes: the file holds this already' : undefined;
  if (after?.bytes === 0n) return before ? 'the file will be empty' : 'an empty file';
  return 'there is no text to compare: the content is binary or too large';
}

const sameContent = (before: FileState | undefined, after: FileState): boolean =>
  before !== undefined && before.folder === after.folder && Buffer.compare(before.sha256, after.sha256) === 0;

const sizeAndHash = ({ bytes, sha256 }: FileState): string =>
  `${bytesText(bytes)}${sha256.length > 0 ? `, sha256 ${hashText(sha256)}` : ''}`;

/** The sign of the line stays first. */
const signed = (line: string): string =>
  /^[-+ ]/.test(line) ? (line[0] ?? '') + seenLine(line.slice(1)) : seenLine(line);

const styleOf = (line: string): Style | undefined =>
  line.startsWith('+') ? 'green' : line.startsWith('-') ? 'red' : line.startsWith('@@') ? 'cyan' : undefined;

/** `118 bytes, mode 644, inode 12, sha256 0f3a9c12e4b5`. */
function stateText({ bytes, mode, inode, sha256, folder, linkTarget }: FileState): string {
  if (linkTarget !== '') return `a symbolic link to ${seenWord(linkTarget)}`;
  if (folder) return `a folder${mode > 0 ? `, mode ${modeText(mode)}` : ''}`;
  const parts = [bytesText(bytes)];
  if (mode > 0) parts.push(`mode ${modeText(mode)}`);
  if (inode > 0n) parts.push(`inode ${inode}`);
  if (sha256.length > 0) parts.push(`sha256 ${hashText(sha256)}`);
  return parts.join(', ');
}

/** `644`, `2755 (setgid)`. */
function modeText(mode: number): string {
  const names = SPECIAL_BITS.flatMap(([bit, name]) => ((mode & bit) === 0 ? [] : [name]));
  return `${(mode & 0o7777).toString(8)}${names.length > 0 ? ` (${names.join(', ')})` : ''}`;
}

const SPECIAL_BITS = [
  [0o4000, 'setuid'],
  [0o2000, 'setgid'],
  [0o1000, 'sticky'],
] as const;

/** What becomes of a file of a preview beside its text: each line one fact. */
function stateRows(rows: RowMaker, { before, after }: FileEffect): void {
  if (!before || !after) {
    const state = after ?? before;
    if (state) rows.put(`${INDENT}${after ? '' : 'was '}${stateText({ ...state, inode: 0n })}`);
    return;
  }
  if ((before.mode & 0o7777) !== (after.mode & 0o7777))
    rows.put(`${INDENT}mode ${modeText(before.mode)} -> ${modeText(after.mode)}`, 'yellow');
  if (sameContent(before, after)) return;
  const [was, is] = [before, after].map((state) => stateText({ ...state, mode: 0, inode: 0n }));
  rows.put(`${INDENT}${was} -> ${is}`);
}

function commandRows(rows: RowMaker, command: CommandEffect, most: number | undefined): void {
  const { argv, program, programSha256, cwd, env, stdin, stdinSha256, limits, files, preview, noPreview } = command;
  rows.note([...argv, program, cwd, ...env, stdin, ...files.map(({ path }) => path)]);
  rows.values(countText(argv.length, 'word'), argv.map(seenWord));
  rows.row('program', `${seenWord(program)}, sha256 ${hashText(programSha256)}`);
  rows.row('starts in', seenWord(cwd));
  if (env.length > 0) rows.values('environment', env.map(seenWord));
  const read = files.map(({ path, sha256 }) => `${seenWord(path)} (${hashText(sha256) || 'not looked into'})`);
  if (read.length > 0) rows.values('files', read);
  // What it did within them is shown, and nothing runs again: the room is for that.
  if (limits.length > 0) rows.words('limits', limits.map(seenSentence).join('; '), undefined, preview ? 1 : undefined);
  else rows.row('limits', 'none', 'yellow');
  if (stdinSha256.length > 0 || stdin !== '') {
    rows.row('reads stdin', `sha256 ${hashText(stdinSha256)}`);
    textRows(rows, stdin, most === undefined ? undefined : Math.min(most, 4));
    if (!isWholeInput(command))
      rows.part('it reads more than this, or secrets that stand here by their handles: the box tells the first 4 KiB');
  }
  if (preview) previewRows(rows, preview, most);
  else if (noPreview) {
    rows.row('preview', `none: ${seenSentence(noPreview)}`, 'yellow');
    rows.row('undo', 'cannot take back what it changes', 'yellow');
  }
}

const isWholeInput = ({ stdin, stdinSha256 }: CommandEffect): boolean =>
  Buffer.compare(createHash('sha256').update(stdin).digest(), stdinSha256) === 0;

const linksOf = (...states: (FileState | undefined)[]): string =>
  states.map((state) => state?.linkTarget ?? '').join('');

function previewRows(rows: RowMaker, preview: CommandPreview, most: number | undefined): void {
  const { exitCode, signal, changes, output, notUndone } = preview;
  rows.note([
    output,
    ...changes.flatMap(({ path, realPath, toPath, diff, before, after }) => [
      path,
      realPath,
      toPath,
      diff,
      linksOf(before, after),
    ]),
  ]);
  const end = signal ? `ended by ${seenWord(signal)}` : `exit code ${exitCode}`;
  rows.words(
    'tried',
    `on a copy: ${end}, ${countText(changes.length, 'change')}; a yes makes these and runs nothing again`,
  );
  if (notUndone) rows.words('undo', `cannot bring back all of it: ${seenSentence(notUndone)}`, 'yellow');
  const each = most === undefined ? undefined : Math.max(Math.floor((most - 3) / Math.max(changes.length, 1)) - 2, 2);
  const shown = most === undefined ? changes : changes.slice(0, Math.max(Math.floor(most / 3), 3));
  for (const change of shown) {
    rows.put(`  ${fileTitle(change)}`, 'bold');
    stateRows(rows, change);
    otherNameRows(rows, change);
    diffRows(rows, change, each);
  }
  if (shown.length < changes.length) {
    rows.cut();
    rows.put(`${INDENT}… ${countText(changes.length - shown.length, 'change')} more …`, 'yellow');
  }
  if (output !== '') {
    rows.row('printed', '');
    textRows(rows, output, most === undefined ? undefined : 3);
  }
}
