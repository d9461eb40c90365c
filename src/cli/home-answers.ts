// What both sides of a home say of themselves, or why one says nothing.
import {
  type GetStatusResponse as ControlStatus,
  StatusService,
} from '../../gen/bowline/control/v1/status_service_pb.ts';
import { type GetStatusResponse as EdgeStatus, LocalService } from '../../gen/bowline/local/v1/local_pb.ts';
import { controlAddress } from '../base/control-address.ts';
import { dialHomeSocket } from '../contract/channel/home-socket.ts';
import { toAppError } from '../contract/errors.ts';
import { controlSide, type GlobalOptions, homeOf, localSide, type Side, using } from './client.ts';
import type { SideAnswer } from './home-health.ts';
import type { CliIo } from './io.ts';
import { isReady } from './is-ready.ts';
import { telling, UNTOLD } from './told-wait.ts';

/** How long one side may take. */
const LIMIT_MS = 5_000;

/** The answer lacks a key that is taken; whoever asked may still be there. */
const OF_THE_KEY: ReadonlySet<string> = new Set([
  'OWNER_KEY_MISSING',
  'SECRET_FILE_UNSAFE',
  'UNAUTHENTICATED',
  'CONTROL_PIN_MISSING',
]);

export type AnswerOfSide<T> = SideAnswer<T> & { readonly where?: string };

export interface HomeAnswers {
  readonly edge: AnswerOfSide<EdgeStatus>;
  readonly control: AnswerOfSide<ControlStatus>;
}

/** Asks both at once, and tells it where that takes long; throws nothing. */
export async function homeAnswers(given: CliIo, options: GlobalOptions): Promise<HomeAnswers> {
  return await telling(given, 'asking the edge and the control plane how they are', () =>
    bothAnswers({ ...given, waitsOn: UNTOLD }, options),
  );
}

async function bothAnswers(io: CliIo, options: GlobalOptions): Promise<HomeAnswers> {
  const [edge, control] = await Promise.all([
    answer(
      () => localSide(io, options),
      (side) => side.client(LocalService).getStatus({}, { timeoutMs: LIMIT_MS }),
      () => edgeAlive(io, options),
    ),
    answer(
      () => controlSide(io, options),
      (side) => side.client(StatusService).getStatus({}, { timeoutMs: LIMIT_MS }),
      () => controlAlive(io, options),
    ),
  ]);
  return { edge, control };
}

/**
 * @param alive says that it answers, without a key; undefined when it does not
 */
async function answer<T>(
  open: () => Side,
  ask: (side: Side) => Promise<T>,
  alive: () => Promise<string | undefined>,
): Promise<AnswerOfSide<T>> {
  try {
    return await using(open(), async (side) => ({ where: side.where, status: await ask(side) }));
  } catch (error) {
    const problem = toAppError(error);
    const found = OF_THE_KEY.has(problem.reason) ? await alive().catch(() => undefined) : undefined;
    return { problem, alive: found };
  }
}

async function controlAlive(io: CliIo, options: GlobalOptions): Promise<string | undefined> {
  const { answered, what } = await isReady(
    controlAddress({ flag: options.control, env: io.env, paths: homeOf(io, options), joined: true }),
    LIMIT_MS,
  );
  return answered ? what : undefined;
}

async function edgeAlive(io: CliIo, options: GlobalOptions): Promise<string | undefined> {
  const { socket } = homeOf(io, options);
  (await dialHomeSocket(socket)).destroy();
  return `runs, and listens on ${socket}`;
}
