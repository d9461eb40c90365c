// The checks of the contracts fail on what they exist for: drift, lint and breaking changes, planted beside small protos.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT, Workspace } from './workspace.ts';

const PROTO = 'proto/bowline/common/v1/note.proto';
const NOTE = `// A contract for this test.
syntax = "proto3";

package bowline.common.v1;

import "buf/validate/validate.proto";

// A note.
message Note {
  // What it is called.
  string title = 1 [(buf.validate.field).string.max_len = 80];
  // What it says.
  string text = 2;
}
`;

function contracts(): Workspace {
  const space = new Workspace('buf.yaml', 'buf.gen.yaml', 'package.json', 'scripts', 'third_party');
  space.write(PROTO, NOTE);
  space.remove('scripts/breaking-baseline');
  return space;
}

function npm(space: Workspace, script: string) {
  return space.run('npm', ['run', '--silent', script]);
}

test('validate.proto is what the installed protovalidate carries', () => {
  const space = new Workspace();
  const { status, output } = space.run('node', [join(ROOT, 'scripts/print-validate-proto.mjs'), '--stdout']);
  expect(status).toBe(0);
  expect(output).toBe(readFileSync(join(ROOT, 'third_party/proto/buf/validate/validate.proto'), 'utf8'));
});

test('the drift check finds a generated file that was changed, is missing, or has no proto', () => {
  // Without the rules of validation, whose code takes longest to generate.
  const space = new Workspace('buf.yaml', 'buf.gen.yaml', 'package.json', 'scripts', 'third_party/proto/google');
  space.write(PROTO, NOTE.replace(/^import.*\n/m, '').replace(/ \[.*\]/, ''));
  expect(npm(space, 'gen').status).toBe(0);
  expect(npm(space, 'gen-check')).toEqual({ status: 0, output: '' });

  space.write('gen/bowline/common/v1/note_pb.ts', 'export {};\n');
  space.remove('gen/google/rpc/status_pb.ts');
  space.write('gen/bowline/common/v1/old_pb.ts', 'export {};\n');
  const { status, output } = npm(space, 'gen-check');
  expect(status).toBe(1);
  expect(output).toContain('gen/bowline/common/v1/note_pb.ts: differs');
  expect(output).toContain('gen/google/rpc/status_pb.ts: is missing');
  expect(output).toContain('gen/bowline/common/v1/old_pb.ts: no proto');
}, 60_000);

test('buf lint refuses an uncommented field and a stream where none belongs', () => {
  const space = contracts();
  expect(npm(space, 'lint-proto')).toEqual({ status: 0, output: '' });

  space.write(PROTO, NOTE.replace('  // What it says.\n', ''));
  expect(npm(space, 'lint-proto')).toMatchObject({ status: 100, output: expect.stringContaining('"text"') });

  const watch = `// Notes.
service NoteService {
  // Follows them.
  rpc Watch(WatchRequest) returns (stream WatchResponse);
}

// Nothing.
message WatchRequest {}

// Nothing.
message WatchResponse {}
`;
  space.write(PROTO, `${NOTE}\n${watch}`);
  expect(npm(space, 'lint-proto')).toMatchObject({ status: 100, output: expect.stringContaining('server streaming') });
});

test('the breaking check refuses a removed field, against the last release and on main', () => {
  const space = contracts();
  const without = NOTE.replace('  // What it says.\n  string text = 2;\n', '');
  space.git('init', '--quiet');
  space.git('add', 'buf.yaml', 'proto', 'third_party');
  space.git('commit', '--quiet', '-m', 'Add the note');
  expect(npm(space, 'breaking')).toMatchObject({ status: 0, output: expect.stringContaining('comparing with HEAD') });

  space.write(PROTO, without);
  expect(npm(space, 'breaking')).toMatchObject({ status: 100, output: expect.stringContaining('"text"') });

  space.git('tag', 'v0.1.0');
  space.git('commit', '--quiet', '-a', '-m', 'Remove the text');
  const released = npm(space, 'breaking');
  expect(released).toMatchObject({ status: 100, output: expect.stringContaining('comparing with v0.1.0') });

  space.git('tag', '-d', 'v0.1.0');
  space.git('switch', '--quiet', '-c', 'more');
  expect(npm(space, 'breaking')).toMatchObject({ status: 0, output: expect.stringContaining('comparing with main') });
});

test('before the first release a new decision record begins a new baseline, once', () => {
  const space = contracts();
  const [first, second] = ['docs/decisions/0001-first.md', 'docs/decisions/0002-second.md'];
  space.write(first, 'Why.\n');
  space.write('scripts/breaking-baseline', `${first}\n`);
  space.git('init', '--quiet');
  space.git('add', 'buf.yaml', 'proto', 'third_party', 'scripts/breaking-baseline', 'docs');
  space.git('commit', '--quiet', '-m', 'Add the note');
  space.write(PROTO, NOTE.replace('  // What it says.\n  string text = 2;\n', '  reserved 2;\n'));
  expect(npm(space, 'breaking')).toMatchObject({ status: 100, output: expect.stringContaining('"text"') });

  space.write('scripts/breaking-baseline', `${second}\n`);
  expect(npm(space, 'breaking')).toMatchObject({
    status: 1,
    output: expect.stringContaining('begins no new baseline'),
  });
  space.write(second, 'Why again.\n');
  expect(npm(space, 'breaking')).toMatchObject({ status: 0, output: expect.stringContaining(second) });

  // A record in parts: each part that comes with a change serves once.
  space.git('add', 'docs');
  space.git('commit', '--quiet', '-m', 'Decide again');
  space.write('scripts/breaking-baseline', `${second}#2\n`);
  expect(npm(space, 'breaking')).toMatchObject({
    status: 1,
    output: expect.stringContaining('begins no new baseline'),
  });
  space.write(second, 'Why again.\n\n## Part 2\n\nAnd why once more.\n');
  expect(npm(space, 'breaking')).toMatchObject({ status: 0, output: expect.stringContaining(`${second}#2`) });
  space.git('add', 'docs');
  space.git('commit', '--quiet', '-m', 'Add the second part');
  expect(npm(space, 'breaking')).toMatchObject({ status: 1 });

  space.git('tag', 'v0.1.0');
  expect(npm(space, 'breaking')).toMatchObject({ status: 100, output: expect.stringContaining('"text"') });
});
