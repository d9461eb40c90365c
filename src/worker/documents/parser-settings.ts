// What can be set of the parser of documents, and the defaults. Data only.

export interface ParserSettings {
  /**
   * `bubblewrap`: processes see no network, no file but their own code and no other process; where that cannot be had, nothing is opened.
   * `process`: a plain child of the same user. Node's permission model keeps files, children and native code from it, but not the network,
   * and only as long as no error of Node itself is used against it.
   */
  readonly isolation: 'bubblewrap' | 'process';
  /** Where bubblewrap is; by default the usual places are looked at. */
  readonly bubblewrap: string | undefined;
  /** Processes at once. */
  readonly processes: number;
  /** Documents that wait for a process. */
  readonly queue: number;
  /** Memory of one process, in bytes. */
  readonly memoryBytes: number;
  /** Time of a document by the clock, in milliseconds. */
  readonly documentMs: number;
  /** Documents that one process reads in its life. */
  readonly documents: number;
  /** Time after which a process that has nothing to do is ended, in milliseconds. */
  readonly idleMs: number;
  /** What these settings are called where they are set, for messages. */
  readonly names: { readonly isolation: string; readonly time: string; readonly memory: string };
}

export const PARSER_DEFAULTS: ParserSettings = Object.freeze({
  isolation: 'bubblewrap',
  bubblewrap: undefined,
  processes: 2,
  queue: 64,
  memoryBytes: 512 << 20,
  documentMs: 20_000,
  documents: 100,
  idleMs: 60_000,
  names: {
    isolation: 'BOWLINE_PARSER_ISOLATION=process',
    time: 'BOWLINE_PARSER_TIME_MS',
    memory: 'BOWLINE_PARSER_MEMORY_BYTES',
  },
});
