// What no configuration allows: the home of Bowline, keys and other secret files; and, below a root, what begins with a dot and was not
// named. Judged by path alone, without regular expressions that could be made slow.

import { globOf, namePattern } from '../../base/glob.ts';
import { normalForm } from '../../base/normal-form.ts';
import { formOf } from '../../base/same-name.ts';
import type { JudgedPath } from './judge-path.ts';
import {
  COPY_ENDINGS,
  DATA_ENDINGS,
  SECRET_ENDINGS,
  SECRET_FILES,
  SECRET_PARTS,
  SECRET_PLACES,
  SECRET_SPACED,
  SECRET_WORDS,
  SSH_KEYS,
  TEMPLATES,
  WRAPPINGS,
} from './secret-names.ts';

/** How a name is compared: composed, without letter case, since some systems know no difference. */
const plain = (part: string): string => normalForm(part, 'NFKC').toLowerCase();

/** The same for a name that was judged before: a walk meets the same names again and again. At its bound it forgets all of them. */
function remembering(judge: (part: string) => boolean): (part: string) => boolean {
  const known = new Map<string, boolean>();
  return (part) => {
    const before = known.get(part);
    if (before !== undefined) return before;
    const now = judge(part);
    if (known.size >= MOST_NAMES) known.clear();
    if (part.length <= LONGEST_NAME) known.set(part, now);
    return now;
  };
}

const MOST_NAMES = 2_048;
const LONGEST_NAME = 255;

/** Whether one part of a path names a secret wherever it stands. */
export const isSecretName = remembering(namesSecret);

function namesSecret(part: string): boolean {
  const name = plain(part);
  const bare = withoutCopies(name);
  if ([name, bare].some((one) => SECRET_PARTS.has(one))) return true;
  if (isTemplate(name)) return false;
  return bare.startsWith('.env') || name.startsWith('.env') || isSshKey(bare) || STRONG.has(endingOf(bare));
}

/** Endings that are keys even as a root. */
const STRONG: ReadonlySet<string> = new Set([
  'pem',
  'key',
  'p12',
  'pfx',
  'ppk',
  'jks',
  'kdbx',
  'keytab',
  'keystore',
  'env',
  'p8',
]);

/** Whether a part below a root names a secret: the above, and what usually is one. */
const isSecretBelow = remembering(namesSecretBelow);

function namesSecretBelow(part: string): boolean {
  if (isSecretName(part)) return true;
  const name = plain(part);
  if (isTemplate(name)) return false;
  const bare = withoutCopies(name);
  if ([name, bare].some((one) => SECRET_FILES.has(one) || SECRET_SPACED.has(one))) return true;
  const ending = endingOf(bare);
  if (SECRET_ENDINGS.has(ending)) return true;
  const stem = withoutCopies(ending === '' ? bare : bare.slice(0, -ending.length - 1));
  // Without an ending, and no copy of anything, it may be a folder: then only the word alone counts.
  if (ending === '') return isSecretWord(stem, bare === name);
  if (ending !== '' && !DATA_ENDINGS.has(ending)) return false;
  return isSecretWord(stem, false) || SECRET_ENDINGS.has(endingOf(stem));
}

/** The word alone, or with what people add: a number, a name before or after it. */
function isSecretWord(stem: string, alone: boolean): boolean {
  const pieces = stem.split(/[-_. ]/).filter((piece) => piece !== '');
  if (WORDS.has(trimDigits(pieces.join('_')))) return true;
  if (alone || pieces.length > 6) return false;
  return [1, 2, 3].some((n) =>
    [pieces.slice(0, n), pieces.slice(-n)].some((some) => WORDS.has(trimDigits(some.join('_')))),
  );
}

const WORDS: ReadonlySet<string> = new Set([...SECRET_WORDS].map((word) => word.replaceAll('-', '_')));

const trimDigits = (text: string): string => {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) >= 48 && text.charCodeAt(end - 1) <= 57) end--;
  return text.slice(0, end);
};

/** `id_rsa`, `my_id_rsa`, `id_rsa2`, `id_ed25519_sk`, `work.id_ecdsa`; never the public half. */
function isSshKey(name: string): boolean {
  if (name.endsWith('.pub')) return false;
  return SSH_KEYS.some((key) => {
    const at = name.indexOf(key);
    if (at < 0) return false;
    const [before = '', after = ''] = [name[at - 1], name[at + key.length]];
    return !isLetter(before) && !isLetter(after);
  });
}

const isLetter = (c: string): boolean => c !== '' && c !== c.toUpperCase();

const isTemplate = (name: string): boolean => TEMPLATES.has(endingOf(name));

function endingOf(name: string): string {
  const at = name.lastIndexOf('.');
  return at <= 0 ? '' : name.slice(at + 1);
}

/** Without what marks a copy: `id_rsa~`, `#id_rsa#`, `server.key.bak`, `.netrc-old`, `cert.pem.bak.1`, `key (2)`. */
function withoutCopies(name: string): string {
  let bare = name;
  for (let round = 0; round < 8; round++) {
    const next = withoutOne(bare);
    if (next === bare || next === '' || next === '.') return bare;
    bare = next;
  }
  return bare;
}

function withoutOne(name: string): string {
  const trimmed = name.trim();
  if (trimmed !== name) return trimmed;
  if (name.endsWith('~') || (name.endsWith('#') && name.length > 1)) return name.slice(0, -1);
  if (name.startsWith('#') || name.startsWith('~$')) return name.slice(name.startsWith('#') ? 1 : 2);
  if (name.startsWith('.#')) return name.slice(2);
  if (name.startsWith('copy of ')) return name.slice(8);
  if (name.startsWith('.') && name.endsWith('.swp')) return name.slice(1, -4);
  for (const sign of ['.', '-', '_', ' ', '+', '@', '(']) {
    const at = name.lastIndexOf(sign);
    if (at <= 0) continue;
    const rest = name.slice(at + 1).replaceAll(')', '');
    if (COPY_ENDINGS.has(rest) || (sign === '.' && WRAPPINGS.has(rest)) || (rest !== '' && isNumber(rest))) {
      return name.slice(0, at);
    }
  }
  return name;
}

const isNumber = (text: string): boolean => {
  for (const c of text) if (c < '0' || c > '9') return false;
  return text.length <= 14;
};

const PLACES = SECRET_PLACES.map((place) => place.split('/').map(namePattern));

/** Whether two or three parts in a row are a place of secrets. Dots before a name make no difference. */
function isSecretPlace(parts: readonly string[]): boolean {
  const names = parts.map((part) => plain(part).replace(/^\.+/, ''));
  return names.some((_, at) =>
    PLACES.some((place) => at + place.length <= names.length && place.every((matches, i) => matches(names[at + i]!))),
  );
}

export interface PathDenials {
  /** Absolute paths of programs, folders to start in, roots themselves. */
  anywhere(path: string): boolean;
  /** Absolute paths below a root, or the root. A folder that leads to what is named may be entered; a file beside it is still denied. */
  below(path: string, judged: Pick<JudgedPath, 'root'>, isFile?: boolean): boolean;
  /** Whether a path below a root is denied for nothing but a dot that its name, or that of a folder in it, begins with. */
  hidden(path: string, judged: Pick<JudgedPath, 'root'>, isFile?: boolean): boolean;
}

/**
 * Judges absolute paths.
 * @param folders real paths that are denied whatever their name: the home in use, the socket's folder, the program
 * @param named patterns below a root, of config.yaml: what begins with a dot and may be read all the same
 */
export function denials(folders: readonly string[], named: readonly string[] = []): PathDenials {
  const fixed = folders.map((folder) => formOf(folder).toLowerCase());
  const opened = named.map(globOf);
  const anywhere = (path: string): boolean => {
    const lower = formOf(path).toLowerCase();
    if (fixed.some((folder) => lower === folder || lower.startsWith(`${folder}/`))) return true;
    return path.split('/').some(isSecretName);
  };
  const whyBelow = (path: string, root: JudgedPath['root'], isFile: boolean): 'secret' | 'hidden' | undefined => {
    if (anywhere(path)) return 'secret';
    const base = root.realPath === '/' ? '' : root.realPath;
    if (!path.startsWith(`${base}/`)) return undefined;
    const parts = path.slice(base.length + 1).split('/');
    if (parts.length > MAX_PARTS) return 'secret';
    if (parts.some(isSecretBelow) || isSecretPlace(parts)) return 'secret';
    if (!parts.some(isDot)) return undefined;
    const relative = parts.join('/');
    return opened.some((glob) => glob.opens(relative, isFile)) ? undefined : 'hidden';
  };
  return {
    anywhere,
    below: (path, { root }, isFile = false) => whyBelow(path, root, isFile) !== undefined,
    hidden: (path, { root }, isFile = false) => whyBelow(path, root, isFile) === 'hidden',
  };
}

/** Deeper than List goes. */
const MAX_PARTS = 512;

const isDot = (part: string): boolean => part.startsWith('.');
