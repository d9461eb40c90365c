// The changes of `init`: each can be shown before it is made, and one that is made already is none.
import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { stringify } from 'yaml';
import { homePaths, userHome } from '../../base/home.ts';
import { makeFolder } from '../../base/make-folder.ts';
import { writePrivate } from '../../base/private-file.ts';
import { loadEdgeConfig } from '../../edge/config/edge-config.ts';
import { setDefault, setModel } from '../../worker/models/models-file.ts';
import { readModels } from '../../worker/models/read-models.ts';
import { modelName } from './choices.ts';
import { allowIn, type Choice, newLines } from './plan.ts';

type Env = Readonly<Record<string, string | undefined>>;

export interface InitChange {
  /** Where. */
  readonly path: string;
  /** What will stand there. */
  readonly lines: readonly string[];
  /** What of the owner's it takes the place of; then it is asked for by itself. */
  readonly replaces?: string;
  readonly make: () => void;
}

const NEWLINE = 0x0a;
const bytesOf = (path: string): Buffer => (existsSync(path) ? readFileSync(path) : Buffer.alloc(0));
const textOf = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');

/** Lets the edge read these folders. */
export function allowChange(home: string, folders: readonly string[]): InitChange[] {
  const { config } = homePaths(home);
  // What is there must be sound, or this would hide what is wrong with it.
  loadEdgeConfig(config);
  const before = textOf(config);
  const after = allowIn(before, folders);
  if (after === undefined) return [];
  const make = () => {
    makeFolder(home);
    writePrivate(config, after, { replace: true });
  };
  return [{ path: config, lines: newLines(before, after), make }];
}

/** Makes a model the one that answers. */
export function modelChange(home: string, { name, entry }: Choice): InitChange[] {
  const known = readModels(home);
  const own = entry === undefined ? name : modelName(name);
  const there = known.models.get(own);
  const same = entry === undefined || (there !== undefined && isDeepStrictEqual({ ...there, ...entry }, { ...there }));
  if (same && known.defaultModel === own) return [];
  const others = known.defaultModel === 'rules' || known.defaultModel === own ? '' : known.defaultModel;
  const lines = [
    `default: ${own}`,
    ...(entry === undefined || same
      ? []
      : stringify({ models: { [own]: entry } })
          .trimEnd()
          .split('\n')),
  ];
  const replaces = [
    !same && there !== undefined ? `the settings of \`${own}\`` : '',
    others && `\`${others}\` as the model that answers`,
  ];
  const make = () => {
    makeFolder(home);
    if (entry !== undefined && !same) setModel(home, own, entry);
    setDefault(home, own);
  };
  const told = replaces.filter(Boolean).join(' and ');
  return [{ path: homePaths(home).models, lines, ...(told ? { replaces: told } : {}), make }];
}

/** `ours`: whether a text is one that this program wrote; `after`: what is done once it is written. */
interface FileOptions {
  readonly ours?: (text: string) => boolean;
  readonly after?: () => void;
}

/** A file of the user; one that others wrote is replaced only after a question. */
export function fileChange(path: string, text: string, { ours, after }: FileOptions = {}): InitChange[] {
  const before = textOf(path);
  if (before === text) return [];
  const make = () => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    after?.();
  };
  const replaces = before === '' || ours?.(before) ? {} : { replaces: 'what stands there' };
  return [{ path, lines: text.trimEnd().split('\n'), ...replaces, make }];
}

/** A line at the end of a file that the user's shell reads. It is added: no byte that stands there is written again. */
export function lineChange(path: string, line: string): InitChange[] {
  const before = bytesOf(path);
  if (`\n${before.toString('latin1')}\n`.includes(`\n${Buffer.from(line).toString('latin1')}\n`)) return [];
  const make = () => {
    mkdirSync(dirname(path), { recursive: true });
    // One write, so that the line is there whole or not at all.
    appendFileSync(path, `${before.length === 0 || before.at(-1) === NEWLINE ? '' : '\n'}${line}\n`);
  };
  return [{ path, lines: [line], make }];
}

/** The name `bowline` on the path of this user. */
export function linkChange(env: Env, launcher: string): InitChange[] {
  const path = join(userHome(env), '.local', 'bin', 'bowline');
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there?.isSymbolicLink() && readlinkSync(path) === launcher) return [];
  const make = () => {
    mkdirSync(dirname(path), { recursive: true });
    rmSync(path, { force: true });
    symlinkSync(launcher, path);
  };
  return [{ path, lines: [`a link to ${launcher}`], ...(there ? { replaces: 'what is there' } : {}), make }];
}
