// What a lasting grant covers. It is made from one call that the owner was shown, and compared with what another call would do, as the
// tool itself worked it out: by real places, words, programs and what files hold, never by the letters of a request alone. Pure.
import { resolve } from 'node:path';
import { create, equals, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import {
  type Approval,
  type Effect as ApprovalEffect,
  EffectSchema as ApprovalEffectSchema,
  type CallGrant,
  CallGrantSchema,
  type CommandEffect,
  CommandEffectSchema,
  type CommandFile,
  type FileEffect,
  FileEffectSchema,
  type GrantWish,
} from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { AppError } from '../../base/errors.ts';
import { type Glob, globOf } from '../../base/glob.ts';
import { sameName } from '../../base/same-name.ts';
import { fitsPlaceholder } from '../allowlist/argv-template.ts';
import { isReadableName } from '../allowlist/judge-path.ts';
import { type Placeholder, placeholderOf } from '../config/placeholder.ts';
import { isForeign } from './judge-call.ts';

/** A call as it is compared with grants. */
export interface GrantableCall {
  readonly method: string;
  readonly entry: string;
  readonly effect?: ApprovalEffect | undefined;
}

const HOUR_MS = 3_600_000;
const USUAL_MS = 24 * HOUR_MS;
const LONGEST_MS = 30 * 24 * HOUR_MS;
const USUAL_USES = 100;
/** Of the checkpoints of the journal it takes a bounded part. */
const MOST_BYTES = 64 << 10;

/** The grant that an answer to this approval makes. @throws GRANT_TOO_WIDE, INVALID_ARGUMENT */
export function callGrantOf(
  approval: Approval,
  wish: GrantWish,
  made: { readonly id: string; readonly now: number; readonly by: string },
): CallGrant {
  if (approval.taints.some(isForeign))
    throw tooWide('its run has read what others wrote, and each change of such a run is asked for');
  const expiresAt = wish.expireTime ? timestampMs(wish.expireTime) : made.now + USUAL_MS;
  if (expiresAt <= made.now) throw new AppError('INVALID_ARGUMENT', { what: 'the time at which it ends is over' });
  if (expiresAt > made.now + LONGEST_MS) throw tooWide('it may hold for at most 30 days');
  const { method, entry, effect } = approval;
  const grant = create(CallGrantSchema, {
    id: made.id,
    method,
    entry,
    pattern: wish.pattern,
    ...(effect && { effect: bare(effect) }),
    uses: wish.uses || USUAL_USES,
    createTime: timestampFromMs(made.now),
    expireTime: timestampFromMs(expiresAt),
    approval: approval.id,
    by: made.by,
  });
  mustBeNarrow(grant);
  if (toBinary(CallGrantSchema, grant).length > MOST_BYTES) throw tooWide('what was shown is too long for one');
  if (!coversCall(grant, approval)) throw tooWide('the pattern does not fit the call that is answered');
  return grant;
}

/** Whether it would let this call run, by what the call would do. Time and uses are not looked at. */
export function coversCall(grant: CallGrant, { method, entry, effect }: GrantableCall): boolean {
  if (grant.method !== method || grant.entry !== entry) return false;
  const base = grant.effect?.effect;
  const now = effect?.effect;
  if (base?.case === 'file' && now?.case === 'file') return coversFile(grant.pattern, base.value, now.value);
  if (base?.case === 'command' && now?.case === 'command') return coversCommand(grant.pattern, base.value, now.value);
  return false;
}

export const grantExpiry = ({ expireTime }: CallGrant): number => (expireTime ? timestampMs(expireTime) : 0);

/** What of an effect a grant keeps: no text of a file, an input or an output. */
function bare({ effect }: ApprovalEffect): ApprovalEffect {
  if (effect.case === 'file') {
    const { action, path, realPath, toPath, toRealPath, before, after } = effect.value;
    const value = create(FileEffectSchema, {
      ...{ action, path, realPath, toPath, toRealPath },
      ...(before && { before: { folder: before.folder } }),
      ...(after && { after: { folder: after.folder } }),
    });
    return create(ApprovalEffectSchema, { effect: { case: 'file', value } });
  }
  if (effect.case !== 'command') return create(ApprovalEffectSchema);
  return create(ApprovalEffectSchema, { effect: { case: 'command', value: steady(effect.value) } });
}

/** A command without what a try of it came to. */
const steady = (command: CommandEffect): CommandEffect =>
  create(CommandEffectSchema, { ...command, stdin: '', preview: undefined, noPreview: '' });

/** @throws GRANT_TOO_WIDE */
function mustBeNarrow({ pattern, effect: shown }: CallGrant): void {
  const { effect } = shown ?? {};
  if (!isReadableName(pattern)) throw tooWide('the pattern has signs that cannot be seen');
  if (effect?.case === 'file') {
    for (const place of placesOf(effect.value)) placeMustFit(pattern, place);
  } else if (effect?.case === 'command') wordsMustFit(wordsOf(pattern), effect.value);
  else throw tooWide('this version of Bowline cannot compare what it does with other calls');
}

const tooWide = (why: string): AppError => new AppError('GRANT_TOO_WIDE', { why });

// Changes of files.

interface Place {
  readonly path: string;
  readonly realPath: string;
}

const placesOf = ({ path, realPath, toPath, toRealPath }: FileEffect): Place[] => [
  { path, realPath },
  ...(toPath === '' ? [] : [{ path: toPath, realPath: toRealPath }]),
];

/** The first name, which is that of the root, and the rest. */
function headOf(path: string): { readonly head: string; readonly rest: string } {
  const slash = path.indexOf('/');
  return slash < 0 ? { head: path, rest: '' } : { head: path.slice(0, slash), rest: path.slice(slash + 1) };
}

/** The folder that the root really is; undefined where a link lies between it and the place. */
function realRootOf({ path, realPath }: Place): string | undefined {
  const { rest } = headOf(path);
  const names = realPath.split('/');
  const below = names.splice(-rest.split('/').length);
  return rest !== '' && sameName(below.join('/'), rest) ? names.join('/') : undefined;
}

function placeMustFit(pattern: string, place: Place): void {
  const { head } = headOf(place.path);
  const asked = headOf(pattern);
  if (pattern.split('/').some((name) => name === '' || name === '.' || name === '..'))
    throw tooWide('the pattern must be a plain path, without `..`, and without a slash at its ends');
  if (!sameName(asked.head, head) || asked.rest === '')
    throw tooWide(`the pattern must begin with \`${head}/\`, the root that the call was shown for`);
  if (realRootOf(place) === undefined) throw tooWide('the place that was shown is reached over a link');
}

function coversFile(pattern: string, base: FileEffect, now: FileEffect): boolean {
  const alike =
    base.action === now.action &&
    base.before?.folder === now.before?.folder &&
    base.after?.folder === now.after?.folder &&
    (base.toPath === '') === (now.toPath === '');
  if (!alike) return false;
  const glob = globOf(headOf(pattern).rest);
  const places = placesOf(now);
  return placesOf(base).every((shown, at) => isBeneath(glob, shown, places[at]));
}

/** Whether a place lies below the same root, is meant, and is reached over no link. */
function isBeneath(glob: Glob, shown: Place, now: Place | undefined): boolean {
  const root = realRootOf(shown);
  if (!now || root === undefined) return false;
  const { head, rest } = headOf(now.path);
  return sameName(head, headOf(shown.path).head) && realRootOf(now) === root && glob.matches(rest);
}

// Commands.

const WORDS = /'([^']*)'|"([^"]*)"|(\S+)/g;

/** Words are apart by spaces; one with spaces stands in quotes. */
export const wordsOf = (pattern: string): string[] =>
  [...pattern.matchAll(WORDS)].map(([, single, double, plain]) => single ?? double ?? plain ?? '');

function wordsMustFit(words: readonly string[], { argv }: CommandEffect): void {
  if (words.length !== argv.length)
    throw tooWide(`the pattern has ${words.length} words, and the command that was shown has ${argv.length}`);
  if (words[0] !== argv[0]) throw tooWide('the pattern must begin with the same program');
  for (const [at, word] of words.entries()) {
    if (!placeholderOf(word) && word !== argv[at])
      throw tooWide(
        `word ${at + 1} of the pattern must be \`${argv[at]}\`, as it was shown, or a placeholder as {word}`,
      );
  }
}

/** The same program, folder, environment, input and limits, word by word, with the same files in the words that are no placeholders. */
function coversCommand(pattern: string, base: CommandEffect, now: CommandEffect): boolean {
  const words = wordsOf(pattern);
  const [program] = words;
  if (program !== base.argv[0] || words.length !== base.argv.length || words.length !== now.argv.length) return false;
  const holes = words.map((word) => placeholderOf(word));
  const fits = (argv: readonly string[]) =>
    argv.every((word, at) => {
      const hole = at === 0 ? undefined : holes[at];
      return hole ? fitsPlaceholder(word, hole) : word === words[at] && word === base.argv[at];
    });
  if (!fits(now.argv)) return false;
  const rest = { argv: [], files: [] };
  if (!equals(CommandEffectSchema, { ...steady(base), ...rest }, { ...steady(now), ...rest })) return false;
  const before = ownFiles(base, holes);
  const after = ownFiles(now, holes);
  return before.length === after.length && before.every((file, at) => file === after[at]);
}

/** What the files hold that the owner's own words mean: not those that stand where a `{path}` is. */
function ownFiles({ argv, cwd, files }: CommandEffect, holes: readonly (Placeholder | undefined)[]): string[] {
  const own = new Set(argv.filter((_, at) => !holes[at]).map((word) => resolve(cwd, word.slice(valueAt(word)))));
  const left = [...files];
  for (const [at, hole] of holes.entries()) {
    const given = hole?.kind === 'path' ? left.findIndex(({ path }) => path === argv[at] && !own.has(path)) : -1;
    if (given >= 0) left.splice(given, 1);
  }
  return left.map(contentOf).sort();
}

/** Of an option with a value the value may name a file. */
const valueAt = (word: string): number => (word.startsWith('-') ? word.indexOf('=') + 1 : 0);

const contentOf = ({ path, device, inode, sha256 }: CommandFile): string =>
  `${sha256.length > 0 ? Buffer.from(sha256).toString('hex') : `${device} ${inode}`} ${path}`;
