// The verb `models`: which models a worker of this home offers. Keys come from a file, the environment or a prompt.
import { Command, Option } from 'commander';
import { asCalled } from '../../base/called-as.ts';
import { systemClock } from '../../base/clock.ts';
import { homeFolder } from '../../base/home.ts';
import { inColumns } from '../../base/text-columns.ts';
import { embedModels } from '../handlers/embed/embed-models.ts';
import { chatModels } from '../handlers/llm/chat-models.ts';
import { mustKnow, removeModel, setDefault } from '../models/models-file.ts';
import { CHAT_PROVIDERS } from '../models/providers.ts';
import { readModels } from '../models/read-models.ts';
import { type EmbeddingTest, testEmbedding } from './embedding-test.ts';
import { modelRows } from './model-rows.ts';
import { testModel } from './model-test.ts';
import { type SetFlags, setFromFlags } from './models-set.ts';
import type { WorkerIo } from './worker-io.ts';
import { wrongAddress } from './wrong-address.ts';

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
    .description(
      'Add a model, or change one: without --provider what is not said stays as it is. Without --key-file and --key-env the key is asked for, without echo.',
    )
    .addOption(new Option('--provider <provider>', 'who serves it').choices(CHAT_PROVIDERS))
    .option('--model <model>', "the provider's name of the model")
    .option('--file <file>', 'the GGUF file of this machine; for the provider gguf')
    .option('--context-tokens <number>', 'for the provider gguf: how many tokens a conversation may have')
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
  another key for a model that is there, and nothing else
    $ bowline models set claude
  a GGUF file of this machine
    $ bowline models set own --provider gguf --file ~/models/qwen3-8b.gguf
  vectors from Ollama on this machine, and from a provider:
    $ bowline models set bge --embedding --provider openai-compatible --model bge-m3 --dimension 1024 --base-url http://127.0.0.1:11434/v1
    $ bowline models set small --embedding --provider openai --model text-embedding-3-small --dimension 1536`,
    )
    .action((name: string, _f, command: Command) => setFromFlags(io, name, command.optsWithGlobals<SetFlags>()));
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

async function test(io: WorkerIo, wanted: string | undefined, flags: { home?: string; json?: boolean }): Promise<void> {
  const home = homeFolder(flags.home, io.env);
  const name = wanted ?? readModels(home).defaultModel;
  const { kind, config } = mustKnow(home, name);
  if (kind === 'embedding') {
    const { embedders } = embedModels(config, home, io.env, systemClock);
    const result = await testEmbedding(embedders.get(name)!, systemClock).catch(async (error: unknown) => {
      throw (await wrongAddress(name, config.embeddings.get(name))) ?? error;
    });
    showEmbeddingTest(io, name, result, flags.json);
    return;
  }
  const models = chatModels(config, home, io.env, systemClock);
  const result = await testModel(models.drivers.get(name)!, systemClock).catch(async (error: unknown) => {
    throw (await wrongAddress(name, config.models.get(name))) ?? error;
  });
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
