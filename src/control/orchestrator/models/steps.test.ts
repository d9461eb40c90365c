import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { Sensitivity, Taint } from '../../../../gen/bowline/policy/v1/options_pb.ts';
import { EgressSchema } from '../../../../gen/bowline/run/v1/run_pb.ts';
import { PlayedRun } from '../../../../test/support/play-run.ts';
import { deviceTools, read, said } from '../../../../test/support/run-scenario.ts';
import { recipientsOfRun } from './steps.ts';

test.each([
  ['what its owner shared while it went on', 'later', Sensitivity.CONTENT, ['openai']],
  ['a name', '', Sensitivity.NAME, []],
  ['the output of a command that config.yaml shares', 'config:allow.execute', Sensitivity.CONTENT, []],
])('%s binds the turns that follow', (_what, grant, sensitivity, bound) => {
  const run = new PlayedRun({ tools: deviceTools('fs_read') });
  run.result('0/0', said({ calls: [{ name: 'fs_read', args: { path: 'a.md' } }] }));
  expect(recipientsOfRun(run.run)).toEqual([]);
  const left = create(EgressSchema, { path: 'a.md', field: 'text', sensitivity, grant, recipients: ['openai'] });
  run.apply({ type: 'result', job: 'r1/0/1', epoch: 1, result: read('a.md', 'text'), egress: [left] });
  expect(recipientsOfRun(run.run)).toEqual(bound);
  expect(run.run.jobs.get('r1/1/0')?.recipients).toEqual(bound);
});

test('a READ tells its device what the run has read, and is not asked for because of it', () => {
  const run = new PlayedRun({ tools: deviceTools('fs_read') });
  const call = { name: 'fs_read', args: { path: 'a.md' } };
  run.result('0/0', said({ calls: [call] }));
  const left = create(EgressSchema, { sensitivity: Sensitivity.CONTENT, bytes: 4n });
  run.apply({ type: 'result', job: 'r1/0/1', epoch: 1, result: read('a.md', 'text'), egress: [left] });
  run.result('1/0', said({ calls: [call] }));
  expect(run.run.jobs.get('r1/1/1')).toMatchObject({ confirm: false, taints: [Taint.PRIVATE, Taint.UNTRUSTED] });
});
