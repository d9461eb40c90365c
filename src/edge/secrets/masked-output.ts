// Output of a command on its way, without the values of secrets: each of its streams for itself, also where a value lies in two pieces.
import type { Masker, MaskStream } from './masker.ts';

/** Where output goes. */
export interface OutputSink<Stream> {
  add(stream: Stream, data: Uint8Array): void;
  end(): void;
}

/** Output before it is masked. */
export interface RawOutput<Stream> {
  add(stream: Stream, data: Uint8Array): void;
  /** @param isCut more would have come: what may be the beginning of a value is then left out */
  end(isCut: boolean): void;
}

/** @param masker undefined where there are no secrets */
export function maskedOutput<Stream>(sink: OutputSink<Stream>, masker: Masker | undefined): RawOutput<Stream> {
  if (!masker) return sink;
  const streams = new Map<Stream, MaskStream>();
  return {
    add: (stream, data) => {
      const known = streams.get(stream) ?? masker.stream();
      streams.set(stream, known);
      sink.add(stream, known.push(data));
    },
    end: (isCut) => {
      for (const [stream, known] of isCut ? [] : streams) sink.add(stream, known.end());
      sink.end();
    },
  };
}
