// From what the owner wants to share to the exact files, frozen: real path, device, inode and hash of each. Nothing is
// journaled or sent here.
import { dirname, isAbsolute, relative } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { type GrantedFile, GrantedFileSchema } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { AppError, isReason } from '../../base/errors.ts';
import { globOf, splitGlob } from '../../base/glob.ts';
import { inert } from '../../base/inert.ts';
import { sameName } from '../../base/same-name.ts';
import type { Allowlist } from '../allowlist/allowlist.ts';
import { inRoot, isReadableName, type JudgedPath, untellable } from '../allowlist/judge-path.ts';
import type { OpenFile } from '../allowlist/open-file.ts';
import { refusedPath } from '../allowlist/refused-path.ts';
import { type EdgeLimits, mostOf } from '../config/edge-settings.ts';
import { originOf, type ReadBounds } from '../files/content.ts';
import { type AboutText, type FileTexts, hasNoText, PLAIN } from '../files/file-text.ts';
import { IgnoredPaths, type IgnoreWish } from '../files/ignored.ts';
import { LinePicker, type TakenLines } from '../files/lines.ts';
import { SecretFinder } from '../files/secret-content.ts';
import type { ValueMask } from '../files/value-mask.ts';
import { walk } from '../files/walk.ts';

/** A share as the owner wrote it: an absolute path or glob, or a path with a root's name first; `#L10-L40` for lines. */
export interface ShareWish {
  readonly pattern: string;
  /** First and last line, when they are not in the pattern; 0 means all. */
  readonly startLine?: number;
  readonly endLine?: number;
}

/** Which files of a folder a wish means, by their paths below it. */
interface Meant {
  /** As the owner wrote it. */
  readonly pattern: string;
  readonly matches: (path: string) => boolean;
  /** Whether a folder may hold one. */
  readonly enters: (path: string) => boolean;
}

interface Wanted {
  readonly text: string;
  readonly pattern: string;
  readonly startLine: number;
  readonly endLine: number;
}

/** Told on the way, by whoever does not want one file to stand in the way of the others. */
export interface ShareReport {
  /** A file or folder that is left out, and why. */
  left(path: string, error: AppError): void;
  /** A folder that a wish stands for, with the glob below it; empty means all files. */
  folder?(path: string, glob: string): void;
  /** Whether a wish of several that means nothing is left out like a file; by default it is an error. */
  readonly wishes?: boolean;
}

export interface ShareRules extends IgnoreWish {
  /** Only what has text may be shared: it is read on this box in a run. Documents of a collection are read by others. */
  readonly text?: boolean;
  /** Secrets in it are meant, too: none is masked, and none keeps a file from being shared. */
  readonly secrets?: boolean;
  /** Told what is known of the text of a document. */
  readonly about?: (path: string, about: AboutText) => void;
  /** Ends it with its reason. */
  readonly signal?: AbortSignal | undefined;
}

export class ShareResolver {
  readonly #allow: Allowlist;
  readonly #limits: EdgeLimits;
  readonly #texts: FileTexts;

  constructor(allow: Allowlist, limits: EdgeLimits, texts: FileTexts) {
    this.#allow = allow;
    this.#limits = limits;
    this.#texts = texts;
  }

  /**
   * The files of all wishes, each once per range. @throws SHARE_NO_MATCH for a wish without a file, PATH_NOT_ALLOWED,
   * LIMIT_EXCEEDED, FILE_TOO_LARGE, FILE_UNREADABLE and what reading a document throws, with the name of the file. With a report, what is
   * wrong with one file of several is told there instead.
   */
  async resolve(wishes: readonly ShareWish[], report?: ShareReport, rules: ShareRules = {}): Promise<GrantedFile[]> {
    const gathered = new Gathered(this.#limits, report);
    for (const wish of wishes) {
      try {
        const wanted = parse(wish);
        const found = await this.#meant(wanted, report, rules);
        const several = found.length + wishes.length > 2;
        for (const judged of found) await this.#gather(gathered, judged, wanted, rules, several);
      } catch (error) {
        if (!report?.wishes || wishes.length === 1 || !(error instanceof AppError)) throw error;
        report.left(wish.pattern, error);
      }
    }
    return gathered.files;
  }

  /** Throws SHARE_NO_MATCH where a wish means nothing. */
  async #meant(wanted: Wanted, report: ShareReport | undefined, rules: ShareRules): Promise<JudgedPath[]> {
    this.#mustNameARoot(wanted.text, wanted.pattern);
    const found = await this.#find(wanted, report, rules).catch((error: unknown) => {
      throw refusedPath(error, wanted.text, this.#allow.readable);
    });
    if (found.length === 0) throw noMatch(wanted.pattern, 'no such file in the allowed folders');
    return found;
  }

  /** Adds one file. What is wrong with one of several, or is too much, is told and left out. */
  async #gather(gathered: Gathered, judged: JudgedPath, wanted: Wanted, rules: ShareRules, several: boolean) {
    rules.signal?.throwIfAborted();
    try {
      gathered.mustHaveRoom();
      const room = rules.text ? Number.POSITIVE_INFINITY : gathered.room;
      gathered.add(await this.#frozen(await this.#allow.openFile(judged), wanted, rules, room));
    } catch (error) {
      rules.signal?.throwIfAborted();
      if (!several || !gathered.report || !(error instanceof AppError)) throw naming(judged.name, error);
      gathered.report.left(judged.name, error);
    }
  }

  /** The owner's own words are never bent to a file of another folder: a relative path begins with the name of a root. */
  #mustNameARoot(text: string, pattern: string): void {
    if (isAbsolute(text)) return;
    const [first = ''] = text.split('/');
    if (!this.#allow.readable.some(({ name }) => sameName(name, first))) {
      throw noMatch(pattern, 'there is no such file in the folder you are in, and no allowed folder has that name');
    }
  }

  /** A path that exists is taken as it is, whatever signs it holds; a folder stands for the files in it. */
  async #find({ text, pattern }: Wanted, report: ShareReport | undefined, rules: ShareRules): Promise<JudgedPath[]> {
    if (!isReadableName(text)) throw untellable();
    const { folder: above, glob } = splitGlob(text);
    const judged = this.#allow.judgeRead(glob !== '' && above === '' ? '.' : above);
    const exact = glob === '' ? judged : this.#asName(text);
    const found = exact && (await this.#allow.resolve(exact));
    if (exact && found?.stat.isFile()) {
      const one = this.#allow.nameOf(found.realPath) ?? found.judged;
      if (new IgnoredPaths(one.root.path, dirname(one.path), rules).has(one.path, false))
        throw noMatch(pattern, LEFT_OUT);
      return [one];
    }
    if (exact && found?.stat.isDirectory()) {
      report?.folder?.(found.judged.name, '');
      return this.#below(found.judged, { pattern, matches: () => true, enters: () => true }, report, rules);
    }
    if (exact && found) throw naming(exact.name, new AppError('NOT_A_FILE'));
    if (glob === '') return [];
    const folder = await this.#allow.resolve(judged);
    if (!folder?.stat.isDirectory()) return [];
    report?.folder?.(folder.judged.name, glob);
    const { matches, reachesInto } = globOf(glob);
    return this.#below(folder.judged, { pattern, matches, enters: reachesInto }, report, rules);
  }

  /** A pattern may be a name, too: `we[i]rd.md`. */
  #asName(text: string): JudgedPath | undefined {
    try {
      return this.#allow.judgeRead(text);
    } catch {
      return undefined;
    }
  }

  async #below(
    folder: JudgedPath,
    { pattern, matches, enters }: Meant,
    report: ShareReport | undefined,
    rules: ShareRules,
  ): Promise<JudgedPath[]> {
    const found: JudgedPath[] = [];
    const ignored = new IgnoredPaths(folder.root.path, folder.path, rules);
    let out = ignored.has(folder.path, true);
    if (out) throw noMatch(pattern, LEFT_OUT);
    const below = ({ path }: JudgedPath) => relative(folder.path, path);
    let other: JudgedPath | undefined;
    let untold = false;
    const budget = { entries: this.#limits.walk_entries, met: false, late: () => false };
    const refused = ({ name }: JudgedPath) => report?.left(name, new AppError('FILE_UNREADABLE'));
    let deep: JudgedPath | undefined;
    const tooDeep = (judged: JudgedPath) => {
      deep ??= judged;
      report?.left(judged.name, this.#tooDeep());
    };
    const options = {
      recursive: true,
      maxDepth: this.#limits.walk_depth,
      budget,
      signal: rules.signal ?? NEVER,
      refused,
      tooDeep,
      enters: (judged: JudgedPath) => enters(below(judged)) && !ignored.has(judged.path, true),
      untold: (at: JudgedPath, name: string) => {
        const judged = inRoot(at.root, at.relative === '' ? name : `${at.relative}/${name}`);
        if (!matches(below(judged))) return;
        untold = true;
        report?.left(shown(judged.name), untellable());
      },
    };
    for await (const { judged, stat } of walk(this.#allow, folder, options)) {
      if (stat.isDirectory() || stat.isSymbolicLink() || !matches(below(judged))) continue;
      if (ignored.has(judged.path, false)) out = true;
      else if (stat.isFile()) found.push(judged);
      else other ??= judged;
      if (found.length > this.#limits.share_files + MOST_OVER) break;
    }
    rules.signal?.throwIfAborted();
    if (budget.met) {
      const error = tooMuch('the folder', this.#limits.walk_entries, 'walk_entries');
      if (!report || found.length === 0) throw error;
      report.left(folder.name, error);
    }
    if (found.length === 0 && other) throw naming(other.name, new AppError('NOT_A_FILE'));
    if (deep && (found.length === 0 || !report)) throw naming(deep.name, this.#tooDeep());
    if (found.length === 0 && out) throw noMatch(pattern, LEFT_OUT);
    if (found.length === 0 && untold) throw noMatch(pattern, untellable().message);
    return found;
  }

  readonly #tooDeep = () => tooMuch('the depth of this folder', this.#limits.walk_depth, 'walk_depth');

  /** A file that is no share of a folder, as a whole; it is closed. Throws what `resolve` throws of its content. */
  async frozen(file: OpenFile, { secrets = false }: Pick<ShareRules, 'secrets'> = {}): Promise<GrantedFile> {
    const { name } = file.judged;
    const wanted = { text: name, pattern: name, startLine: 0, endLine: 0 };
    try {
      return await this.#frozen(file, wanted, { text: true, secrets }, this.#limits.share_bytes);
    } catch (error) {
      throw naming(name, error);
    }
  }

  /** It is closed. @param room bytes for which no more need be read */
  async #frozen(file: OpenFile, wanted: Wanted, rules: ShareRules, room: number): Promise<GrantedFile> {
    const { startLine, endLine } = wanted;
    const { name: path } = file.judged;
    try {
      if (startLine === 0 && file.stat.size <= this.#limits.file_bytes && file.stat.size > room)
        throw tooManyBytes(this.#limits);
      const secrets = new SecretFinder();
      // What is read on this box is masked; a document leaves as it is.
      const known = rules.text ? undefined : this.#texts.knownSecrets();
      const find = (piece: Uint8Array) => {
        secrets.add(piece);
        known?.add(piece);
      };
      const { sha256, bytes, masked } = await this.#measure(file, wanted, rules, find);
      if (known?.found !== undefined) throw new AppError('BOX_SECRET', { name: known.found });
      const { secrets: withSecrets = false } = rules;
      if (secrets.found && !withSecrets) throw new AppError('SECRET_CONTENT', { what: secrets.found });
      const { device, inode, realPath } = originOf(this.#allow, file, sha256);
      const frozen = { path, realPath, device, inode, sha256, startLine, endLine, bytes: BigInt(bytes) };
      return create(GrantedFileSchema, { ...frozen, withSecrets, masked: rules.text ? masked : 0 });
    } finally {
      await file.handle.close();
    }
  }

  /** The hash of a file, how many bytes of it are shared, of a document those of its text, and how many values in them are masked. */
  async #measure(
    file: OpenFile,
    { startLine, endLine, pattern }: Wanted,
    { text, about, secrets: meant = false, signal = NEVER }: ShareRules,
    find: (piece: Uint8Array) => void,
  ) {
    const { file_bytes: documentBytes, search_bytes } = this.#limits;
    const whole = startLine === 0;
    // Lines are looked for piece by piece, however long the file is; what is shared of it has the limit.
    const bounds: ReadBounds = whole
      ? { maxBytes: documentBytes, signal }
      : { maxBytes: search_bytes, setting: 'limits.search_bytes', documentBytes, signal };
    const mask = () => this.#texts.mask(meant ? 'meant' : 'masked', () => {});
    const values = mask();
    const looked = await this.#texts.look(file, bounds, find, (piece) => whole && values.add(piece));
    const { sha256, document } = looked;
    if (whole && document === undefined) return { sha256, bytes: file.stat.size, masked: values.end() };
    if (whole && !text) {
      // It leaves as it is, and is read elsewhere: what its text says is looked at here.
      const known = await this.#texts.text(file, looked, bounds, 'exact', find).catch(unlessItHasNone);
      about?.(file.judged.name, known);
      return { sha256, bytes: file.stat.size, masked: 0 };
    }
    const [from, to] = whole ? [1, Number.POSITIVE_INFINITY] : [startLine, endLine];
    const picker = new LinePicker(from, to, Number.POSITIVE_INFINITY, false);
    const said = whole ? mask() : new LinePicker(from, to, documentBytes);
    const known = await this.#texts.text(file, looked, bounds, 'exact', (piece) => {
      picker.add(piece);
      said.add(piece);
      find(piece);
    });
    about?.(file.judged.name, known);
    const taken = picker.end();
    if (startLine > taken.total) throw noMatch(pattern, `the file has only ${taken.total} lines`);
    if (taken.bytes > documentBytes)
      throw new AppError('FILE_TOO_LARGE', { limit: documentBytes, setting: 'limits.file_bytes' });
    return { sha256, bytes: taken.bytes, masked: maskedIn(said.end(), mask()) };
  }
}

function maskedIn(said: number | TakenLines, values: ValueMask): number {
  if (typeof said === 'number') return said;
  values.add(Buffer.from(said.text));
  return values.end();
}

/** A file without text has none that could hold a secret. */
function unlessItHasNone(error: unknown): AboutText {
  if (error instanceof AppError && hasNoText(error)) return PLAIN;
  throw error;
}

const NEVER = new AbortController().signal;

/** Files beyond the limit that are told by name. */
const MOST_OVER = 1_000;
const LEFT_OUT = 'everything that it means is left out by .bowlineignore, .gitignore or --exclude';

/** The files of all wishes so far, each once per range. */
class Gathered {
  readonly report: ShareReport | undefined;
  readonly #limits: EdgeLimits;
  readonly #files = new Map<string, GrantedFile>();
  #bytes = 0n;

  constructor(limits: EdgeLimits, report: ShareReport | undefined) {
    this.#limits = limits;
    this.report = report;
  }

  get files(): GrantedFile[] {
    return [...this.#files.values()];
  }

  get room(): number {
    return this.#limits.share_bytes - Number(this.#bytes);
  }

  /** Throws LIMIT_EXCEEDED. */
  mustHaveRoom(): void {
    if (this.#files.size >= this.#limits.share_files)
      throw tooMuch('the number of shared files', this.#limits.share_files, 'share_files');
  }

  /** Throws LIMIT_EXCEEDED. */
  add(file: GrantedFile): void {
    const key = `${file.realPath}\0${file.startLine}\0${file.endLine}`;
    if (this.#files.has(key)) return;
    if (file.bytes > this.room) throw tooManyBytes(this.#limits);
    this.#files.set(key, file);
    this.#bytes += file.bytes;
  }
}

const tooManyBytes = ({ share_bytes: most }: EdgeLimits) =>
  tooMuch('the sum of the bytes of all shared files', most, 'share_bytes');

function parse({ pattern, startLine = 0, endLine = 0 }: ShareWish): Wanted {
  const range = /#L(\d{1,9})(?:-L?(\d{1,9}))?$/.exec(pattern);
  const text = range ? pattern.slice(0, range.index) : pattern;
  const start = range ? Number(range[1]) : startLine;
  const end = range ? Number(range[2] ?? range[1]) : endLine;
  if ((range || start > 0 || end > 0) && (start < 1 || end < start))
    throw noMatch(pattern, 'its lines are not in order');
  if (text === '' || (!isAbsolute(text) && text.startsWith('-'))) throw noMatch(pattern, 'it names no file');
  return { text, pattern, startLine: start, endLine: end };
}

/** One of many files stands in the way: says which. */
function naming(name: string, error: unknown): unknown {
  if (!(error instanceof AppError) || !isReason(error.reason) || error.reason === 'SHARE_NO_MATCH') return error;
  return new AppError(error.reason, error.metadata, { cause: error, message: `${name}: ${error.message}` });
}

/** A name that cannot be told exactly, so that its owner finds it. */
const shown = (name: string): string =>
  inert(name.replaceAll('\n', '\\n').replaceAll('\t', '\\t').replaceAll('\r', '\\r'));

const noMatch = (pattern: string, why: string) => new AppError('SHARE_NO_MATCH', { pattern, why });
const tooMuch = (what: string, limit: number, setting: keyof EdgeLimits) => {
  const metadata = { what, limit, setting: `limits.${setting} in config.yaml` } as const;
  if (limit < mostOf(setting)) return new AppError('LIMIT_EXCEEDED', metadata);
  const message = `${what} is over the limit of ${limit}, which is the most that can be set; share less at once, e.g. folder by folder`;
  return new AppError('LIMIT_EXCEEDED', metadata, { message });
};
