// The one place that says what the tools may touch: roots to read, exact files to write, exact commands to run.
import { dirname, join, relative } from 'node:path';
import { AppError } from '../../base/errors.ts';
import { formOf, sameName } from '../../base/same-name.ts';
import { contains, type Root } from '../config/config-places.ts';
import type { EdgeConfig, ExecuteEntry, WriteEntry } from '../config/edge-config.ts';
import type { LanEntry } from '../config/lan-entry.ts';
import { isNeverWritten } from '../config/never-written.ts';
import { commandPathsOf, conflictOf, writableFor } from '../config/write-or-run.ts';
import { matchArgv } from './argv-template.ts';
import { denials, type PathDenials } from './denied.ts';
import { type DeniedPath, deniedBelow } from './denied-below.ts';
import { followed } from './followed.ts';
import { HomeInodes } from './home-inodes.ts';
import { type AllowedUrl, type AskedUrl, judgeLanUrl } from './judge-lan-url.ts';
import { inRoot, type JudgedPath, judgePath, refused } from './judge-path.ts';
import { type Denials, type Opened, openBeneath } from './open-beneath.ts';
import { type OpenCommand, openCommand, type PlacedCommand } from './open-command.ts';
import { type OpenFile, openFile, openFolder } from './open-file.ts';

/** A place that an entry lets be written. */
export interface AllowedWrite extends JudgedPath {
  readonly entry: WriteEntry;
  /** The same for all that the entry lets be written. */
  readonly entryName: string;
}

/** A command that matched an entry. */
export interface AllowedCommand extends PlacedCommand {
  readonly entry: ExecuteEntry;
}

export class Allowlist {
  readonly roots: readonly Root[];
  readonly #write: readonly WriteEntry[];
  readonly #execute: readonly ExecuteEntry[];
  readonly #lan: readonly LanEntry[];
  readonly #denied: PathDenials;
  readonly #denials: Denials;

  /** @param denied real paths that no configuration opens: the home in use, the folder of its socket, the program */
  constructor(config: Pick<EdgeConfig, 'roots' | 'write' | 'execute' | 'lan' | 'hidden'>, denied: readonly string[]) {
    this.roots = config.roots;
    this.#write = config.write;
    this.#execute = config.execute;
    this.#lan = config.lan;
    this.#denied = denials(denied, config.hidden);
    const inodes = new HomeInodes(denied);
    this.#denials = { path: this.#denied.below, identity: (stat) => inodes.holds(stat) };
  }

  /** The roots that may be read, by name. */
  get readable(): readonly Root[] {
    return this.roots.filter((root) => root.readable && !this.#denied.anywhere(root.realPath));
  }

  /** Lexical. @throws PATH_NOT_ALLOWED */
  judgeRead(path: string): JudgedPath {
    return judgePath(path, this.readable, this.#denied.below);
  }

  /** Lexical: the file must be exactly one of the entries, or lie below one that is a folder. @throws PATH_NOT_ALLOWED */
  judgeWrite(path: string): AllowedWrite {
    const judged = judgePath(path, this.roots, this.#denied.anywhere);
    const { root } = judged;
    const files = this.#write.filter(({ realPath, folder }) => !folder && contains(root.realPath, realPath));
    const exact = files.find(({ realPath }) => realPath === judged.path);
    const file = exact ?? files.find(({ realPath }) => sameName(realPath, judged.path));
    const place = file ? inRoot(root, relative(root.realPath, file.realPath)) : judged;
    const entry = file ?? this.#writeFolderOf(judged.path);
    if (!entry || isNeverWritten(place.path) || (entry.folder && this.#denied.below(place.path, place)))
      throw refused();
    const own = contains(root.realPath, entry.realPath) ? relative(root.realPath, entry.realPath) : '';
    return { ...place, entry, entryName: `write ${inRoot(root, own).name}${entry.folder ? '/' : ''}` };
  }

  /** Lexical: every word must fit an entry. @throws COMMAND_NOT_ALLOWED, PATH_NOT_ALLOWED */
  judgeCommand(argv: readonly string[], cwd: string, withInput: boolean): AllowedCommand {
    for (const entry of this.#execute) {
      const matched = matchArgv(entry.argv, argv, (word) => this.judgeRead(word));
      if (!matched) continue;
      if (withInput && entry.stdin !== true) break;
      const asked = cwd === '' ? undefined : this.#ownForm(this.judgeRead(cwd), entry);
      const folder = this.#folderFor(entry, asked);
      const started = { argv: matched.argv, cwd: folder, env: entry.env };
      if (conflictOf(started, this.#writableFor(entry)) !== undefined) break;
      return { ...matched, entry, cwd: folder, asked };
    }
    throw new AppError('COMMAND_NOT_ALLOWED');
  }

  /** Lexical: nothing is looked up. @throws REQUEST_NOT_ALLOWED, always the same */
  judgeUrl(asked: AskedUrl): AllowedUrl {
    const allowed = judgeLanUrl(asked, this.#lan);
    if (!allowed) throw new AppError('REQUEST_NOT_ALLOWED');
    return allowed;
  }

  /**
   * Opens the paths among a command's words and its folder, all links followed: they must not lead out.
   * @throws COMMAND_NOT_ALLOWED when one, or what another word could mean, leads to what may be written; else see openFile
   */
  async openCommand(command: AllowedCommand): Promise<OpenCommand> {
    const opened = await openCommand(command, {
      openFile: (judged) => this.openFile(judged),
      openFolder: (judged) => this.openFolder(judged),
    });
    try {
      const { argv, cwd } = opened;
      const started = { argv, cwd: cwd.realPath, env: command.entry.env };
      const writable = this.#writableFor(command.entry);
      const paths = writable.length > 0 ? await followed(commandPathsOf(started)) : [];
      if (conflictOf(started, writable, paths) !== undefined) throw new AppError('COMMAND_NOT_ALLOWED');
      return opened;
    } catch (error) {
      await opened.close();
      throw error;
    }
  }

  /** What is denied below a folder. @throws COMMAND_VIEW_TOO_LARGE, why `signal` aborted */
  deniedBelow(folder: string, entries: number, signal: AbortSignal): Promise<DeniedPath[]> {
    return deniedBelow(folder, (path, isFile) => this.isDenied(path, isFile), entries, signal);
  }

  /**
   * Whether something below a folder may not go with it to another place: it is denied, is never written where it is, or would not be
   * allowed there.
   * @param to real path that the folder will have @throws COMMAND_VIEW_TOO_LARGE, why `signal` aborted
   */
  async keepsBelow(folder: string, to: string, judged: AllowedWrite, entries: number, signal: AbortSignal) {
    const stays = (path: string, isFile: boolean) =>
      this.isDenied(path, isFile) ||
      isNeverWritten(path) ||
      this.isWriteDenied(join(to, relative(folder, path)), judged, isFile);
    return (await deniedBelow(folder, stays, entries, signal, 'names')).length > 0;
  }

  /** Whether a real path may be seen at all: inside its root and not denied. Used for each entry of a walk. */
  visible(root: Root, path: string, isFile = false): boolean {
    return contains(root.realPath, path) && !this.#denied.below(path, { root }, isFile);
  }

  /** Whether what is not visible is so for nothing but the dot that its name begins with. That may be counted; a secret may not. */
  isHidden(root: Root, path: string, isFile = false): boolean {
    return contains(root.realPath, path) && this.#denied.hidden(path, { root }, isFile);
  }

  /** The root that may be read and holds a real path, with the path's name there. */
  nameOf(realPath: string, isFile = false): JudgedPath | undefined {
    const root = this.#rootOf(realPath);
    return root && !this.#denied.below(realPath, { root }, isFile)
      ? inRoot(root, relative(root.realPath, realPath))
      : undefined;
  }

  /** Whether the file at this real path may be written, by a tool or by a command. */
  isWritable(realPath: string): boolean {
    return (
      this.#write.some(({ realPath: own }) => sameName(own, realPath)) ||
      this.#writeFolderOf(realPath) !== undefined ||
      this.#execute.some(({ writes }) => writes.some((folder) => contains(formOf(folder), formOf(realPath))))
    );
  }

  /** Whether a real path is denied: whatever the configuration says, or, below a root, because it is hidden or a secret. */
  isDenied(path: string, isFile = false): boolean {
    const named = () => this.nameOf(path, isFile) !== undefined;
    return this.#denied.anywhere(path) || (this.#rootOf(path) !== undefined && !named());
  }

  /** Whether a program at this real path may be run: not where something may be written. */
  mayRun(program: string): boolean {
    const folders = [
      ...this.#write.map(({ realPath, folder }) => (folder ? realPath : dirname(realPath))),
      ...this.#execute.flatMap(({ writes }) => writes),
    ];
    return !this.#denied.anywhere(program) && !folders.some((folder) => contains(formOf(folder), formOf(program)));
  }

  /** What may never be opened, for walks that hold on to open folders. */
  get denials(): Denials {
    return this.#denials;
  }

  /**
   * Opens the place that a judged path leads to, without opening what is in it; undefined when nothing is there. Whoever opened it
   * closes its handle. Errors: see openBeneath.
   */
  open(judged: JudgedPath): Promise<Opened | undefined> {
    return openBeneath(judged, this.#denials);
  }

  /** Where a judged path leads and what is there, looked at and closed again. Errors: see openBeneath. */
  async resolve(judged: JudgedPath): Promise<Pick<Opened, 'realPath' | 'stat' | 'judged'> | undefined> {
    const opened = await this.open(judged);
    await opened?.handle.close();
    return opened;
  }

  /** Errors: see openFile. */
  openFile(judged: JudgedPath): Promise<OpenFile> {
    return openFile(judged, this.#denials);
  }

  /**
   * Opens the folder of what may be written: that of a file's entry was a real path when the configuration was read and still must be;
   * below that of a folder's entry, links are followed as long as they stay in it. Errors: see openFolder.
   */
  openWriteFolder(judged: AllowedWrite): Promise<OpenFile> {
    const { entry } = judged;
    const realPath = entry.folder ? entry.realPath : dirname(judged.path);
    const below = relative(realPath, dirname(judged.path));
    if (below.startsWith('..')) return Promise.reject(refused());
    const root = { name: judged.name, path: realPath, realPath, readable: false };
    const denials = { ...this.#denials, path: (path: string) => this.#mayNotWrite(path, judged) };
    return openFolder(inRoot(root, below), denials);
  }

  /** Whether what was opened for a write may not be written: by its real path, with all links followed. */
  isWriteDenied(realPath: string, judged: AllowedWrite, isFile = false): boolean {
    return isNeverWritten(realPath) || this.#mayNotWrite(realPath, judged, isFile);
  }

  #mayNotWrite(path: string, { entry, root }: AllowedWrite, isFile = false): boolean {
    if (this.#denied.anywhere(path)) return true;
    const own = contains(root.realPath, path) ? root : { ...root, realPath: entry.realPath };
    return entry.folder && (isNeverWritten(path) || this.#denied.below(path, { root: own }, isFile));
  }

  /** The innermost folder with all below it that may be written and holds a path. */
  #writeFolderOf(path: string): WriteEntry | undefined {
    return this.#write
      .filter(({ realPath, folder }) => folder && realPath !== path && contains(formOf(realPath), formOf(path)))
      .sort((a, b) => b.realPath.length - a.realPath.length)[0];
  }

  /** Errors: see openFolder. */
  openFolder(judged: JudgedPath): Promise<OpenFile> {
    return openFolder(judged, this.#denials);
  }

  /** The innermost root that may be read and holds a real path. */
  #rootOf(realPath: string): Root | undefined {
    return this.readable
      .filter((candidate) => contains(candidate.realPath, realPath))
      .sort((a, b) => b.realPath.length - a.realPath.length)[0];
  }

  #writableFor(entry: ExecuteEntry) {
    return writableFor(entry, this.#write, this.#execute);
  }

  /** The folder of the entry where the caller means it, in the form that the entry has. */
  #ownForm(asked: JudgedPath, { cwd }: ExecuteEntry): JudgedPath {
    return cwd !== undefined && cwd !== asked.path && sameName(cwd, asked.path) ? this.judgeRead(cwd) : asked;
  }

  /** The entry's folder; else the caller's, if allowed; else the first root where nothing may be written; else `/`. */
  #folderFor(entry: ExecuteEntry, asked: JudgedPath | undefined): string {
    if (asked) {
      if (entry.cwd !== undefined && entry.cwd !== asked.path) throw new AppError('COMMAND_NOT_ALLOWED');
      return asked.path;
    }
    const writable = this.#writableFor(entry);
    const free = this.readable.find(
      ({ realPath }) =>
        !writable.some((w) => contains(realPath, w.realPath) || (w.folder && contains(w.realPath, realPath))),
    );
    return entry.cwd ?? free?.realPath ?? '/';
  }
}
