// A real server with the API of S3, and the optional client of it. Both are installed by `make test-s3`.
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const S3_FOLDER = fileURLToPath(new URL('../../.build/s3', import.meta.url));

/** Why these tests cannot run; empty when they can. */
export const s3Problem = (): string =>
  existsSync(join(S3_FOLDER, 'node_modules/s3rver')) ? '' : 'the client of S3 is not installed; run `make test-s3`';

interface S3rver {
  run(): Promise<{ readonly port: number }>;
  close(): Promise<void>;
}

type S3rverClass = new (options: object) => S3rver;

/** The credentials that the server knows, as the client finds them. */
export const S3_ENV = { AWS_ACCESS_KEY_ID: 'S3RVER', AWS_SECRET_ACCESS_KEY: 'S3RVER' };

/** With one bucket, `blobs`. */
export class S3Server {
  readonly #folder: string;
  #server: S3rver | undefined;
  port = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async start(): Promise<S3Server> {
    const server = new S3Server(await mkdtemp(join(tmpdir(), 'bowline-test-s3-')));
    await server.start();
    return server;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** At the port that it had before. */
  async start(): Promise<void> {
    const S3rver = createRequire(join(S3_FOLDER, 'package.json'))('s3rver') as S3rverClass;
    const options = { address: '127.0.0.1', port: this.port, silent: true, directory: this.#folder };
    this.#server = new S3rver({ ...options, configureBuckets: [{ name: 'blobs' }] });
    this.port = (await this.#server.run()).port;
  }

  /** Of all objects. */
  async names(): Promise<string[]> {
    const files = await readdir(join(this.#folder, 'blobs'), { recursive: true });
    return files.filter((file) => file.endsWith('_object')).map((file) => file.replace(/\._S3rver_object$/, ''));
  }

  async halt(): Promise<void> {
    await this.#server?.close();
    this.#server = undefined;
  }

  async stop(): Promise<void> {
    await this.halt();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
