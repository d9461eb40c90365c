// The verb `models`: which models a worker of this home offers. Keys come from a file, the environment or a prompt.
import { join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { asCalled } from '../../base/called-as.ts';
import { systemClock } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import { homeFolder, homePaths } from '../../base/home.ts';
import { writePrivate } from '../../base/private-file.ts';
import { inColumns } from '../../base/text-columns.ts';
import { embedModels } from '../handlers/embed/embed-models.ts';
import { chatModels } from '../handlers/llm/chat-models.ts';
import { readKey } from '../kit/key-ref.ts';
import type { EmbeddingEntry } from '../models/embedding-entry.ts';
import { mustKnow, removeModel, setDefault, setEmbedding, setModel } from '../models/models-file.ts';
import { PROVIDERS, type ProviderKind } from '../models/providers.ts';
import { MODEL_NAME, type ModelEntry, problemOf, readModels } from '../models/read-models.ts';
import { askSecret, readSecret } from './ask-secret.ts';
import { type EmbeddingFlags, embeddingEntry, mustBeChat } from './embedding-flags.ts';
import { type EmbeddingTest, testEmbedding } from './embedding-test.ts';
import { modelRows } from './model-rows.ts';
import { testModel } from './model-test.ts';
import type { WorkerIo } from './worker-io.ts';

interface SetFlags extends EmbeddingFlags {
  home?: string;
  provider: ProviderKind;
  model: string;
  baseUrl?: string;
  keyFile?: string;
  keyEnv?: string;
  maxOutputTokens?: string;
}

export function modelsVerb(io: WorkerIo): Command {
  const models = new Command('models')
    .summary('choose the models that a worker of this home offers')
    .description(
      'Models of <home>/models.yaml, of two kinds: those that answer, and those that make vectors of texts (embedding). Built in, without a key: `rules` quotes and understands nothing; `lexical` makes vectors that compare letters, not meaning.',
    );
  models
    .command('ls')
    .description('List the models; the default of each kind has a star')
    .option('--json', 'print one JSON array')
    .addHelpText('after', '\nExamples:\n  $ bowline models ls\n  $ bowline models ls --json')
    .action((_f, command: Command) => list(io, command.optsWithGlobals()));
  models
    .command('set <name>')
    .description('Add a model, or change one. Without --key-file and --key-env the key is asked for, without echo.')
    .addOption(new Option('--provider <provider>', 'who serves it').choices(PROVIDERS).makeOptionMandatory())
    .requiredOption('--model <model>', "the provider's name of the model")
    .option('--base-url <url>', 'address of the server; needed for openai-compatible')
    .option('--key-file <file>', 'file that holds the key and stays where it is; `-` reads it from standard input')
    .option('--key-env <name>', 'variable of the environment that holds the key when the worker runs')
    .option('--max-output-tokens <number>', 'most tokens of one answer')
    .option('--embedding', 'it makes vectors of texts; the flags below belong to it')
    .option('--dimension <number>', 'how many numbers its vectors have; an answer with another count is an error')
    .option('--shorten', 'ask the provider to shorten its vectors to --dimension; not every model can')
    .option('--max-input-tokens <number>', 'most tokens that it reads of a text (8191); the rest is cut')
    .option('--query-prefix <text>', 'what it wants before a text that looks for others, such as `query: `')
    .option('--document-prefix <text>', 'what it wants before a text that is found')
    .addHelpText(
      'after',
      `
Examples:
  Ollama on this machine, no key:
    $ bowline models set local --provider openai-compatible --model llama3.2 --base-url http://127.0.0.1:11434/v1
  a provider; the key is asked for and kept in <home>/keys, mode 0600:
    $ bowline models set claude --provider anthropic --model claude-sonnet-4-5
  a key that the environment or another file holds:
    $ bowline models set gpt --provider openai --model gpt-5 --key-env OPENAI_API_KEY
    $ bowline models set gpt --provider openai --model gpt-5 --key-file /run/secrets/openai
  vectors from Ollama on this machine, and from a provider:
    $ bowline models set bge --embedding --provider openai-compatible --model bge-m3 --dimension 1024 --base-url http://127.0.0.1:11434/v1
    $ bowline models set small --embedding --provider openai --model text-embedding-3-small --dimension 1536`,
    )
    .action((name: string, _f, command: Command) => set(io, name, command.optsWithGlobals<SetFlags>()));
  models
    .command('default <name>')
    .description('Choose the model that answers, or the one that makes vectors')
    .addHelpText(
      'after',
      '\nExamples:\n  $ bowline models default local\n  $ bowline models default rules\n  $ bowline models default lexical',
    )
    .action((name: string, _f, command: Command) => {
      const kind = setDefault(homeOf(io, command), name);
      const does = kind === 'chat' ? 'answers' : 'makes the vectors';
      io.stderr.write(`${name} ${does} from now on; a worker that runs must be started again\n`);
      if (kind === 'embedding')
        io.stderr.write(
          asCalled(
            'a collection that was made with another model is left out of searches, and named there, until its vectors are made anew: `bowline docs re-embed`\n',
            io.env,
          ),
        );
    });
  models
    .command('rm <name>')
    .description('Forget a model, and its key if the home keeps it')
    .addHelpText('after', '\nExample:\n  $ bowline models rm local')
    .action((name: string, _f, command: Command) => {
      const instead = removeModel(homeOf(io, command), name);
      io.stderr.write(`forgot ${name}${instead === undefined ? '' : `; the default is ${instead} again`}\n`);
    });
  models
    .command('test [name]')
    .description('Send one tiny question, or two tiny texts for vectors; prints how long it took and what it used')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  $ bowline models test\n  $ bowline models test claude --json\n  $ bowline models test lexical',
    )
    .action((name: string | undefined, _f, command: Command) => test(io, name, command.optsWithGlobals()));
  return models;
}

const homeOf = (io: WorkerIo, command: Command): string =>
  homeFolder(command.optsWithGlobals<{ home?: string }>().home, io.env);

function list(io: WorkerIo, flags: { home?: string; json?: boolean }): void {
  const rows = modelRows(homeFolder(flags.home, io.env), io.env);
  if (flags.json) {
    io.stdout.write(`${JSON.stringify(rows)}\n`);
    return;
  }
  const cells = rows.map((row) => [
    `${row.name}${row.default ? ' *' : ''}`,
    row.kind,
    row.provider,
    row.model,
    row.local ? 'yours' : 'outside',
    row.key,
    row.baseUrl,
  ]);
  io.stdout.write(rowsText([['NAME', 'KIND', 'PROVIDER', 'MODEL', 'WHERE', 'KEY', 'ADDRESS'], ...cells]));
}

async function set(io: WorkerIo, name: string, flags: SetFlags): Promise<void> {
  if (!MODEL_NAME.test(name))
    throw new AppError('USAGE', { what: `${name}: a name is lower-case letters, digits, dot, dash` });
  const home = homeFolder(flags.home, io.env);
  const before = readModels(home);
  if (flags.embedding) {
    const entry = embeddingEntry(flags);
    const problem = problemOf(name, entry);
    if (problem) throw new AppError('USAGE', { what: problem.text });
    const key = await keyOf(io, home, name, flags, before.embeddings.get(name));
    setEmbedding(home, name, { ...entry, ...(key === undefined ? {} : { key }) });
    tellSet(io, name, before.defaultEmbedding);
    return;
  }
  mustBeChat(flags);
  const tokens = flags.maxOutputTokens === undefined ? undefined : Number(flags.maxOutputTokens);
  if (tokens !== undefined && !(Number.isInteger(tokens) && tokens > 0 && tokens <= 1_000_000)) {
    throw new AppError('USAGE', { what: `--max-output-tokens ${flags.maxOutputTokens}: it is a whole number` });
  }
  const entry: ModelEntry = {
    provider: flags.provider,
    model: flags.model,
    ...(flags.baseUrl === undefined ? {} : { base_url: flags.baseUrl }),
    ...(tokens === undefined ? {} : { max_output_tokens: tokens }),
  };
  const problem = problemOf(name, entry);
  if (problem) throw new AppError('USAGE', { what: problem.text });
  const key = await keyOf(io, home, name, flags, before.models.get(name));
  setModel(home, name, { ...entry, ...(key === undefined ? {} : { key }) });
  tellSet(io, name, before.defaultModel);
}

function tellSet(io: WorkerIo, name: string, defaultName: string): void {
  io.stderr.write(asCalled(`set ${name}; try it with: bowline models test ${name}\n`, io.env));
  if (defaultName !== name)
    io.stderr.write(
      asCalled(`${defaultName} is still the default; to change that: bowline models default ${name}\n`, io.env),
    );
}

/** The reference to the key: a file or variable that was named, else the one there was, else one asked for now. */
async function keyOf(
  io: WorkerIo,
  home: string,
  name: string,
  flags: SetFlags,
  before: Pick<ModelEntry | EmbeddingEntry, 'provider' | 'key'> | undefined,
): Promise<string | undefined> {
  const { keyFile, keyEnv, provider } = flags;
  if (keyFile !== undefined && keyEnv !== undefined)
    throw new AppError('USAGE', { what: 'either --key-file or --key-env' });
  const keep = (secret: { reveal(): string }) => {
    writePrivate(join(homePaths(home).keys, name), `${secret.reveal()}\n`, { replace: true });
    return `file:${name}`;
  };
  if (keyFile === '-') return keep(await readSecret(io.stdin));
  if (keyFile !== undefined) {
    const ref = `file:${resolve(keyFile)}`;
    readKey(ref, name, home, io.env);
    return ref;
  }
  if (keyEnv !== undefined) {
    if (!/^[A-Za-z_]\w{0,127}$/.test(keyEnv))
      throw new AppError('USAGE', { what: '--key-env takes the name of a variable' });
    return `env:${keyEnv}`;
  }
  const known = before?.provider === provider ? before.key : undefined;
  const optional = provider === 'openai-compatible' || known !== undefined;
  if (io.stdin.isTTY) {
    const secret = await askSecret(io, `Key of ${name}${optional ? ` (Enter: ${known ? 'as it is' : 'none'})` : ''}`);
    if (secret) return keep(secret);
  }
  if (!optional)
    throw new AppError('USAGE', {
      what: `${provider} needs a key: pass --key-file or --key-env, or answer the prompt`,
    });
  return known;
}

async function test(io: WorkerIo, wanted: string | undefined, flags: { home?: string; json?: boolean }): Promise<void> {
  const home = homeFolder(flags.home, io.env);
  const name = wanted ?? readModels(home).defaultModel;
  const { kind, config } = mustKnow(home, name);
  if (kind === 'embedding') {
    const { embedders } = embedModels(config, home, io.env, systemClock);
    showEmbeddingTest(io, name, await testEmbedding(embedders.get(name)!, systemClock), flags.json);
    return;
  }
  const models = chatModels(config, home, io.env, systemClock);
  const result = await testModel(models.drivers.get(name)!, systemClock);
  if (flags.json) {
    io.stdout.write(`${JSON.stringify({ name, ...result })}\n`);
    return;
  }
  const { provider, model, local, firstMs, totalMs, inputTokens, outputTokens, answer } = result;
  io.stdout.write(
    rowsText([
      ['model', `${name} (${provider} ${model}, ${local ? 'yours' : 'outside'})`],
      ['first word', `${firstMs} ms`],
      ['whole answer', `${totalMs} ms`],
      ['tokens', `${inputTokens} read, ${outputTokens} written`],
      ['it said', answer],
    ]),
  );
}

function showEmbeddingTest(io: WorkerIo, name: string, result: EmbeddingTest, json?: boolean): void {
  if (json) {
    io.stdout.write(`${JSON.stringify({ name, ...result })}\n`);
    return;
  }
  const { provider, model, local, id, dimension, lexical, totalMs, inputTokens } = result;
  io.stdout.write(
    rowsText([
      ['model', `${name} (${provider} ${model}, ${local ? 'yours' : 'outside'})`],
      ['vectors', `${id}, ${dimension} numbers each${lexical ? '; they compare letters, not meaning' : ''}`],
      ['two texts', `${totalMs} ms`],
      ['tokens', `${inputTokens} read`],
    ]),
  );
}

const rowsText = (rows: readonly (readonly string[])[]): string =>
  inColumns(rows)
    .map((line) => `${line}\n`)
    .join('');
