// The verb `call`: one capability method on a device or a worker, through the control plane.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { type JsonValue, toJson } from '@bufbuild/protobuf';
import { Command, Option } from 'commander';
import { asCalled } from '../../base/called-as.ts';
import { AppError } from '../../base/errors.ts';
import { EXIT } from '../../base/status-codes.ts';
import { edgeCapabilities } from '../../contract/capabilities.ts';
import { isHarmless } from '../../contract/policy.ts';
import { MethodRegistry } from '../../contract/registry.ts';
import { marksIn } from '../../contract/text/fact-marks.ts';
import { workerCapabilities } from '../../contract/worker-capabilities.ts';
import { askingForCall } from '../approvals/asked-call.ts';
import { methodHelp, methodsHelp } from '../call-help.ts';
import { controlSide, type GlobalOptions, type Side, using } from '../client.ts';
import type { CliIo } from '../io.ts';
import { parseJson } from '../json-input.ts';
import { factsOfBox } from '../known-facts.ts';
import { callMesh, requestOf } from '../mesh-call.ts';
import { namingPath } from '../named-path.ts';
import { Printer } from '../output.ts';
import { RunOutput } from '../run-output.ts';
import { telling } from '../told-wait.ts';
import { parseDuration } from '../units.ts';
import { withheldLines } from '../withheld-text.ts';
import { deviceId, listDevices } from './devices.ts';

interface CallOptions extends GlobalOptions {
  device?: string;
  selector?: string;
  data: string;
  timeout?: number;
  idempotencyKey?: string;
  help?: boolean;
  json?: boolean;
}

const EXAMPLES = `
Examples:
  $ bowline call fs.Read --help                                     the fields of its request
  $ bowline call fs.List --data '{"path":"notes"}'
  $ bowline call fs.Read --device kitchen-pi --data '{"path":"notes/todo.md"}'
  $ bowline call shell.Run --data '{"argv":["uptime"]}'             shows what it prints, and its end as JSON
  $ bowline call llm.Chat --selector tier=1 --data @request.json`;

export function callVerb(io: CliIo): Command {
  return new Command('call')
    .description('Call a capability method on a device or a worker; the response is JSON')
    .argument('[method]', 'like fs.Read; with --help its request is shown')
    .option('--device <device>', 'id or name of the device; a single one is the default')
    .option('--selector <labels>', 'labels that a worker must have, like tier=1,region=eu')
    .option('--data <json>', 'the request; @file reads it from a file, - from standard input', '{}')
    .addOption(new Option('--timeout <time>', 'most time, like 30s or 2m').argParser(parseDuration))
    .option(
      '--idempotency-key <key>',
      'a call with the same key runs only once, or again if it was refused for now; the call goes on when you leave',
    )
    .option('--json', 'print JSON also on a terminal, where what a program prints is else shown as its text')
    .helpOption(false)
    .option('-h, --help', 'show this, or the request of the method')
    .addHelpText('after', EXAMPLES)
    .action((name: string | undefined, _o, command: Command) =>
      call(io, name, command.optsWithGlobals<CallOptions>(), command),
    );
}

const KEYED_GOES_ON =
  'left; a call with a key goes on. The same call with the same key shows its answer; `bowline runs ls` lists it, `bowline runs cancel RUN` stops it.';

async function call(io: CliIo, name: string | undefined, options: CallOptions, command: Command): Promise<void> {
  const out = new Printer(io.stdout, io.env);
  const edge = new MethodRegistry(edgeCapabilities);
  const all = new MethodRegistry([...edgeCapabilities, ...workerCapabilities]);
  if (name === undefined) {
    if (!options.help) throw new AppError('USAGE', { what: 'no method was given; see: bowline call --help' });
    out.text(asCalled(`${command.helpInformation()}${EXAMPLES}\n\n${methodsHelp(all)}`, io.env));
    return;
  }
  const method = all.resolve(name);
  if (options.help) {
    out.text(asCalled(methodHelp(method), io.env));
    return;
  }
  const data = await dataOf(io, options.data);
  const request = requestOf(method, data);
  const err = new Printer(io.stderr, io.env);
  const printed = out.isTTY && !options.json ? new RunOutput(out, err) : undefined;
  const leave = new AbortController();
  const marks = new Set<string>();
  const stop = io.onInterrupt(() => leave.abort());
  try {
    await using(controlSide(io, options), async (control) => {
      const onEdge = edge.byFullName(method.fullName) !== undefined;
      const headers = await headersOf(control, onEdge, options);
      const made = () =>
        callMesh(control, {
          method,
          request,
          headers,
          timeoutMs: options.timeout,
          signal: leave.signal,
          onMessage: (message) => {
            if (printed?.print(message)) return;
            const json = toJson(method.desc.output, message);
            for (const mark of marksIn(JSON.stringify(json))) marks.add(mark);
            out.json(json);
          },
        });
      const called = { method: method.fullName, device: headers.get('bowline-device') ?? '', leave };
      const mayAsk = onEdge && !isHarmless(method.effect);
      const { run, withheld } = await (mayAsk ? askingForCall(io, options, called, made) : made());
      const facts = marks.size > 0 ? await factsOfBox(io, options)({ run, conversation: '' })([...marks]) : [];
      for (const [mark, fact] of facts) err.line(`${mark} on this box: ${fact}`);
      for (const line of withheldLines(withheld)) err.line(`withheld: ${line}`, 'yellow');
      if (withheld.length > 0)
        err.line(`  only an ask can share content (bowline ask --share); this call is the run ${run}`);
    });
  } catch (error) {
    if (!leave.signal.aborted) throw await namingPath(error, io, { ...options, request: data as JsonValue });
    if (options.idempotencyKey) new Printer(io.stderr, io.env).line(KEYED_GOES_ON);
    io.exit(EXIT.failed);
  } finally {
    stop();
  }
}

/** The request as a value. Throws USAGE with file, line and column. */
async function dataOf(io: CliIo, data: string): Promise<unknown> {
  if (data === '-') {
    const what = 'reading the request from standard input, to its end';
    return parseJson(await telling(io, what, () => readAll(io.stdin)), 'standard input');
  }
  if (!data.startsWith('@')) return parseJson(data, '--data');
  const file = data.slice(1);
  let text: string;
  try {
    text = readFileSync(resolve(io.cwd, file), 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    throw new AppError('USAGE', { what: `the file ${file} of --data cannot be read (${code})` }, { cause });
  }
  return parseJson(text, file);
}

async function headersOf(control: Side, onEdge: boolean, options: CallOptions): Promise<Headers> {
  const headers = new Headers();
  if (options.idempotencyKey) headers.set('bowline-idempotency-key', options.idempotencyKey);
  if (onEdge)
    headers.set('bowline-device', options.device ? await deviceId(control, options.device) : await onlyDevice(control));
  if (options.selector) headers.set('bowline-selector', options.selector);
  return headers;
}

async function onlyDevice(control: Side): Promise<string> {
  const devices = await listDevices(control, 20);
  const [first, second] = devices;
  if (first && !second) return first.id;
  const what = first
    ? `there are several devices; say which with --device: ${devices.map((device) => device.name).join(', ')}`
    : 'no device has joined yet; see: bowline devices join-token --help';
  throw new AppError('USAGE', { what });
}
