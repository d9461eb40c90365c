// A throw-away copy of a few files of this repository, in which a test plants a violation. Must not touch the tree itself.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

/** The root of the checkout under test. */
export const ROOT = join(import.meta.dirname, '../..');

/** How a command ended, and both its outputs in one text. */
export interface Ended {
  readonly status: number | null;
  readonly output: string;
}

/** A folder that goes when the test ends. */
export class Workspace {
  readonly dir: string;

  /** Copies the named files and folders of the checkout; the packages are linked. */
  constructor(...paths: string[]) {
    this.dir = realpathSync(mkdtempSync(join(tmpdir(), 'bowline-tooling-')));
    onTestFinished(() => rmSync(this.dir, { recursive: true, force: true }));
    for (const path of paths) cpSync(join(ROOT, path), join(this.dir, path), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(this.dir, 'node_modules'));
  }

  /** Writes one file, with its folders. */
  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.dir, path)), { recursive: true });
    writeFileSync(join(this.dir, path), text);
  }

  /** Removes a file or folder. */
  remove(path: string): void {
    rmSync(join(this.dir, path), { recursive: true });
  }

  /** Runs a command in the folder, or in `cwd`; `env` is added to the test's own. Ends it after a minute. */
  run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}, cwd = this.dir): Ended {
    const path = `${join(ROOT, 'node_modules/.bin')}:${process.env.PATH}`;
    const options = { cwd, encoding: 'utf8', timeout: 180_000, env: { ...process.env, PATH: path, ...env } } as const;
    const ended = spawnSync(command, args, options);
    if (ended.error !== undefined) throw ended.error;
    return { status: ended.status, output: ended.stdout + ended.stderr };
  }

  /** Runs git here, as nobody in particular; fails the test if git does. */
  git(...args: string[]): void {
    const who = ['-c', 'user.name=test', '-c', 'user.email=test@localhost', '-c', 'init.defaultBranch=main'];
    const ended = this.run('git', [...who, ...args]);
    if (ended.status !== 0) throw new Error(`git ${args.join(' ')}: ${ended.output}`);
  }
}
