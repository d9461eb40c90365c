// The reader of documents as an edge has it: which program it is, and what of the settings concerns it. Nothing is started here.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import type { EdgeConfig } from '../../edge/config/edge-config.ts';
import { ChildDocumentReader } from '../../edge/files/document-reader.ts';

export function openReader({ limits, documentIsolation: isolation }: EdgeConfig, clock: Clock): ChildDocumentReader {
  const settings = {
    isolation,
    memoryBytes: limits.document_memory_bytes,
    documentMs: limits.document_seconds * 1_000,
  };
  return new ChildDocumentReader({ argv: [process.execPath, readerProgram()], settings, clock });
}

/** In the bundle a file beside this one; else a source. */
function readerProgram(): string {
  const here = import.meta.dirname;
  const bundle = join(here, 'reader-program.mjs');
  return existsSync(bundle) ? bundle : join(here, '..', 'reader-program.ts');
}
