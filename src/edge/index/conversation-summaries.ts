// What conversations were about, as the control plane summed them up last: a small file beside the index, for the owner when
// the control plane is away. It may be lost; nothing rests on it. (Not in the index itself: that is opened only for queries,
// and a summary comes by itself.)

import { fromJson, type JsonValue, toJson } from '@bufbuild/protobuf';
import { type ConversationSummary, ConversationSummarySchema } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { dropOldest } from '../../base/drop-oldest.ts';
import type { Logger } from '../../base/logger.ts';
import type { FsPort } from '../journal/fs-port.ts';
import { nodeFs } from '../journal/node-fs.ts';
import { readSnapshot, writeSnapshot } from './snapshot-file.ts';

export interface ConversationSummariesOptions {
  readonly path: string;
  readonly log: Logger;
  readonly fs?: FsPort;
}

/** Conversations kept, those summed up last; characters of one summary; bytes of a file that is read. */
const MAX_KEPT = 32;
const MAX_CHARS = 4_000;
const MAX_BYTES = 1 << 20;

export class ConversationSummaries {
  readonly #options: ConversationSummariesOptions;
  /** By conversation, oldest first. */
  #known: Promise<Map<string, ConversationSummary>> | undefined;
  #writing: Promise<void> = Promise.resolve();
  /** The write that begins when that one has ended, whatever is put until then. */
  #next: Promise<void> | undefined;

  constructor(options: ConversationSummariesOptions) {
    this.#options = options;
  }

  /** Keeps one. Resolves when it is on the disk, or could not be written, which is logged. */
  async put(summary: ConversationSummary): Promise<void> {
    const known = await this.#load();
    known.delete(summary.conversation);
    known.set(summary.conversation, { ...summary, text: summary.text.slice(0, MAX_CHARS).toWellFormed() });
    dropOldest(known, MAX_KEPT);
    this.#next ??= this.#writing.then(() => {
      this.#next = undefined;
      this.#writing = this.#write(known);
      return this.#writing;
    });
    await this.#next;
  }

  /** The last one of a conversation. */
  async get(conversation: string): Promise<ConversationSummary | undefined> {
    return (await this.#load()).get(conversation);
  }

  #load(): Promise<Map<string, ConversationSummary>> {
    this.#known ??= this.#read();
    return this.#known;
  }

  async #read(): Promise<Map<string, ConversationSummary>> {
    const { fs = nodeFs, path, log } = this.#options;
    try {
      const bytes = await readSnapshot(fs, path, MAX_BYTES);
      const list = bytes ? (JSON.parse(new TextDecoder().decode(bytes)) as JsonValue[]) : [];
      const all = list.map((each) => fromJson(ConversationSummarySchema, each));
      return new Map(all.slice(-MAX_KEPT).map((each) => [each.conversation, each]));
    } catch (error) {
      log.warn('the summaries of conversations cannot be read and are begun anew', { problem: String(error) });
      return new Map();
    }
  }

  async #write(known: ReadonlyMap<string, ConversationSummary>): Promise<void> {
    const { fs = nodeFs, path, log } = this.#options;
    const list = [...known.values()].map((each) => toJson(ConversationSummarySchema, each));
    await writeSnapshot(fs, path, new TextEncoder().encode(JSON.stringify(list))).catch((error: unknown) =>
      log.warn('the summary of a conversation could not be kept', { problem: String(error) }),
    );
  }
}
