// Reads of files that nobody shared, by runs that ask their owner for it.
import { fromBinary } from '@bufbuild/protobuf';
import { FsService, type ReadResponse, ReadResponseSchema } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import type { ToolResult } from '../../gen/bowline/record/v1/record_pb.ts';
import { type EdgeRig, edgeFolder, edgeRig } from './edge-rig.ts';
import { sessionOf } from './held-calls.ts';

const { read } = FsService.method;
export const TEXT = '灯塔在岛上\nsecond\nthird\n';
export const FILES = { 'docs/a.md': TEXT, 'docs/b.md': 'bee\n', 'docs/c.md': 'sea\n', 'docs/d.md': 'dee\n' };

const readOf = ({ answer: told }: ToolResult): ReadResponse | undefined =>
  told.case === 'done' && told.value.responses[0] ? fromBinary(ReadResponseSchema, told.value.responses[0]) : undefined;

export async function asking(dir = edgeFolder(FILES)) {
  const rig = await edgeRig(dir);
  const { run } = await rig.ask('Where is the 灯塔?', [], [], undefined, { asksToShare: true });
  return { rig, run, dir };
}

export const job = (run: string, at: number) => ({ run, job: `${run}/0/${at}`, key: `${run}/0/${at}` });

/** Reads, for a session of its own: what it was told. */
export function reading(rig: EdgeRig) {
  const session = sessionOf(rig);
  const send = (run: string, at: number, path: string, lines: { startLine?: number; endLine?: number } = {}) =>
    session.send(read, { path, ...lines }, job(run, at));
  const texts = () => session.results.map((result) => readOf(result)?.text);
  return { session, send, texts };
}

export const records = async (rig: EdgeRig) => {
  const all = [];
  for await (const { record } of rig.journal.entries()) all.push(record);
  return all;
};
