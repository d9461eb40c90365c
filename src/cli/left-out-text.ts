// What was meant and left out, in as few lines as say why: one for each reason, with the first names of many. Pure.
import { basename } from 'node:path';
import { countText } from './units.ts';

/** A file or folder that was left out. */
export interface LeftOutFile {
  readonly path: string;
  readonly reason: string;
  readonly problem: string;
}

/** Names of one reason that are shown. */
const NAMES = 3;

export interface LeftOutOptions {
  /** What was not done with them, e.g. `not shared`. */
  readonly not: string;
  /** How many were left out beside those in the list. */
  readonly more?: number;
  /** Every name. */
  readonly verbose?: boolean | undefined;
}

/** Lines in the order in which the reasons first come. */
export function leftOutLines(files: readonly LeftOutFile[], { not, more = 0, verbose }: LeftOutOptions): string[] {
  const groups = Map.groupBy(files, ({ reason, problem }) => `${reason}\0${problem}`);
  const lines = [...groups.values()].flatMap((group) => groupLines(group, not, verbose === true));
  if (more > 0) lines.push(`${not}: ${countText(more, 'more file')}, which would be too many to name`);
  const hidden = [...groups.values()].some(({ length }) => length > NAMES);
  return hidden && !verbose ? [...lines, `all ${countText(files.length, 'name')}: --verbose`] : lines;
}

/** Files without a text, as images are. */
const NO_TEXT: ReadonlySet<string> = new Set(['NOT_TEXT', 'DOCUMENT_NOT_TEXT']);

/**
 * Whether what was left out makes it a thing done in part. A folder or a pattern means what has a text in it; a file that was named itself
 * was meant.
 */
export function leavesPart(left: readonly Pick<LeftOutFile, 'path' | 'reason'>[], named: readonly string[]): boolean {
  const names = new Set(named.map((each) => basename(each.replace(/#L\d{1,9}(?:-L?\d{1,9})?$/, ''))));
  return left.some(({ path, reason }) => !NO_TEXT.has(reason) || names.has(basename(path)));
}

function groupLines(group: readonly LeftOutFile[], not: string, verbose: boolean): string[] {
  const { path, problem, reason } = group[0]!;
  if (group.length === 1) return [`${not}: ${path}: ${problem} (${reason})`];
  const head = `${not}: ${countText(group.length, 'file')}: ${problem} (${reason})`;
  if (verbose) return [head, ...group.map((each) => `  ${each.path}`)];
  const names = group.slice(0, NAMES).map((each) => each.path);
  const rest = group.length > NAMES ? ` and ${group.length - NAMES} more` : '';
  return [head, `  ${names.join(', ')}${rest}`];
}
