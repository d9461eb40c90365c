// What a change replaces, to be kept. Its bytes are read where they are kept, in pieces.

export interface KeptContent {
  readonly bytes: number;
  readonly pieces: () => AsyncIterable<Uint8Array>;
}
