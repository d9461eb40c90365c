// What the owner allows, by config.yaml as it is now: read again after each edit, with the difference in the log and in the journal. While
// it cannot be used nothing is allowed.
import { causeText } from '../../base/cause-text.ts';
import { AppError } from '../../base/errors.ts';
import { homePaths } from '../../base/home.ts';
import { Allowlist } from '../../edge/allowlist/allowlist.ts';
import { configChanges, configDigest, limitsInForce } from '../../edge/config/config-changes.ts';
import { type EdgeConfig, loadEdgeConfig } from '../../edge/config/edge-config.ts';
import type { EdgeLimits } from '../../edge/config/edge-settings.ts';
import { headerSecret } from '../../edge/config/lan-entry.ts';
import { type FileReading, LiveFile } from '../../edge/config/live-file.ts';
import { wideRoots } from '../../edge/config/wide-roots.ts';
import { ShareResolver } from '../../edge/grants/share-resolver.ts';
import type { EdgeJournal } from '../../edge/journal/edge-journal.ts';
import type { SecretBook } from '../../edge/secrets/secret-book.ts';
import { boxTools } from '../../edge/sensitive/open-sensitive.ts';
import { type CommandIsolation, findIsolation } from '../../edge/tools/shell/isolation.ts';
import { findPreviewProblem } from '../../edge/tools/shell/preview/find-preview.ts';
import type { ToolParts } from '../../edge/tools/tool.ts';
import type { ToolSource, ToolsInForce } from '../../edge/tools/tool-source.ts';
import { type ServedTool, toolset } from '../../edge/tools/toolset.ts';
import { bothNames } from './both-names.ts';
import type { EdgeGround } from './options.ts';

/** By one reading. Never changed: an edit makes another one. */
export interface Permissions {
  readonly config: EdgeConfig;
  readonly limits: EdgeLimits;
  readonly allow: Allowlist;
  readonly shares: ShareResolver;
  readonly tools: ToolsInForce;
  /** Those of sensitive runs. */
  readonly boxTools: ToolsInForce;
}

export interface PermissionParts {
  readonly journal: Pick<EdgeJournal, 'append'>;
  readonly secrets: SecretBook;
  /** Real paths that no configuration opens. */
  readonly denied: readonly string[];
  /** What the tools are made of beside. */
  readonly tools: Omit<ToolParts, 'allow' | 'limits' | 'isolation' | 'preview'>;
  readonly previews: ToolParts['preview']['store'];
}

/** Told after each edit that was read. */
type Listener = () => void;

export class LivePermissions {
  readonly #live: LiveFile<Permissions>;
  readonly #listeners: Listener[];

  private constructor(live: LiveFile<Permissions>, listeners: Listener[]) {
    this.#live = live;
    this.#listeners = listeners;
  }

  static async open(ground: EdgeGround, parts: PermissionParts): Promise<LivePermissions> {
    const listeners: Listener[] = [];
    const book = new ReadingBook(ground, parts);
    const live = await LiveFile.open({
      file: homePaths(ground.home).config,
      clock: ground.clock,
      read: reader(ground, parts),
      onRead: (now) => {
        if (book.note(now)) for (const listener of listeners) listener();
      },
    });
    ground.life.onStop('watch of config.yaml', async () => live.stop());
    return new LivePermissions(live, listeners);
  }

  onChange(listener: Listener): void {
    this.#listeners.push(listener);
  }

  /** Those of now, after every edit that was finished before. @throws CONFIG_INVALID and what else stands in the way of reading it */
  current(): Promise<Permissions> {
    return this.#live.current();
  }

  /** As it could be read last. Only for what allows nothing. */
  get last(): Permissions {
    return this.#live.last;
  }

  /** Why nothing is allowed now. */
  get problem(): AppError | undefined {
    return this.#live.problem;
  }

  /** For the control plane. */
  get tools(): ToolSource {
    return this.#source(({ tools }) => tools);
  }

  /** For sensitive runs. */
  get boxTools(): ToolSource {
    return this.#source((permissions) => permissions.boxTools);
  }

  #source(toolsOf: (permissions: Permissions) => ToolsInForce): ToolSource {
    const live = this.#live;
    return {
      get methods() {
        return [...toolsOf(live.last).values()].map(({ method }) => method);
      },
      isCurrent: (tools) => toolsOf(live.last) === tools && live.isCurrent(live.last),
      current: async (signal) => {
        try {
          return toolsOf(await live.current(signal));
        } catch (error) {
          if (signal.aborted) throw error;
          throw new AppError('PERMISSIONS_UNKNOWN', { problem: causeText(error) }, { cause: error });
        }
      },
    };
  }
}

function reader(ground: EdgeGround, { secrets, denied, tools, previews }: PermissionParts) {
  const { home, allow: allowed, allowWrite = [], settings = [], log, config: atStart } = ground;
  const isolationOf = once(() => findIsolationHere(ground));
  const previewProblem = once(async () => {
    const problem = await findPreviewProblem(await isolationOf());
    if (problem) log.warn('commands with `preview` are asked for without one', { problem });
    return problem;
  });
  return async (): Promise<Permissions> => {
    const config = loadEdgeConfig(homePaths(home).config, { allow: allowed, allowWrite, settings });
    const allow = new Allowlist(config, [...denied, ...Object.values(config.secrets).flatMap(bothNames)]);
    const limits = limitsInForce(atStart.limits, config.limits);
    const isApart = config.execute.some((entry) => entry.isolation === 'auto');
    const isolation = isApart ? await isolationOf() : undefined;
    const problem = config.execute.some((entry) => entry.preview) ? await previewProblem() : '';
    secrets.use(config.secrets);
    const all = { ...tools, allow, limits, isolation, preview: { store: previews, problem } };
    // Made when the first is asked.
    let box: ToolsInForce | undefined;
    return {
      config,
      limits,
      allow,
      shares: new ShareResolver(allow, limits, tools.texts),
      tools: byName(toolset(all)),
      get boxTools() {
        box ??= byName(boxTools(all));
        return box;
      },
    };
  };
}

const byName = (served: readonly ServedTool[]): ToolsInForce =>
  new Map(served.map((one) => [one.method.fullName, one]));

/** What keeps commands apart. */
async function findIsolationHere({ home, config, log }: EdgeGround): Promise<CommandIsolation | undefined> {
  const isolation = await findIsolation(home, config.commandUid);
  if (!isolation)
    log.warn('nothing here keeps a command apart from the home and from other commands: they are refused', {
      remedy: 'install bubblewrap, or run the edge as root with setpriv and unshare',
    });
  return isolation;
}

function once<T>(find: () => Promise<T>): () => Promise<T> {
  let found: Promise<T> | undefined;
  return () => {
    found ??= find();
    return found;
  };
}

/** Lines of one record. */
const MOST_LINES = 64;

/** Says in the log and in the journal what each reading changed. */
class ReadingBook {
  readonly #ground: EdgeGround;
  readonly #parts: Pick<PermissionParts, 'journal' | 'secrets'>;
  #config: EdgeConfig;
  /** What was written down last, in hex. */
  #digest = '';
  #problem = '';

  constructor(ground: EdgeGround, parts: PermissionParts) {
    this.#ground = ground;
    this.#parts = parts;
    this.#config = ground.config;
  }

  /** Returns whether it says something else than before. */
  note(now: FileReading<Permissions>): boolean {
    return 'problem' in now ? this.#unusable(now.problem) : this.#says(now.value.config);
  }

  #unusable({ message }: AppError): boolean {
    if (message === this.#problem) return false;
    this.#ground.log.error(`config.yaml cannot be used, so nothing is allowed until it is mended: ${message}`);
    if (this.#problem === '') this.#write(new Uint8Array(), []);
    this.#problem = message;
    this.#digest = '';
    return true;
  }

  #says(config: EdgeConfig): boolean {
    const { log, home } = this.#ground;
    const digest = configDigest(config);
    const hex = Buffer.from(digest).toString('hex');
    if (hex === this.#digest) return false;
    if (this.#problem !== '') log.info('config.yaml can be used again');
    this.#problem = '';
    const changes = configChanges(this.#config, config).map(({ text, atRestart }) =>
      atRestart ? `${text}; this counts after the next start` : text,
    );
    for (const text of changes) log.info(`config.yaml: ${text}`);
    if (changes.length > 0) for (const warning of wideRoots(config.roots, home)) log.warn(warning);
    this.#warnOfSecrets(config);
    this.#write(digest, changes);
    this.#digest = hex;
    this.#config = config;
    return true;
  }

  /** Tells which commands and requests are refused for want of a secret. */
  #warnOfSecrets({ execute, lan }: EdgeConfig): void {
    for (const { argv, env, stdin } of execute)
      this.#warnOf('a command is refused until its secret can be used', { command: argv[0] ?? '' }, [
        ...Object.values(env),
        String(stdin),
      ]);
    for (const { name, headers } of lan)
      this.#warnOf(
        'requests to a server are refused until their secret can be used',
        { server: name },
        Object.values(headers).map((value) => headerSecret(value)?.handle ?? ''),
      );
  }

  #warnOf(what: string, whose: Readonly<Record<string, string>>, texts: readonly string[]): void {
    for (const text of texts) {
      try {
        this.#parts.secrets.reveal(text);
      } catch (error) {
        this.#ground.log.warn(what, { ...whose, problem: causeText(error) });
      }
    }
  }

  /** What counts does not wait for it: an edit that allows less must count also where the journal takes nothing. */
  #write(sha256: Uint8Array, changes: readonly string[]): void {
    const more = changes.length - MOST_LINES;
    const told = more > 0 ? [...changes.slice(0, MOST_LINES - 1), `and ${more + 1} more`] : [...changes];
    this.#parts.journal
      .append([{ case: 'configRead', value: { sha256, changes: told } }])
      .catch((error: unknown) =>
        this.#ground.log.warn('that the configuration was read could not be journaled', { problem: causeText(error) }),
      );
  }
}
