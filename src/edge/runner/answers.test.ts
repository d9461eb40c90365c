import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { Sensitivity } from '../../../gen/bowline/policy/v1/options_pb.ts';
import { ToolResultSchema } from '../../../gen/bowline/record/v1/record_pb.ts';
import { type Egress, EgressSchema } from '../../../gen/bowline/run/v1/run_pb.ts';
import { check } from '../../contract/check.ts';
import { countedBytes } from '../journal/day-book.ts';
import { doneResult, joinAnswer } from './answers.ts';

const CALL = { run: 'r', job: 'r/0/0', recipient: 'rules' };

/** Two lines for a file: its text under a grant, and its name. */
const linesOf = (file: number, grant: string): Egress[] => {
  const path = `文件-${file}.md`;
  const line = { path, run: 'r', job: 'r/0/0', recipients: ['rules'] };
  return [
    create(EgressSchema, { ...line, field: 'text', sensitivity: Sensitivity.CONTENT, bytes: 7n, grant }),
    create(EgressSchema, { ...line, field: 'path', sensitivity: Sensitivity.NAME, bytes: 11n }),
  ];
};

const joined = (lines: readonly Egress[]) => {
  const gated = [{ bytes: new Uint8Array(), withheld: [], egress: lines }];
  return joinAnswer(gated, [], undefined, CALL, 0);
};

const sumOf = (lines: readonly Egress[], which: (line: Egress) => boolean) =>
  lines.filter(which).reduce((sum, { bytes }) => sum + bytes, 0n);
const isList = ({ field }: Egress) => field.startsWith('result.');

test.each([
  ['as many as fit', 511, () => 'g'],
  ['more than fit', 512, () => 'g'],
  ['many more, of two grants', 5_000, (file: number) => `g${file % 2}`],
  ['each under a grant of its own', 5_000, (file: number) => `g${file}`],
])('all that leaves is in the lines of an answer: %s', (_name, files, grantOf) => {
  const lines = Array.from({ length: files }, (_, file) => linesOf(file, grantOf(file))).flat();
  const answer = joined(lines);
  check(ToolResultSchema, doneResult({ job: 'r/0/0', epoch: 1n, key: 'k' }, answer, 1));
  const told = answer.egress.filter((line) => !isList(line));
  for (const sensitivity of [Sensitivity.CONTENT, Sensitivity.NAME]) {
    const isOfIt = (line: Egress) => line.sensitivity === sensitivity;
    expect(sumOf(told, isOfIt)).toBe(sumOf(lines, isOfIt));
  }
  expect(countedBytes(told)).toBe(7 * files);
  expect(told.every(({ recipients, run }) => recipients.join() === 'rules' && run === 'r')).toBe(true);
  if (grantOf(0) !== 'g0' || grantOf(2) === 'g0')
    for (const grant of new Set(lines.map((line) => line.grant)))
      expect(sumOf(told, (line) => line.grant === grant)).toBe(sumOf(lines, (line) => line.grant === grant));
  // What the list of lines itself tells are the lines that leave.
  const names = told.flatMap(({ path, recipients }) => [path, ...recipients]).join('');
  expect(answer.egress.filter(isList)).toMatchObject([
    { field: 'result.egress', bytes: BigInt(Buffer.byteLength(names)) },
  ]);
});
