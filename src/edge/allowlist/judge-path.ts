// Judges a path by its letters, before anything is looked at on the disk, so that a refusal tells nothing. Pure.
import { isAbsolute, normalize } from 'node:path';
import { AppError } from '../../base/errors.ts';
import { contains, type Root } from '../config.ts';

/** A path that may be looked at. */
export interface JudgedPath {
  readonly root: Root;
  /** Below the root; empty for the root itself. */
  readonly relative: string;
  /** With the root's name first: what leaves the box. */
  readonly name: string;
  /** Absolute, by the root's real path. */
  readonly path: string;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/**
 * Finds the root that a path belongs to: absolute, or with a root's name first; with a single root its name may be left
 * out. A trailing slash does not matter.
 * @throws PATH_NOT_ALLOWED for everything else, always the same
 */
export function judgePath(text: string, roots: readonly Root[], denied: (path: string) => boolean): JudgedPath {
  if (text === '' || CONTROL.test(text) || !text.isWellFormed()) throw refused();
  const found = isAbsolute(text) ? byAbsolute(normalize(text), roots) : byName(text, roots);
  if (!found) throw refused();
  const judged = inRoot(found.root, found.relative);
  if (denied(judged.path)) throw refused();
  return judged;
}

/** The place of a path below a root, without judging it. */
export function inRoot(root: Root, relative: string): JudgedPath {
  return {
    root,
    relative,
    name: relative === '' ? root.name : `${root.name}/${relative}`,
    path: relative === '' ? root.realPath : `${root.realPath === '/' ? '' : root.realPath}/${relative}`,
  };
}

/** The one refusal of a path. */
export const refused = (): AppError => new AppError('PATH_NOT_ALLOWED');

interface Found {
  readonly root: Root;
  readonly relative: string;
}

/** The innermost root that holds the path. */
function byAbsolute(path: string, roots: readonly Root[]): Found | undefined {
  const clean = path.length > 1 ? path.replace(/\/+$/, '') : path;
  return roots
    .flatMap((root) => [root.path, root.realPath].map((base) => ({ root, base })))
    .filter(({ base }) => contains(base, clean))
    .sort((a, b) => b.base.length - a.base.length)
    .map(({ root, base }) => ({ root, relative: clean.slice(base === '/' ? 1 : base.length + 1) }))[0];
}

function byName(text: string, roots: readonly Root[]): Found | undefined {
  const clean = normalize(text).replace(/\/+$/, '');
  if (clean === '..' || clean.startsWith('../')) return undefined;
  const [head = '', ...rest] = clean.split('/');
  const named = roots.find((root) => root.name === head);
  if (named) return { root: named, relative: rest.join('/') };
  const readable = roots.filter((root) => root.readable);
  const [only] = readable;
  if (!only || readable.length > 1) return undefined;
  return { root: only, relative: clean === '.' ? '' : clean };
}
