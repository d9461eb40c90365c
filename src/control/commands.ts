// The verb `control`: its flags and help. What it starts is handed in.
import { Command } from 'commander';
import { homeFolder } from '../base/home.ts';
import { type ControlConfig, controlConfig, SETTINGS } from './config.ts';

export type StartControl = (home: string, config: ControlConfig) => Promise<void>;

/** `bowline control`. Flags win over the environment; every setting of the environment is listed in its help. */
export function controlVerb(env: NodeJS.ProcessEnv, start: StartControl): Command {
  const settings = Object.values(SETTINGS)
    .map((setting) => `  ${setting.env.padEnd(26)} ${setting.what} (${setting.fallback})`)
    .join('\n');
  return new Command('control')
    .summary('run the control plane on its own')
    .description('Runs the control plane: on Postgres by --database or DATABASE_URL, else embedded in the home.')
    .option('--host <address>', 'address to listen on; only loopback without TLS (BOWLINE_HOST, 127.0.0.1)')
    .option('--port <number>', 'port to listen on; 0 lets the system choose (BOWLINE_PORT, 7420)', wholeNumber)
    .option('--database <url>', 'Postgres, e.g. postgres://user@host/bowline (DATABASE_URL)')
    .addHelpText(
      'after',
      `
Settings of the environment, with their defaults:
  DATABASE_URL               Postgres; without it the database is embedded in the home
  BOWLINE_LOG_LEVEL          debug, info, warn or error (info)
${settings}

Examples:
  $ bowline control --home /var/lib/bowline --port 7420
  $ DATABASE_URL=postgres://bowline@127.0.0.1/bowline bowline control`,
    )
    .action(async (flags: { host?: string; port?: number; database?: string }, command: Command) => {
      const { home } = command.optsWithGlobals<{ home?: string }>();
      const config = controlConfig(env, {
        ...(flags.host === undefined ? {} : { host: flags.host }),
        ...(flags.port === undefined ? {} : { port: flags.port }),
        ...(flags.database === undefined ? {} : { databaseUrl: flags.database }),
      });
      await start(homeFolder(home, env), config);
    });
}

function wholeNumber(text: string): number {
  const { BOWLINE_PORT } = { BOWLINE_PORT: text };
  return controlConfig({ BOWLINE_PORT }).port;
}
