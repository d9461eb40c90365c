// Every fuzzer, by name; a new one is one line here.
import type { Fuzz } from './fuzz.ts';

export const FUZZERS: readonly (() => Promise<Fuzz>)[] = [
  async () => (await import('./inert.fuzz.ts')).inertFuzz,
  async () => (await import('./local-socket.fuzz.ts')).localSocketFuzz,
  async () => (await import('./port.fuzz.ts')).portFuzz,
  async () => (await import('./frames-worker.fuzz.ts')).framesWorkerFuzz,
  async () => (await import('./frames-control.fuzz.ts')).framesControlFuzz,
  async () => (await import('./frames-edge.fuzz.ts')).framesEdgeFuzz,
  async () => (await import('./tool-shell.fuzz.ts')).toolShellFuzz,
  async () => (await import('./sandbox-run.fuzz.ts')).sandboxRunFuzz,
  async () => (await import('./tools.fuzz.ts')).toolReadFuzz,
  async () => (await import('./tools.fuzz.ts')).toolListFuzz,
  async () => (await import('./tools.fuzz.ts')).toolSearchFuzz,
  async () => (await import('./tools.fuzz.ts')).toolStatFuzz,
  async () => (await import('./tools.fuzz.ts')).toolWriteFuzz,
  async () => (await import('./parse-robots.fuzz.ts')).parseRobotsFuzz,
  async () => (await import('./parse-heads.fuzz.ts')).parseHeadsFuzz,
  async () => (await import('./parse-documents.fuzz.ts')).parseHtmlFuzz,
  async () => (await import('./parse-documents.fuzz.ts')).parsePdfFuzz,
  async () => (await import('./parse-documents.fuzz.ts')).parseDocxFuzz,
  async () => (await import('./parse-documents.fuzz.ts')).parseOdtFuzz,
  async () => (await import('./parse-documents.fuzz.ts')).parseEpubFuzz,
  async () => (await import('./parse-documents.fuzz.ts')).parseMailFuzz,
  async () => (await import('./parse-documents.fuzz.ts')).parseCharsetFuzz,
  async () => (await import('./journal-recover.fuzz.ts')).journalRecoverFuzz,
  async () => (await import('./provider-stream.fuzz.ts')).providerStreamFuzz,
];
