// The import rules fail on what they forbid: each violation is planted in a small tree of the same layout.
import { createRequire } from 'node:module';
import { relative } from 'node:path';
import type { IConfiguration } from 'dependency-cruiser';
import { expect, test } from 'vitest';
import { Workspace } from './workspace.ts';

function tree(): Workspace {
  const space = new Workspace('.dependency-cruiser.cjs', 'package.json', 'tsconfig.json');
  space.write('gen/bowline/x/v1/x_pb.ts', 'export const x = 1;\n');
  space.write('src/base/errors.ts', 'export const error = 1;\n');
  space.write('src/contract/frames.ts', use('../base/errors.ts', '../../gen/bowline/x/v1/x_pb.ts'));
  space.write('src/control/store/unit.ts', use('../../base/errors.ts', 'pg'));
  space.write('src/control/ledger/usage.ts', use('../store/unit.ts'));
  space.write('src/control/orchestrator/run/state.ts', use('../../store/unit.ts', 'node:crypto'));
  space.write('src/control/orchestrator/models/tool-calls.ts', use('../run/state.ts'));
  space.write('src/control/orchestrator/decide/decide.ts', use('../models/tool-calls.ts', '../run/state.ts'));
  space.write('src/control/orchestrator/service/run-service.ts', use('../decide/decide.ts', '../../ledger/usage.ts'));
  space.write('src/control/dispatch/signals/signals.ts', use('node:events'));
  space.write('src/control/dispatch/workers/relay.ts', use('../signals/signals.ts'));
  space.write('src/control/gateway/server.ts', use('../dispatch/workers/relay.ts', '../../contract/frames.ts'));
  space.write('src/edge/session/link.ts', use('../../contract/frames.ts'));
  space.write('src/edge/session/link.test.ts', `${use('../../control/store/unit.ts')}import 'vitest';\n`);
  space.write('src/main/bowline.ts', use('../control/gateway/server.ts', '../edge/session/link.ts'));
  return space;
}

function use(...paths: string[]): string {
  return `${paths.map((path) => `import * as ${name(path)} from '${path}';\nvoid ${name(path)};\n`).join('')}export const here = 1;\n`;
}

function name(path: string): string {
  return path.replace(/[^a-z]/g, '_');
}

function cruise(space: Workspace) {
  return space.run('npm', ['run', '--silent', 'depcruise']);
}

test('a tree that keeps the directions passes, and tests are exempt from them', () => {
  expect(cruise(tree())).toMatchObject({ status: 0 });
});

test('each forbidden direction, cycle and unknown import is found', () => {
  const space = tree();
  space.write('src/edge/tools/tool.ts', use('../../control/store/unit.ts'));
  space.write(
    'src/edge/tools/type-only.ts',
    `import type { here } from '../../control/store/unit.ts';\nexport type T = typeof here;\n`,
  );
  space.write('src/cli/verb.ts', use('../edge/session/link.ts'));
  space.write('src/worker/loop/loop.ts', use('../../control/store/unit.ts'));
  space.write('src/control/mesh.ts', use('../worker/loop/loop.ts'));
  space.write('src/base/clock.ts', use('../contract/frames.ts'));
  space.write('src/contract/policy.ts', use('../edge/session/link.ts'));
  space.write('src/control/store/peek.ts', use('../dispatch/workers/relay.ts'));
  space.write('src/control/routing/peek.ts', use('../ledger/usage.ts'));
  space.write('src/control/orchestrator/service/peek.ts', use('../../dispatch/workers/relay.ts'));
  space.write('src/control/orchestrator/run/peek.ts', use('../models/tool-calls.ts', '../../store/pool.ts', 'node:fs'));
  space.write('src/control/store/pool.ts', use('pg'));
  space.write('src/control/orchestrator/models/peek.ts', use('../decide/decide.ts', 'pg'));
  space.write('src/control/orchestrator/decide/peek.ts', use('../service/run-service.ts'));
  space.write('src/control/orchestrator/flat.ts', use('./run/state.ts'));
  space.write('src/control/dispatch/signals/peek.ts', use('../workers/relay.ts'));
  space.write('src/control/dispatch/attic/peek.ts', use('../signals/signals.ts'));
  space.write('src/contract/check.ts', use('../base/errors.ts'));
  space.write('src/control/routing/small.ts', use('../../contract/check.ts'));
  space.write('src/control/attic/peek.ts', use('../store/unit.ts'));
  space.write('src/worker/flat.ts', use('./kit/one.ts'));
  space.write('src/worker/handlers/flat.ts', use('../kit/one.ts'));
  space.write('src/edge/attic/peek.ts', use('../session/link.ts'));
  space.write('src/attic/peek.ts', use('../base/errors.ts'));
  space.write('src/worker/kit/one.ts', use('./two.ts'));
  space.write('src/worker/kit/two.ts', use('./one.ts'));
  space.write('src/worker/kit/lost.ts', use('./nowhere.ts'));
  space.write('src/worker/kit/build.ts', use('esbuild'));
  space.write('src/worker/kit/test.ts', use('../../edge/session/link.test.ts'));
  space.write('gen/bowline/x/v1/y_pb.ts', use('../../../../src/base/errors.ts'));

  const { status, output } = cruise(space);

  expect(status).not.toBe(0);
  for (const violation of [
    'edge-imports: src/edge/tools/tool.ts → src/control/store/unit.ts',
    'edge-imports: src/edge/tools/type-only.ts → src/control/store/unit.ts',
    'cli-imports: src/cli/verb.ts → src/edge/session/link.ts',
    'worker-imports: src/worker/loop/loop.ts → src/control/store/unit.ts',
    'control-imports: src/control/mesh.ts → src/worker/loop/loop.ts',
    'base-imports: src/base/clock.ts → src/contract/frames.ts',
    'contract-imports: src/contract/policy.ts → src/edge/session/link.ts',
    'control-store-imports: src/control/store/peek.ts → src/control/dispatch/workers/relay.ts',
    'control-routing-imports: src/control/routing/peek.ts → src/control/ledger/usage.ts',
    'control-orchestrator-imports: src/control/orchestrator/service/peek.ts → src/control/dispatch/workers/relay.ts',
    'orchestrator-run-imports: src/control/orchestrator/run/peek.ts → src/control/orchestrator/models/tool-calls.ts',
    'pure-run-reads-no-store: src/control/orchestrator/run/peek.ts → src/control/store/pool.ts',
    'pure-run-does-no-io: src/control/orchestrator/run/peek.ts → fs',
    'pure-run-does-no-io: src/control/orchestrator/models/peek.ts',
    'orchestrator-models-imports: src/control/orchestrator/models/peek.ts → src/control/orchestrator/decide/decide.ts',
    'orchestrator-decide-imports: src/control/orchestrator/decide/peek.ts → src/control/orchestrator/service/run-service.ts',
    'known-parts-only: src/control/orchestrator/flat.ts',
    'dispatch-signals-imports: src/control/dispatch/signals/peek.ts → src/control/dispatch/workers/relay.ts',
    'known-parts-only: src/control/dispatch/attic/peek.ts',
    'small-check-is-the-edges: src/control/routing/small.ts → src/contract/check.ts',
    'known-parts-only: src/control/attic/peek.ts',
    'known-parts-only: src/worker/flat.ts',
    'known-parts-only: src/worker/handlers/flat.ts',
    'known-parts-only: src/edge/attic/peek.ts',
    'known-parts-only: src/attic/peek.ts',
    'no-cycles: src/worker/kit/one.ts',
    'no-unresolvable: src/worker/kit/lost.ts',
    'no-development-packages: src/worker/kit/build.ts',
    'no-tests-in-programs: src/worker/kit/test.ts → src/edge/session/link.test.ts',
    'gen-imports: gen/bowline/x/v1/y_pb.ts → src/base/errors.ts',
  ]) {
    expect(output).toContain(violation);
  }
});

/** For each room one that it may not import. */
const WRONG: Readonly<Record<string, string>> = {
  'src/control/store': 'src/control/queue',
  'src/control/queue': 'src/control/identity',
  'src/control/identity': 'src/control/routing',
  'src/control/ledger': 'src/control/identity',
  'src/control/notes': 'src/control/ledger',
  'src/control/blobs': 'src/control/ledger',
  'src/control/routing': 'src/control/ledger',
  'src/control/telemetry': 'src/control/gateway',
  'src/control/orchestrator': 'src/control/dispatch',
  'src/control/dispatch': 'src/control/gateway',
  'src/control/replay': 'src/control/gateway',
  'src/control/orchestrator/run': 'src/control/orchestrator/models',
  'src/control/orchestrator/models': 'src/control/orchestrator/decide',
  'src/control/orchestrator/decide': 'src/control/orchestrator/service',
  'src/control/dispatch/signals': 'src/control/dispatch/attempts',
  'src/control/dispatch/attempts': 'src/control/dispatch/feeds',
  'src/control/dispatch/feeds': 'src/control/dispatch/workers',
  'src/control/dispatch/devices': 'src/control/dispatch/attempts',
  'src/control/dispatch/workers': 'src/control/dispatch/devices',
  'src/control/dispatch/loops': 'src/control/dispatch/devices',
  'src/worker/isolation': 'src/worker/documents',
  'src/worker/documents': 'src/worker/program',
  'src/worker/llama': 'src/worker/handlers/embed',
  'src/worker/kit': 'src/worker/models',
  'src/worker/models': 'src/worker/handlers/llm',
  'src/worker/handlers/embed': 'src/worker/handlers/llm',
  'src/worker/handlers/llm': 'src/worker/loop',
  'src/worker/handlers/retrieval': 'src/worker/handlers/embed',
  'src/worker/handlers/sandbox': 'src/worker/program',
  'src/worker/handlers/web': 'src/worker/handlers/retrieval',
  'src/worker/loop': 'src/worker/handlers/web',
  'src/edge/config': 'src/edge/allowlist',
  'src/edge/identity': 'src/edge/session',
  'src/edge/time': 'src/edge/journal',
  'src/edge/journal': 'src/edge/index',
  'src/edge/index': 'src/edge/asks',
  'src/edge/facts': 'src/edge/asks',
  'src/edge/allowlist': 'src/edge/files',
  'src/edge/secrets': 'src/edge/egress',
  'src/edge/files': 'src/edge/egress',
  'src/edge/grants': 'src/edge/tools',
  'src/edge/egress': 'src/edge/tools',
  'src/edge/tools': 'src/edge/runner',
  'src/edge/changes': 'src/edge/runner',
  'src/edge/approvals': 'src/edge/runner',
  'src/edge/runner': 'src/edge/grants',
  'src/edge/owners': 'src/edge/session',
  'src/edge/asks': 'src/edge/runner',
  'src/edge/sensitive': 'src/edge/session',
  'src/edge/session': 'src/edge/local',
  'src/edge/local': 'src/edge/program',
  'src/edge/program': 'src/edge/session',
};

/** Rooms that may import all those beside them. */
const TOPS = ['src/control/gateway', 'src/control/orchestrator/service', 'src/worker/program'];

test('each room keeps its own directions', () => {
  const space = tree();
  const pairs = Object.entries(WRONG);
  for (const [, to] of pairs) space.write(`${to}/wrong/there.ts`, use());
  for (const [from, to] of pairs)
    space.write(`${from}/wrong/peek.ts`, use(relative(`${from}/wrong`, `${to}/wrong/there.ts`)));

  const { status, output } = cruise(space);

  expect(status).not.toBe(0);
  const missed = pairs.filter(
    ([from, to]) => !output.includes(`-imports: ${from}/wrong/peek.ts → ${to}/wrong/there.ts`),
  );
  expect(missed).toEqual([]);
});

test('a wrong import is planted in each room', () => {
  const { forbidden = [] } = createRequire(import.meta.url)('../../.dependency-cruiser.cjs') as IConfiguration;
  const rooms = forbidden
    .filter(({ name }) => name?.endsWith('-imports'))
    .map(({ from }) => String(from.path).replace(/^\^|\/$/g, ''))
    .filter((folder) => folder.split('/').length > 2);
  expect([...Object.keys(WRONG), ...TOPS].toSorted()).toEqual(rooms.toSorted());
});
