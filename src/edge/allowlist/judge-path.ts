// Judges a path by its letters, before anything is looked at on the disk, so that a refusal tells nothing. Pure.

import { isAbsolute, normalize } from 'node:path';
import { AppError } from '../../base/errors.ts';
import { inert } from '../../base/inert.ts';
import { ambiguous, sameName } from '../../base/same-name.ts';
import { trimEndSigns } from '../../base/trim-signs.ts';
import type { Root } from '../config/config-places.ts';

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

/**
 * What no name may hold that leaves or comes in: controls (C0, C1), line ends of Unicode, what turns the direction of writing, and the
 * sign that stands for bytes that are no UTF-8. Nor what draws nothing, where no writing needs it: it carries text past the owner's eyes.
 */
const UNREADABLE = /[\p{Cc}\u2028\u2029\ufffd\p{Bidi_Control}]/u;

/** Whether a name (or path) can be told, and given back, exactly and safely. The same for Read, Stat, List, Search and shares. */
export const isReadableName = (text: string): boolean =>
  text.isWellFormed() && !UNREADABLE.test(text) && inert(text) === text;

/**
 * Finds the root that a path belongs to: absolute, or with a root's name first; with a single root its name may be left
 * out. A trailing slash does not matter, nor the form of a name (see same-name.ts). What one root denies, another that lies deeper may
 * allow. @throws PATH_NOT_ALLOWED for everything else, always the same; NAME_AMBIGUOUS between two roots
 */
export function judgePath(
  text: string,
  roots: readonly Root[],
  denied: (path: string, judged: JudgedPath) => boolean,
): JudgedPath {
  if (text === '' || !isReadableName(text)) throw refused();
  const found = isAbsolute(text) ? byAbsolute(normalize(text), roots) : byName(text, roots);
  if (!found) throw refused();
  const judged = inRoot(found.root, found.relative);
  if (!denied(judged.path, judged)) return judged;
  const inner = byAbsolute(judged.path, roots);
  if (!inner || inner.root === found.root) throw refused();
  const again = inRoot(inner.root, inner.relative);
  if (denied(again.path, again)) throw refused();
  return again;
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

/** The same for the owner, of a name whose letters stand in the way. */
export const untellable = (): AppError =>
  new AppError(
    'PATH_NOT_ALLOWED',
    {},
    {
      message:
        'a name with control characters, line ends, invisible signs or bytes that are not UTF-8 cannot be told safely, so it is never read or shared; rename it',
    },
  );

interface Found {
  readonly root: Root;
  readonly relative: string;
}

/** The innermost root that holds the path: the one that is written exactly so, else the one whose name is the same. */
function byAbsolute(path: string, roots: readonly Root[]): Found | undefined {
  const parts = partsOf(path);
  const found = roots
    .flatMap((root) => [root.path, root.realPath].map((base) => ({ root, base: partsOf(base) })))
    .filter(({ base }) => base.every((part, at) => parts[at] !== undefined && sameName(part, parts[at])))
    .map(({ root, base }) => ({ root, base, exact: base.every((part, at) => part === parts[at]) }))
    .sort((a, b) => b.base.length - a.base.length || Number(b.exact) - Number(a.exact));
  const [first] = found;
  if (!first) return undefined;
  const rival = first.exact
    ? undefined
    : found.find(({ root, base }) => root !== first.root && base.length === first.base.length);
  if (rival) throw ambiguous([first, rival].map(({ base }) => `/${base.join('/')}`));
  return { root: first.root, relative: parts.slice(first.base.length).join('/') };
}

const partsOf = (path: string): string[] => path.split('/').filter((part) => part !== '');

function byName(text: string, roots: readonly Root[]): Found | undefined {
  const clean = trimEndSigns(normalize(text), '/');
  if (clean === '..' || clean.startsWith('../')) return undefined;
  const [head = '', ...rest] = clean.split('/');
  const named = roots.find((root) => root.name === head) ?? roots.find((root) => sameName(root.name, head));
  if (named) return { root: named, relative: rest.join('/') };
  const readable = roots.filter((root) => root.readable);
  const [only] = readable;
  if (!only || readable.length > 1) return undefined;
  return { root: only, relative: clean === '.' ? '' : clean };
}
