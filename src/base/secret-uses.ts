// Which secrets config.yaml speaks of: those that lie in files of their own, and the commands that get one. It reads no secret.
import * as v from 'valibot';
import { readConfig } from './config-file.ts';
import { SECRET_SCHEME, secretNamed } from './secret-files.ts';

/** What gets a secret: a command, or a server of the local network. */
export interface SecretUse {
  readonly name: string;
  /** The words of its entry; of a server `lan` and the name of the entry. */
  readonly argv: readonly string[];
  /** A variable of its environment, or the name of a header; or undefined: its standard input. */
  readonly variable: string | undefined;
}

export interface ConfiguredSecrets {
  /** As config.yaml says them, by name. */
  readonly files: Readonly<Record<string, string>>;
  readonly uses: readonly SecretUse[];
}

const schema = v.looseObject({
  secrets: v.optional(v.record(v.string(), v.looseObject({ file: v.string() })), {}),
  allow: v.optional(
    v.looseObject({
      execute: v.optional(
        v.array(
          v.looseObject({
            argv: v.array(v.string()),
            env: v.optional(v.record(v.string(), v.string()), {}),
            stdin: v.optional(v.union([v.boolean(), v.string()]), false),
          }),
        ),
        [],
      ),
      lan: v.optional(
        v.array(v.looseObject({ name: v.string(), headers: v.optional(v.record(v.string(), v.string()), {}) })),
        [],
      ),
    }),
    {},
  ),
});

/** Throws CONFIG_INVALID. */
export function configuredSecrets(configFile: string): ConfiguredSecrets {
  const { secrets, allow } = readConfig(configFile, schema).value;
  const uses = allow.execute?.flatMap(({ argv, env, stdin }) => {
    const texts = [...Object.entries(env), [undefined, String(stdin)] as const];
    return texts.flatMap(([variable, text]) => {
      const name = secretNamed(text);
      return name === undefined ? [] : [{ name, argv, variable }];
    });
  });
  const sent = allow.lan?.flatMap(({ name: entry, headers }) =>
    Object.entries(headers).flatMap(([variable, text]) => {
      const name = secretNamed(text.slice(Math.max(text.indexOf(SECRET_SCHEME), 0)));
      return name === undefined ? [] : [{ name, argv: ['lan', entry], variable }];
    }),
  );
  return {
    files: Object.fromEntries(Object.entries(secrets).map(([name, { file }]) => [name, file])),
    uses: [...(uses ?? []), ...(sent ?? [])],
  };
}
