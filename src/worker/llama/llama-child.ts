// The llama process: loads node-llama-cpp (its module is the first word of the command line) and the files that it is asked about,
// and answers over the channel of its parent. A process of its own, because reading a file's vocabulary and its native code must
// neither hold up nor end a worker.
import type { LibraryLlama, LlamaLibrary } from './llama-library.ts';
import type { LlamaAsk, LlamaEvent, LlamaFile, LlamaProblem, ToLlama } from './llama-messages.ts';
import { LoadedModel, SchemaUnusable, TooLong } from './loaded-model.ts';

class Unusable extends Error {
  readonly problem: LlamaProblem;

  constructor(problem: LlamaProblem, cause: unknown) {
    super(problem, { cause });
    this.problem = problem;
  }
}

interface Loaded {
  readonly library: LlamaLibrary;
  readonly llama: LibraryLlama;
}

let library: Promise<Loaded> | undefined;
const models = new Map<string, Promise<LoadedModel>>();
const atWork = new Map<number, AbortController>();

async function loadLibrary(): Promise<Loaded> {
  try {
    const loaded = (await import(process.argv[2]!)) as LlamaLibrary;
    const llama = await loaded.getLlama({
      gpu: 'auto',
      build: 'never',
      skipDownload: true,
      logLevel: 'disabled',
      progressLogs: false,
    });
    return { library: loaded, llama };
  } catch (error) {
    throw new Unusable('library', error);
  }
}

async function load({ path, gpu = true }: LlamaFile): Promise<LoadedModel> {
  library ??= loadLibrary();
  const { library: loaded, llama } = await library;
  try {
    return new LoadedModel(loaded, llama, await llama.loadModel({ modelPath: path, gpuLayers: gpu ? 'auto' : 0 }));
  } catch (error) {
    throw new Unusable('file', error);
  }
}

/** One for each file and where it computes; a load that failed is tried again at the next ask. */
function modelOf(file: LlamaFile): Promise<LoadedModel> {
  const key = JSON.stringify([file.path, file.gpu ?? true]);
  const known = models.get(key);
  if (known) return known;
  const loading = load(file);
  models.set(key, loading);
  loading.catch(() => models.delete(key));
  return loading;
}

async function answer(file: LlamaFile, ask: LlamaAsk, signal: AbortSignal, tell: (event: LlamaEvent) => void) {
  const model = await modelOf(file);
  signal.throwIfAborted();
  switch (ask.kind) {
    case 'describe':
      return model.describe(file.contextTokens);
    case 'count':
      return model.count(ask.texts);
    case 'chat':
      return model.chat(ask.chat, file.contextTokens, signal, tell);
    case 'embed':
      return model.embed(ask.text, signal);
  }
}

function problemOf(error: unknown, signal: AbortSignal): LlamaEvent {
  const detail = error instanceof Error ? `${error.message} ${error.cause ?? ''}` : String(error);
  let problem: LlamaProblem = 'failed';
  if (signal.aborted) problem = 'aborted';
  else if (error instanceof Unusable) problem = error.problem;
  else if (error instanceof TooLong) problem = 'too-long';
  else if (error instanceof SchemaUnusable) problem = 'schema';
  return { kind: 'problem', problem, detail: detail.slice(0, 2000) };
}

process.on('message', (message: ToLlama) => {
  if ('abort' in message) {
    atWork.get(message.id)?.abort();
    return;
  }
  const { id, file, ask } = message;
  const controller = new AbortController();
  const tell = (event: LlamaEvent) => {
    if (process.connected && !controller.signal.aborted) process.send!({ id, event });
  };
  const end = (event: LlamaEvent) => {
    atWork.delete(id);
    if (process.connected) process.send!({ id, event });
  };
  atWork.set(id, controller);
  answer(file, ask, controller.signal, tell).then(end, (error: unknown) => end(problemOf(error, controller.signal)));
});
// Without its parent nobody listens.
process.on('disconnect', () => process.exit(0));
