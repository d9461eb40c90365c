// What may stand in config.yaml, by its form. What its places are is judged in edge-config.ts.
import * as v from 'valibot';
import { SECRET_NAME, SECRET_SCHEME, secretNamed } from '../../base/secret-files.ts';
import { EDGE_TABLE, LIMITS } from './edge-settings.ts';
import { lanEntries } from './lan-entry.ts';
import { localModelEntry } from './local-model-entry.ts';
import { noticeEntry } from './notice-entry.ts';

/** A word of a program or of its environment: the system ends it at the first NUL. */
const word = v.pipe(
  v.string(),
  v.check((text) => !text.includes('\0'), 'a NUL character cannot be handed to a program'),
);

/** A word that may be a handle as a whole: a value is put in its place when the command starts. */
const wordOrHandle = v.pipe(
  word,
  v.check(
    (text) => !text.includes(SECRET_SCHEME) || secretNamed(text) !== undefined,
    'the handle of a secret stands alone: `secret://NAME`, with a name of lower-case letters, digits, `_` and `-`',
  ),
);

/** A word of a command line, which others of this machine can read. */
const openWord = v.pipe(
  word,
  v.check(
    (text) => !text.includes(SECRET_SCHEME),
    'a secret is never put among the words of a command, where others can read it: give it by `env` or `stdin`',
  ),
);

const isHandle = (text: string): boolean => secretNamed(text) !== undefined;

const confirm = v.picklist(['never', 'first', 'always']);

/** When the owner is asked: never, at the first call of a run, at each. */
export type Confirm = v.InferOutput<typeof confirm>;

/** Whether a setting stands under `limits` and not at the top. */
const isInside = ({ key }: { readonly key: string }): boolean => key.includes('.');

const raw = ({ kind }: { readonly kind: 'number' | 'choice' }) =>
  v.optional(kind === 'number' ? v.number() : v.string());

/** What may stand in config.yaml. */
export const configSchema = v.strictObject({
  /** Name of the device; default: the name of the machine. */
  name: v.optional(
    v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'use lower-case letters, digits and hyphens')),
  ),
  /** URL of the control plane. */
  control: v.optional(v.pipe(v.string(), v.url())),
  /** Labels of the device, for selectors. */
  labels: v.optional(
    v.record(v.pipe(v.string(), v.regex(/^[a-z][a-z0-9_-]{0,62}$/)), v.pipe(v.string(), v.maxLength(128))),
    {},
  ),
  allow: v.optional(
    v.strictObject({
      /** Folders (or single files) that may be read. */
      read: v.optional(v.array(v.pipe(v.string(), v.minLength(1)))),
      // Patterns below the allowed folders, e.g. `.github` or `docs/.config/app.toml`; secret files stay denied.
      /** What begins with a dot and may be read all the same. */
      hidden: v.optional(v.pipe(v.array(v.pipe(v.string(), v.minLength(1), v.maxLength(512))), v.maxLength(64)), []),
      /** Files that may be written, and folders with all that lies below them; and whether the owner is asked. */
      write: v.optional(v.array(v.strictObject({ path: v.pipe(v.string(), v.minLength(1)), confirm }))),
      /** Commands that may be run, word by word. */
      execute: v.optional(
        v.array(
          v.strictObject({
            argv: v.pipe(v.array(v.pipe(openWord, v.minLength(1))), v.minLength(1), v.maxLength(256)),
            cwd: v.optional(v.string()),
            confirm,
            /** Whether what it prints, and how it ended, may leave the box. */
            output: v.optional(v.picklist(['share', 'withhold']), 'withhold'),
            /** `none`: the command runs as the edge itself and can reach the home, its keys and its socket. */
            isolation: v.optional(v.picklist(['auto', 'none']), 'auto'),
            /** Whether it may use the network. */
            network: v.optional(v.boolean(), false),
            /** More files and folders that it sees, read-only, beside the system's programs, its folder and the paths among its words. */
            read: v.optional(v.array(v.pipe(v.string(), v.minLength(1))), []),
            /** Folders that it may change, in bubblewrap. */
            writes: v.optional(v.pipe(v.array(v.pipe(v.string(), v.minLength(1))), v.maxLength(8)), []),
            /** Whether it is tried on a copy of these folders first, so that the owner says yes to what it changed. */
            preview: v.optional(v.boolean(), false),
            /** Whether the caller may give it standard input; or a handle: then it reads that secret. */
            stdin: v.optional(
              v.union([v.boolean(), v.pipe(v.string(), v.check(isHandle, 'use true, false or `secret://NAME`'))]),
              false,
            ),
            /** Its environment beside PATH and LANG; a value `secret://NAME` stands for a secret. */
            env: v.optional(v.record(v.pipe(v.string(), v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/)), wordOrHandle), {}),
          }),
        ),
      ),
      /** Servers of the local network, and what may be asked of them. */
      lan: v.optional(lanEntries),
    }),
    {},
  ),
  /** Secrets that lie in files of their own, such as mounted ones; `bowline secrets set` keeps the others in the home. */
  secrets: v.optional(
    v.record(
      v.pipe(v.string(), v.regex(SECRET_NAME, 'use a lower-case letter, then lower-case letters, digits, `_` and `-`')),
      v.strictObject({ file: v.pipe(v.string(), v.minLength(1)) }),
    ),
    {},
  ),
  /** A command that tells you that something waits for your yes; `{title}` among its words stands for the title of the run. */
  notify: v.optional(noticeEntry(openWord)),
  /** A model on this box that answers sensitive conversations instead of the rules. */
  local_model: v.optional(localModelEntry),
  // Judged with all other settings (edge-settings.ts); here only that a number is one.
  ...Object.fromEntries(Object.values(EDGE_TABLE.rows).flatMap((row) => (isInside(row) ? [] : [[row.key, raw(row)]]))),
  limits: v.optional(
    v.strictObject(Object.fromEntries(Object.entries(LIMITS).map(([key, row]) => [key, raw(row)]))),
    {},
  ),
});

/** What stands in config.yaml, as it is written. */
export type ConfigTexts = v.InferOutput<typeof configSchema>;
