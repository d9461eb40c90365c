// Everything below a path or all roots, for Search and Query: what cannot be gone into is said, and the bound of entries as well.
import { AppError } from '../../../base/errors.ts';
import { namesOne } from '../../../base/glob.ts';
import { inRoot, type JudgedPath } from '../../allowlist/judge-path.ts';
import { compareNames, type WalkBudget, type WalkEntry, walk } from '../../files/walk.ts';
import type { ToolParts } from '../tool.ts';
import type { Looking } from './looking.ts';
import { lookAt } from './place.ts';

/** A fresh budget for one call. What is there is still counted for a while when the time to read it is over. */
export function walkBudget({ limits, clock }: Pick<ToolParts, 'limits' | 'clock'>): WalkBudget {
  const end = clock.monotonic() + 2 * limits.search_ms;
  return { entries: limits.walk_entries, met: false, late: () => clock.monotonic() > end };
}

/** The roots that may be read, in order. */
export function startsOf({ allow }: Pick<ToolParts, 'allow'>): JudgedPath[] {
  return allow.readable.map((root) => inRoot(root, '')).sort((a, b) => compareNames(a.name, b.name));
}

/**
 * Options of a walk by which what it passes over is noted. A name that holds a secret of this box is told to nobody, and found by no part of it.
 * @param glob where it names one file, none whose name is left out was meant
 */
export function passedOverTo({ secrets }: Pick<ToolParts, 'secrets'>, looking: Looking, glob: string) {
  const one = namesOne(glob);
  const { masker } = secrets;
  return {
    tells: (name: string) => (masker?.text(name) ?? name) === name,
    refused: ({ name }: JudgedPath) => looking.skip('UNREADABLE', name),
    tooDeep: ({ name }: JudgedPath) => looking.skip('TOO_DEEP', name),
    // In a folder there may be what was meant.
    untold: (_: JudgedPath, __: string, isFolder: boolean) => {
      if (!one || isFolder) looking.skip('UNTELLABLE_NAME');
    },
    hidden: () => {
      if (!one) looking.skip('HIDDEN');
    },
  };
}

/** @throws FILE_NOT_FOUND, and what openFolder throws, for the start that was given */
export async function* entriesBelow(
  parts: ToolParts,
  start: JudgedPath | undefined,
  looking: Looking,
  { glob, signal }: { readonly glob: string; readonly signal: AbortSignal },
): AsyncGenerator<WalkEntry> {
  const budget = walkBudget(parts);
  const options = {
    recursive: true,
    maxDepth: parts.limits.walk_depth,
    budget,
    signal,
    ...passedOverTo(parts, looking, glob),
  };
  for (const judged of start ? [start] : startsOf(parts)) {
    const at = start ? await lookAt(parts, judged) : await parts.allow.resolve(judged).catch(() => undefined);
    if (!at) {
      if (start) throw new AppError('FILE_NOT_FOUND');
    } else if (at.stat.isDirectory()) yield* walk(parts.allow, at.judged, options);
    else yield at;
  }
  signal.throwIfAborted();
  looking.more ||= budget.met;
}
