import { create } from '@bufbuild/protobuf';
import { expect, test, vi } from 'vitest';
import { OfferedToolSchema, TargetKind } from '../../../../gen/bowline/event/v1/event_pb.ts';
import { Effect } from '../../../../gen/bowline/policy/v1/options_pb.ts';
import { PlayedRun } from '../../../../test/support/play-run.ts';
import { pluginContract } from '../../../../test/support/plugin-contract.ts';
import { methods, read, said } from '../../../../test/support/run-scenario.ts';
import { readPlugin } from '../../../contract/plugin.ts';
import { MethodRegistry, pluginMethods } from '../../../contract/registry.ts';
import { validate } from '../../../contract/validate.ts';
import { chatRequest } from './chat-request.ts';
import { judgeToolCalls } from './tool-calls.ts';

vi.mock('../../../contract/validate.ts', { spy: true });

/** A capability whose constraints take more than lengths and ranges. */
const SPANS = `
  message Span {
    option (buf.validate.message).cel = {
      id: "span.order", message: "from must not come after to", expression: "this.from <= this.to"
    };
    int32 from = 1;
    int32 to = 2 [(buf.validate.field).cel = { id: "span.even", message: "to must be even", expression: "this % 2 == 0" }];
    string day = 3 [(buf.validate.field).string = { in: ["monday", "friday"] }];
    map<string, string> marks = 4 [(buf.validate.field).map.max_pairs = 1];
  }
  service SpansService { rpc Cut(Span) returns (Span); }`;

function spans() {
  const { service, digest } = readPlugin(pluginContract('example.spans.v1', SPANS));
  const registry = new MethodRegistry([]);
  const standing = { tenant: 't1', effect: Effect.READ, idempotent: true, trusted: true, digest };
  registry.setPlugins(pluginMethods(service, standing));
  return registry;
}

test.each([
  ['a rule of a whole message', { from: 4, to: 2, day: 'monday' }, 'from must not come after to'],
  ['a rule of a field in CEL', { from: 1, to: 3, day: 'monday' }, 'to must be even'],
  ['a closed list of texts', { to: 2, day: 'sunday' }, 'in list'],
  ['the size of a map', { to: 2, day: 'friday', marks: { a: '1', b: '2' } }, 'at most 1'],
])('a tool call that breaks %s is refused before it becomes a job', (_, args, problem) => {
  const registry = spans();
  const [method] = registry.all;
  const tool = create(OfferedToolSchema, {
    name: method!.toolName,
    method: method!.fullName,
    effect: Effect.READ,
    target: TargetKind.WORKER,
  });
  const run = new PlayedRun({ tools: [tool] });
  const good = { from: 2, to: 2, day: 'friday', marks: { a: '1' } };
  run.result('0/0', said({ calls: [args, good].map((each) => ({ name: tool.name, args: each })) }));
  const [bad, kept] = judgeToolCalls(run.run, 0, registry).map(({ verdict }) => verdict);
  expect(kept).toMatchObject({ ok: true });
  expect(bad).toMatchObject({ ok: false, failure: { reason: 'INVALID_ARGUMENT' } });
  expect(bad?.ok === false && bad.failure.message).toContain(problem);
});

test('each call is judged once, however many turns come after it', () => {
  const steps = 20;
  const run = new PlayedRun({ limits: { maxSteps: 40, maxJobs: 100 } });
  vi.mocked(validate).mockClear();
  for (let step = 0; step < steps; step++) {
    chatRequest(run.run, `r1/${step}/0`, methods);
    run.result(
      `${step}/0`,
      said({ calls: [1, 2].map((at) => ({ name: 'fs_read', args: { path: `${step}-${at}.md` } })) }),
    );
    for (const at of [1, 2]) run.result(`${step}/${at}`, read('a.md', 'text'));
  }
  expect(chatRequest(run.run, `r1/${steps}/0`, methods).messages).toHaveLength(2 + steps * 3);
  expect(validate).toHaveBeenCalledTimes(steps * 2);
});
