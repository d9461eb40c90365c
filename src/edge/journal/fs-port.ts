// The few file operations that the journal and the index need, so that tests can fail and crash between any two of them.

export interface FsFile {
  size(): Promise<number>;
  /** Fills `into` from `position`; fewer bytes only at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** One write call; may write less than asked. Rejects with a Node system error (its `code` is looked at). */
  write(bytes: Uint8Array, position: number): Promise<number>;
  truncate(size: number): Promise<void>;
  /** fdatasync: data, and the metadata needed to find it. */
  datasync(): Promise<void>;
  close(): Promise<void>;
}

export interface FsPort {
  /** Makes the folder and its parents, readable by the owner only. */
  mkdir(dir: string): Promise<void>;
  /** Names of the entries, in any order. */
  list(dir: string): Promise<string[]>;
  /** `create` makes or empties the file (0600); `write` and `read` need it to exist. */
  open(path: string, mode: 'create' | 'write' | 'read'): Promise<FsFile>;
  rename(from: string, to: string): Promise<void>;
  /** No error when it is gone already. */
  unlink(path: string): Promise<void>;
  /** fsync of the folder: makes its entries durable. */
  syncDir(dir: string): Promise<void>;
}
