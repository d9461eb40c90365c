// Looks for what the first configuration could be made of: folders with notes, a model server, keys of providers. It reads names
// and answers only; it changes nothing.
import { type Dirent, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { userHome } from '../../base/home.ts';

type Env = Readonly<Record<string, string | undefined>>;

export interface FoundFolder {
  readonly path: string;
  /** Files that look like text of a person, as far as was looked. */
  readonly texts: number;
}

export interface Found {
  readonly folders: readonly FoundFolder[];
  readonly ollama: { readonly url: string; readonly models: readonly string[] } | undefined;
  /** Providers whose key is in the environment. */
  readonly keys: readonly (keyof typeof PROVIDER_KEYS)[];
}

export const PROVIDER_KEYS = { anthropic: 'ANTHROPIC_API_KEY', openai: 'OPENAI_API_KEY' } as const;

/** Where people keep notes, below their own folder. */
const USUAL = [
  'notes',
  'Notes',
  'notebook',
  'Obsidian',
  'obsidian',
  'vault',
  'Zettelkasten',
  'wiki',
  'org',
  'Documents/notes',
  'Documents/Notes',
  'Documents',
  '笔记',
  '文档',
];
const TEXT = /\.(?:md|markdown|txt|org|rst|adoc|tex|pdf|docx|odt|html?)$/i;
/** Names looked at in one folder: enough to tell one with notes from one without. */
const MOST_NAMES = 2_000;
const OLLAMA_MS = 1_000;

export async function find(env: Env): Promise<Found> {
  return {
    folders: foldersIn(userHome(env), env),
    ollama: await ollamaAt(ollamaUrl(env)),
    keys: (Object.keys(PROVIDER_KEYS) as (keyof typeof PROVIDER_KEYS)[]).filter((name) =>
      env[PROVIDER_KEYS[name]]?.trim(),
    ),
  };
}

function foldersIn(home: string, env: Env): FoundFolder[] {
  const names = [...USUAL.map((name) => join(home, name)), ...documentsOf(home, env)];
  const seen = new Set<string>();
  const found = names.flatMap((path) => {
    if (seen.has(path) || !existsSync(path)) return [];
    seen.add(path);
    const texts = textsIn(path);
    return texts > 0 ? [{ path, texts }] : [];
  });
  // A folder that is offered holds what lies below it.
  return found.filter(
    ({ path }) =>
      !found.some((other) => other.path !== path && path.startsWith(`${other.path}/`) && other.texts <= 500),
  );
}

/** The documents folder, as the desktop names it. */
function documentsOf(home: string, env: Env): string[] {
  const file = join(env.XDG_CONFIG_HOME || join(home, '.config'), 'user-dirs.dirs');
  try {
    const [, path] = /^XDG_DOCUMENTS_DIR="\$HOME\/([^"\n]+)"/m.exec(readFileSync(file, 'utf8')) ?? [];
    return path === undefined ? [] : [join(home, path)];
  } catch {
    return [];
  }
}

function textsIn(folder: string): number {
  let texts = 0;
  let looked = 0;
  const open = [folder];
  for (let next = open.shift(); next !== undefined && looked < MOST_NAMES; next = open.shift()) {
    for (const entry of entriesOf(next)) {
      if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
      looked++;
      if (entry.isDirectory()) open.push(join(next, entry.name));
      else if (entry.isFile() && TEXT.test(entry.name)) texts++;
    }
  }
  return texts;
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

/** As Ollama's own programs read OLLAMA_HOST. */
function ollamaUrl(env: Env): string {
  const told = env.OLLAMA_HOST?.trim() || '127.0.0.1:11434';
  const url = told.includes('://') ? told : `http://${told}`;
  return (/:\d+\/?$/.test(url) ? url : `${url}:11434`).replace(/\/$/, '').replace('//0.0.0.0:', '//127.0.0.1:');
}

async function ollamaAt(url: string): Promise<Found['ollama']> {
  try {
    const response = await fetch(`${url}/api/tags`, { signal: AbortSignal.timeout(OLLAMA_MS), redirect: 'error' });
    if (!response.ok) return undefined;
    const { models } = (await response.json()) as { models?: { name?: unknown }[] };
    const names = (models ?? []).flatMap(({ name }) => (typeof name === 'string' ? [name] : []));
    return { url, models: names.filter((name) => !/embed|bge|minilm/i.test(name)) };
  } catch {
    return undefined;
  }
}
