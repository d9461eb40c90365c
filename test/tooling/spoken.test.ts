// Nothing stands in the contracts that nobody speaks: every frame has a program that sends it and one that does something with
// it, every field of a frame a writer and a reader, every stored event a producer, every RPC a client. The contracts tell what there
// is; src/ is searched, by syntax, for who says it.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DescField, DescMessage, DescOneof } from '@bufbuild/protobuf';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { file_bowline_bus_v1_bus } from '../../gen/bowline/bus/v1/bus_pb.ts';
import { ConnectRequestSchema, EdgeService, HelloSchema } from '../../gen/bowline/edge/v1/edge_pb.ts';
import { file_bowline_event_v1_event } from '../../gen/bowline/event/v1/event_pb.ts';
import { file_bowline_journal_v1_journal } from '../../gen/bowline/journal/v1/journal_pb.ts';
import { CreditsSchema, WorkerService, WorkRequestSchema } from '../../gen/bowline/worker/v1/worker_pb.ts';
import { contractFiles } from './descriptors.ts';
import { ROOT } from './workspace.ts';

const EDGE = /^src\/(edge|contract|main\/(?:start-edge|edge-parts))/;
const CONTROL = /^src\/(control|contract)\//;

/** Where the two programs of a session stand. What both use stands in src/contract/. */
const SIDES: Readonly<Record<string, { readonly client: RegExp; readonly server: RegExp }>> = {
  EdgeService: { client: EDGE, server: CONTROL },
  WorkerService: { client: /^src\/(worker|contract)\//, server: CONTROL },
};

/** Where the clients of the public API, of a box and of enrolment stand. */
const CLIENTS = /^src\/(cli|main|edge\/join)/;

/** Frames whose coming is all that they tell: every frame shows that the other side lives. */
const HEARD_IS_ENOUGH = new Set(['pong', 'unimplemented']);

/** What a source file says. */
interface Said {
  /** `{ case: 'x', ... }` */
  readonly made: ReadonlySet<string>;
  /** `case 'x':` of a switch over `.case` with something to do, and `.case === 'x'`. */
  readonly read: ReadonlySet<string>;
  /** `something.x(...)`, and `'x'` as a type, by which a method is chosen. */
  readonly called: ReadonlySet<string>;
  /** Every name. */
  readonly names: ReadonlySet<string>;
}

type Sources = ReadonlyMap<string, Said>;
type Oneof = Pick<DescOneof, 'parent'> & { readonly fields: readonly Pick<DescField, 'localName' | 'name'>[] };

function sayingsOf(path: string, text: string): Said {
  const [made, read, called, names] = [new Set<string>(), new Set<string>(), new Set<string>(), new Set<string>()];
  const isCase = (node: ts.Node) => ts.isPropertyAccessExpression(node) && node.name.text === 'case';
  const literals = (node: ts.Node, into: Set<string>): void => {
    if (ts.isStringLiteralLike(node)) into.add(node.text);
    else if (ts.isAsExpression(node)) literals(node.expression, into);
    else if (ts.isConditionalExpression(node)) for (const each of [node.whenTrue, node.whenFalse]) literals(each, into);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) names.add(node.text);
    else if (ts.isPropertyAssignment(node) && node.name.getText() === 'case') literals(node.initializer, made);
    else if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression))
      called.add(node.expression.name.text);
    else if (ts.isLiteralTypeNode(node) && ts.isStringLiteral(node.literal)) called.add(node.literal.text);
    else if (ts.isBinaryExpression(node) && isCase(node.left)) literals(node.right, read);
    else if (ts.isSwitchStatement(node) && isCase(node.expression)) {
      const { clauses } = node.caseBlock;
      for (const [n, clause] of clauses.entries()) {
        const done = clauses.slice(n).find(({ statements }) => statements.length > 0);
        if (ts.isCaseClause(clause) && done?.statements.some(isWork)) literals(clause.expression, read);
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true));
  return { made, read, called, names };
}

const isWork = (statement: ts.Statement): boolean =>
  ts.isBlock(statement)
    ? statement.statements.some(isWork)
    : !ts.isBreakStatement(statement) &&
      !ts.isContinueStatement(statement) &&
      !(ts.isReturnStatement(statement) && statement.expression === undefined);

function someone(sources: Sources, where: RegExp, what: keyof Said, name: string): boolean {
  for (const [path, said] of sources) if (where.test(path) && said[what].has(name)) return true;
  return false;
}

/** Cases of a oneof that nobody makes or does anything with in these places. */
function unspokenCases({ fields, parent }: Oneof, sources: Sources, sender: RegExp, reader?: RegExp): string[] {
  return fields.flatMap(({ localName, name }) => {
    const wrong: string[] = [];
    const what = `${parent.typeName}.${name}`;
    if (!someone(sources, sender, 'made', localName)) wrong.push(`${what}: nobody sends it`);
    if (reader && !HEARD_IS_ENOUGH.has(localName) && !someone(sources, reader, 'read', localName)) {
      wrong.push(`${what}: nobody does anything with it`);
    }
    return wrong;
  });
}

/** Fields of a message, and of those of its file that it holds, that one of two sides never names. */
function unspokenFields(
  message: DescMessage,
  sources: Sources,
  sides: readonly RegExp[],
  seen = new Set<string>(),
): string[] {
  if (seen.has(message.typeName) || !message.file.proto.package.match(/^bowline\.(edge|worker|record)\./)) return [];
  seen.add(message.typeName);
  return message.fields.flatMap((field) => {
    const inner = field.message ? unspokenFields(field.message, sources, sides, seen) : [];
    // Cases of a oneof are looked for by name of the case.
    if (field.proto.options?.deprecated || field.oneof) return inner;
    const silent = sides.filter((side) => !someone(sources, side, 'names', field.localName));
    return [...silent.map((side) => `${message.typeName}.${field.name}: not in ${side.source}`), ...inner];
  });
}

const sources: Sources = new Map(
  execFileSync('git', ['ls-files', 'src/*.ts'], { cwd: ROOT, encoding: 'utf8' })
    .trim()
    .split('\n')
    .filter((path) => !path.endsWith('.test.ts'))
    .map((path) => [path, sayingsOf(path, readFileSync(join(ROOT, path), 'utf8'))]),
);

const sessions = [EdgeService, WorkerService].flatMap((service) => {
  const { client, server } = SIDES[service.name]!;
  return service.methods.flatMap(({ input, output }) => [
    { message: input, sender: client, reader: server },
    { message: output, sender: server, reader: client },
  ]);
});

test('every frame of a session is sent by one side, and the other does something with it', () => {
  expect(sessions).toHaveLength(4);
  expect(sessions.flatMap(({ message }) => message.oneofs.map(({ name }) => name))).toEqual(Array(4).fill('frame'));
  const unspoken = sessions.flatMap(({ message, sender, reader }) =>
    unspokenCases(message.oneofs[0]!, sources, sender, reader),
  );
  expect(unspoken).toEqual([]);
});

test('every field of a frame is named by both sides', () => {
  const unspoken = sessions.flatMap(({ message, sender, reader }) =>
    unspokenFields(message, sources, [sender, reader]),
  );
  expect(unspoken).toEqual([]);
});

test('every stored event and every hint between replicas has a producer', () => {
  const places = [
    [file_bowline_event_v1_event, CONTROL],
    [file_bowline_bus_v1_bus, CONTROL],
    [file_bowline_journal_v1_journal, EDGE],
  ] as const;
  const unspoken = places.flatMap(([{ messages }, where]) => {
    const oneofs = messages.flatMap((message) => message.oneofs);
    expect(oneofs.length).toBeGreaterThan(0);
    return oneofs.flatMap((oneof) => unspokenCases(oneof, sources, where));
  });
  expect(unspoken).toEqual([]);
});

test('every RPC of the control plane and of a box has a client here', async () => {
  const methods = (await contractFiles())
    .filter(({ proto }) => /^bowline\.(control|local|edge)\./.test(proto.package))
    .flatMap(({ services }) => services.flatMap((service) => service.methods))
    .filter(({ parent }) => !(parent.name in SIDES));
  expect(methods.length).toBeGreaterThan(30);
  const silent = methods.filter(({ localName }) => !someone(sources, CLIENTS, 'called', localName));
  expect(silent.map(({ name, parent }) => `${parent.typeName}/${name}`)).toEqual([]);
});

test('the search knows what is silent: a frame without a sender, one that is read and dropped, a field that one side ignores', () => {
  const planted = { localName: 'planted', name: 'planted' };
  const frames = { parent: ConnectRequestSchema, fields: [...ConnectRequestSchema.oneofs[0]!.fields, planted] };
  const find = (texts: Record<string, string>) => {
    const more = Object.entries(texts).map(([path, text]) => [path, sayingsOf(path, text)] as const);
    return unspokenCases(frames, new Map([...sources, ...more]), EDGE, CONTROL);
  };
  const what = 'bowline.edge.v1.ConnectRequest.planted';
  const [sends, reads] = [
    "send({ case: 'planted', value });",
    "switch (frame.case) { case 'planted': use(frame.value); }",
  ];
  expect(find({})).toEqual([`${what}: nobody sends it`, `${what}: nobody does anything with it`]);
  expect(find({ 'src/control/x.ts': `${sends} ${reads}` })).toEqual([`${what}: nobody sends it`]);
  const dropped = "switch (frame.case) { case 'planted': case 'other': { break; } default: use(frame); }";
  expect(find({ 'src/edge/x.ts': sends, 'src/control/x.ts': dropped })).toEqual([
    `${what}: nobody does anything with it`,
  ]);
  expect(find({ 'src/edge/x.ts': sends, 'src/control/x.ts': reads })).toEqual([]);

  const without = new Map([...sources].filter(([path]) => path !== 'src/control/gateway/serve-worker.ts'));
  expect(unspokenFields(CreditsSchema, sources, [CONTROL])).toEqual([]);
  expect(unspokenCases(WorkRequestSchema.oneofs[0]!, without, /^src\/worker\//, CONTROL)).toContain(
    'bowline.worker.v1.WorkRequest.credits: nobody does anything with it',
  );
  expect(
    unspokenFields(HelloSchema, new Map([['src/control/x.ts', sayingsOf('x.ts', 'use(hello.versions);')]]), [CONTROL]),
  ).toContain('bowline.edge.v1.Hello.boot_id: not in ^src\\/(control|contract)\\/');
});
