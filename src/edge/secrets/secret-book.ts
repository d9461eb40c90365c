// The secrets of this box: gives a value to who may have it, and knows all values so that they can be masked. Reads their files again when
// they change; what was a value since the start stays masked. Nothing is built where there are no secrets.
import { statSync } from 'node:fs';
import { causeText } from '../../base/cause-text.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { Secret } from '../../base/secret.ts';
import { readNamedSecret, readSecretOf, secretNamed, secretNames } from '../../base/secret-files.ts';
import { secretProblem } from '../../base/secret-problem.ts';
import { FormMatcher } from './form-matcher.ts';
import { Masker } from './masker.ts';
import { secretForms } from './secret-forms.ts';

export interface SecretPlaces {
  /** Where `bowline secrets set` puts them. */
  readonly folder: string;
  /** Files that config.yaml names instead, by the names of their secrets. */
  readonly files: Readonly<Record<string, string>>;
}

/** How long what is known is trusted: every message that leaves asks. What is handed out is known at once. */
const TRUST_MS = 250;

/** Values that are masked at most: those of now, and earlier ones. */
const MOST_VALUES = 256;

export class SecretBook {
  #places: SecretPlaces;
  readonly #log: Logger;
  /** The files as they were when they were read last. */
  #seen = '';
  /** When that was looked at, in monotonic milliseconds. */
  #at = Number.NEGATIVE_INFINITY;
  readonly #known = new Map<string, string>();
  #matcher: FormMatcher | undefined;
  #masker: Masker | undefined;

  constructor(places: SecretPlaces, log: Logger) {
    this.#places = places;
    this.#log = log;
  }

  /** From now on config.yaml names these files. */
  use(files: SecretPlaces['files']): void {
    this.#places = { ...this.#places, files };
    this.#at = Number.NEGATIVE_INFINITY;
  }

  /** Masks all that is or was a secret; undefined when nothing is. */
  get masker(): Masker | undefined {
    const at = performance.now();
    if (at - this.#at > TRUST_MS) {
      this.#at = at;
      const now = this.#stamp();
      if (now !== this.#seen) this.#readAll();
      this.#seen = now;
    }
    return this.#masker;
  }

  /** The texts with the values of handles in their place; what is no handle stays. @throws SECRET_UNUSABLE */
  given(texts: Readonly<Record<string, string>>): Record<string, string> {
    return Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, this.reveal(text)]));
  }

  /** The value that a handle stands for; any other text is its own. From then on it is masked. @throws SECRET_UNUSABLE */
  reveal(text: string): string {
    const name = secretNamed(text);
    if (name === undefined) return text;
    const value = this.#read(name).reveal();
    this.#know(name, value);
    return value;
  }

  #readAll(): void {
    try {
      for (const name of [...secretNames(this.#places.folder), ...Object.keys(this.#places.files)]) {
        try {
          this.#know(name, this.#read(name).reveal());
        } catch (error) {
          this.#log.warn('a secret cannot be used', { secret: name, problem: causeText(error) });
        }
      }
    } catch (error) {
      this.#log.warn('the secrets of this home cannot be read', { problem: causeText(error) });
    }
  }

  #read(name: string): Secret {
    const file = this.#places.files[name];
    let value: Secret | undefined;
    try {
      value = file === undefined ? readSecretOf(this.#places.folder, name) : readNamedSecret(file);
    } catch (cause) {
      throw unusable(name, causeText(cause), cause);
    }
    const problem = value === undefined ? 'it is not set' : secretProblem(value.reveal());
    if (value === undefined || problem !== undefined) throw unusable(name, problem ?? '');
    return value;
  }

  #know(name: string, value: string): void {
    if (this.#known.has(value)) return;
    if (this.#known.size >= MOST_VALUES) throw unusable(name, `more than ${MOST_VALUES} values since the edge started`);
    this.#known.set(value, name);
    this.#matcher ??= new FormMatcher();
    for (const form of secretForms(value)) this.#matcher.add(name, form);
    this.#masker ??= new Masker(this.#matcher);
  }

  /** Changes when a file is set, replaced or removed. */
  #stamp(): string {
    return [this.#places.folder, ...Object.values(this.#places.files)].map(changed).join(' ');
  }
}

function changed(path: string): string {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    return found ? `${found.ino}.${found.ctimeMs}` : '';
  } catch {
    return '?';
  }
}

const unusable = (name: string, problem: string, cause?: unknown) =>
  new AppError('SECRET_UNUSABLE', { name, problem }, { cause });
