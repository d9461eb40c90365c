// Which documents of a collection come from files that are no longer where they were: deleted, renamed, or no longer meant. Pure.
import { globOf } from '../base/glob.ts';
import { formOf } from '../base/same-name.ts';

/** A folder that was added, and which of the files below it. */
export interface AddedFolder {
  /** As ids begin that lie below it, without the last slash. */
  readonly name: string;
  /** Relative to the folder; empty means all files. */
  readonly glob: string;
}

export interface KeptDocument {
  readonly id: string;
  readonly sha256: Uint8Array;
}

export interface LeftBehind {
  readonly id: string;
  /** Where the same content is now; empty when it is nowhere there. */
  readonly now: string;
}

/**
 * @param kept documents of the collection
 * @param added what was found in the folders now
 * @param unread names of files and folders that are there and could not be read: what is below them may be there, too
 */
export function leftBehind(
  folders: readonly AddedFolder[],
  kept: readonly KeptDocument[],
  added: readonly { readonly path: string; readonly sha256: Uint8Array }[],
  unread: readonly string[],
): LeftBehind[] {
  const there = new Set(added.map(({ path }) => formOf(path)));
  const places = new Map(added.map(({ path, sha256 }) => [hex(sha256), path]));
  const isMeant = folders.map(({ name, glob }) => {
    const matches = glob === '' ? () => true : globOf(glob).matches;
    const begin = name === '' ? '' : `${formOf(name)}/`;
    return (id: string) => id.startsWith(begin) && matches(id.slice(begin.length));
  });
  const skipped = unread.map(formOf);
  const mayBeThere = (id: string) => skipped.some((name) => id === name || id.startsWith(`${name}/`));
  return kept.flatMap(({ id, sha256 }) => {
    const form = formOf(id);
    if (there.has(form) || mayBeThere(form) || !isMeant.some((meant) => meant(form))) return [];
    return [{ id, now: places.get(hex(sha256)) ?? '' }];
  });
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
