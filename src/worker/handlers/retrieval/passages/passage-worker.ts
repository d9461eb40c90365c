// The thread that cuts documents, so that a long one never keeps the worker from its heartbeat. It answers one at a time.
import { parentPort } from 'node:worker_threads';
import { cutDocument } from './cut-document.ts';
import type { CutAnswer, CutOptions, ReadableText } from './passage.ts';

parentPort?.on('message', ({ document, options }: { document: ReadableText; options: CutOptions }) => {
  parentPort?.postMessage(answer(document, options));
});

function answer(document: ReadableText, options: CutOptions): CutAnswer {
  try {
    return cutDocument(document, options);
  } catch (error) {
    return { kind: 'failed', problem: error instanceof Error ? error.name : 'unknown' };
  }
}
