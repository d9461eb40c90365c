// Output of a command on its way, without the values of secrets: each of its streams for itself, also where a value lies in two pieces.
import type { Masker, MaskStream } from './masker.ts';

/** Where output goes. */
export interface OutputSink<Stream> {
  add(stream: Stream, data: Uint8Array): void;
  end(): void;
}

/** The sink itself when there are no secrets. */
export function maskedOutput<Stream>(sink: OutputSink<Stream>, masker: Masker | undefined): OutputSink<Stream> {
  if (!masker) return sink;
  const streams = new Map<Stream, MaskStream>();
  return {
    add: (stream, data) => {
      const known = streams.get(stream) ?? masker.stream();
      streams.set(stream, known);
      sink.add(stream, known.push(data));
    },
    end: () => {
      for (const [stream, known] of streams) sink.add(stream, known.end());
      sink.end();
    },
  };
}
