import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { OutputStream, RunResponseSchema } from '../../gen/bowline/capability/sandbox/v1/sandbox_pb.ts';
import { OutputStream as ShellStream } from '../../gen/bowline/capability/shell/v1/shell_pb.ts';
import { Printer } from './output.ts';
import { RunOutput } from './run-output.ts';

function shown() {
  const written = { out: '', err: '' };
  const stream = (name: 'out' | 'err') => ({
    write: (text: string) => {
      written[name] += text;
      return true;
    },
  });
  return { written, output: new RunOutput(new Printer(stream('out'), {}), new Printer(stream('err'), {})) };
}

const piece = (data: Uint8Array, stream: OutputStream = OutputStream.STDOUT) =>
  create(RunResponseSchema, { event: { case: 'output', value: { stream, data } } });
const exit = create(RunResponseSchema, { event: { case: 'exit', value: { code: 0 } } });

test('what a program prints is shown as its text, on its stream, also where a piece ends within a character', () => {
  const { written, output } = shown();
  const bytes = Buffer.from('结果 42');
  expect(output.print(piece(bytes.subarray(0, 2)))).toBe(true);
  expect(output.print(piece(bytes.subarray(2)))).toBe(true);
  expect(output.print(piece(Buffer.from('oops\n'), OutputStream.STDERR))).toBe(true);
  expect(output.print(piece(Buffer.from('more')))).toBe(true);
  expect(output.print(exit)).toBe(false);
  expect(written).toEqual({ out: '结果 42more\n', err: 'oops\n' });
});

test('what is no text is left to the JSON, and what follows is text again', () => {
  const { written, output } = shown();
  expect(output.print(piece(Uint8Array.of(0xff, 0xfe)))).toBe(false);
  expect(output.print(piece(Buffer.from('ok\n')))).toBe(true);
  expect(written.out).toBe('ok\n');
});

test('a terminal obeys none of it', () => {
  const { written, output } = shown();
  output.print(piece(Buffer.from('\x1b]0;title\x07x\n')));
  expect(written.out).not.toContain('\x1b');
});

test('every capability that runs programs has the same streams', () => {
  expect(ShellStream.STDERR).toBe(OutputStream.STDERR);
});
