// Reads what is in the files that a Query means, within what the call may read. Why one is not read depends on sizes, and on what was read of
// others before it, so it is told in the fact alone.
import { AppError } from '../../../../base/errors.ts';
import type { OpenFile } from '../../../allowlist/open-file.ts';
import { originOf, readPieces } from '../../../files/content.ts';
import { hasNoText } from '../../../files/file-text.ts';
import { TextReader } from '../../../files/lines.ts';
import { toldSize } from '../../../files/size-class.ts';
import type { ValuesSeen } from '../../../files/value-mask.ts';
import type { WalkEntry } from '../../../files/walk.ts';
import { valuesIn } from '../../../grants/grants.ts';
import type { ToolCallContext, ToolParts } from '../../tool.ts';
import type { Looking } from '../looking.ts';
import { openJudged } from '../place.ts';
import type { ReadBudget } from '../read-budget.ts';
import { isDocument, isWithoutText } from './file-class.ts';

/** Takes a text piece by piece. */
export interface TextTaker {
  add(piece: string): void;
  end(): void;
}

export class FileContent {
  readonly #parts: ToolParts;
  readonly #call: ToolCallContext;
  readonly #looking: Looking;
  readonly #budget: ReadBudget;
  readonly #read: (name: string, sha256: Uint8Array) => void;
  /** Files that turned out to have no text. */
  readonly unread: string[] = [];
  /** Files whose charset is a guess, with it, and those of which something is missing, with what. */
  readonly guessed = new Map<string, string>();
  readonly warned = new Map<string, string>();

  /** @param read told of exactly what was read */
  constructor(
    { parts, call, looking }: { readonly parts: ToolParts; readonly call: ToolCallContext; readonly looking: Looking },
    budget: ReadBudget,
    read: (name: string, sha256: Uint8Array) => void,
  ) {
    this.#read = read;
    this.#parts = parts;
    this.#call = call;
    this.#looking = looking;
    this.#budget = budget;
  }

  /** Gives the text of a file to `taker`; false when it is not read, which is noted. */
  async text(entry: WalkEntry, taker: TextTaker): Promise<boolean> {
    const { name } = entry.judged;
    const document = isDocument(name);
    if (isWithoutText(name)) return this.#skip(entry, 'NOT_TEXT');
    if (document && entry.stat.size > this.#parts.limits.file_bytes) return this.#skip(entry, 'TOO_LARGE');
    return this.#open(entry, async (file) => {
      try {
        // A small file may be in any of the encodings that the reader knows.
        if (document || file.stat.size <= this.#parts.limits.file_bytes) await this.#document(file, taker);
        else await this.#plain(file, taker);
        taker.end();
        return true;
      } catch (error) {
        // What has text that could not be had is not looked at; that makes a count a least one.
        if (!(error instanceof AppError && hasNoText(error))) throw error;
        this.unread.push(name);
        return false;
      }
    });
  }

  /** The SHA-256 of a file; undefined when it is not read. */
  async hash(entry: WalkEntry): Promise<Uint8Array | undefined> {
    let hash: Uint8Array | undefined;
    await this.#open(entry, async (file) => {
      hash = await readPieces(file, this.#bounds, this.#budget.inTime);
      this.#read(entry.judged.name, hash);
      return true;
    });
    return hash;
  }

  async #open(entry: WalkEntry, read: (file: OpenFile) => Promise<boolean>): Promise<boolean> {
    const { signal } = this.#call;
    signal.throwIfAborted();
    const why = this.#budget.refuses(entry.stat.size);
    if (why) return this.#skip(entry, why);
    let file: OpenFile | undefined;
    try {
      file = await openJudged(this.#parts, entry.judged);
      return await read(file);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof AppError)) throw error;
      return this.#skip(entry, error.reason === 'SEARCH_BUDGET' ? 'TIME' : 'UNREADABLE');
    } finally {
      await file?.handle.close();
    }
  }

  #skip({ judged, stat }: WalkEntry, why: Parameters<Looking['skip']>[0]): false {
    this.#looking.skip(why, judged.name, toldSize(this.#parts.allow, judged.path, stat));
    return false;
  }

  get #bounds() {
    return { maxBytes: Number.POSITIVE_INFINITY, signal: this.#call.signal };
  }

  /** Of a file that a grant names the fact may leave. Of any other it stays, and is exact. */
  #values(file: OpenFile, sha256?: Uint8Array): ValuesSeen {
    const { allow, grants } = this.#parts;
    const { run, recipient } = this.#call;
    if (!grants.names(run, file.realPath)) return 'exact';
    return valuesIn(grants.covers({ ...originOf(allow, file, sha256), run, recipient }));
  }

  async #plain(file: OpenFile, taker: TextTaker): Promise<void> {
    const reader = new TextReader();
    const pieces = this.#parts.texts.mask(this.#values(file), (piece) => taker.add(reader.add(piece)));
    const hash = await readPieces(file, this.#bounds, this.#budget.inTime, (piece) => pieces.add(piece));
    pieces.end();
    reader.end();
    this.#read(file.judged.name, hash);
  }

  async #document(file: OpenFile, taker: TextTaker): Promise<void> {
    const bounds = { maxBytes: this.#parts.limits.file_bytes, signal: this.#call.signal };
    const looked = await this.#parts.texts.look(file, bounds, this.#budget.inTime);
    const reader = new TextReader();
    const { guessed, warning } = await this.#parts.texts.text(
      file,
      looked,
      bounds,
      this.#values(file, looked.sha256),
      (piece) => {
        this.#budget.inTime();
        taker.add(reader.add(piece));
      },
    );
    reader.end();
    const { name } = file.judged;
    if (guessed !== '') this.guessed.set(name, guessed);
    if (warning !== '') this.warned.set(name, warning);
    this.#read(name, looked.sha256);
  }
}

/** Whether this says that a file is damaged or takes too much, which depends on its content too. */
export const isBadDocument = ({ reason }: AppError): boolean =>
  reason === 'DOCUMENT_INVALID' || reason === 'DOCUMENT_TOO_COSTLY';
