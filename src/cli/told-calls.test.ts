// A call that takes long says whom it waits for and why; it is given up when the other side could not answer for too long, and then only.
import { Code, ConnectError, createClient, createRouterTransport } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { RetrievalService } from '../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { AppError } from '../base/errors.ts';
import { type ToldCallsOptions, toldCalls } from './told-calls.ts';

const FULL = new AppError('CONTROL_DISK_FULL', { folder: '/资料', free: '0 MB' });

interface Told {
  readonly look: () => Promise<AppError | undefined>;
  /** Called when something was told; when it resolves the other side answers. */
  readonly answer?: (told: string[]) => boolean;
  readonly timeoutMs?: number;
  readonly tellsProgress?: boolean;
}

/** What was told, and the reason with which the call ended. */
async function called({ look, answer = () => false, timeoutMs, tellsProgress = false }: Told) {
  const told: string[] = [];
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const inner = createRouterTransport(({ service }) =>
    service(RetrievalService, {
      listCollections: async (_request, { signal }) => {
        await Promise.race([released, new Promise((resolve) => signal.addEventListener('abort', resolve))]);
        if (signal.aborted) throw new ConnectError('over', Code.DeadlineExceeded);
        return {};
      },
    }),
  );
  const stderr = {
    write: (text: string) => {
      told.push(text.trimEnd());
      if (answer(told)) release();
    },
  };
  const options: ToldCallsOptions = {
    io: { env: {}, stderr, tellsProgress },
    where: 'there',
    look,
    quietMs: 1,
    lookMs: 5,
    giveUpMs: 20,
  };
  const service = createClient(RetrievalService, toldCalls(inner, options));
  const ended = await service.listCollections({}, timeoutMs === undefined ? {} : { timeoutMs }).then(
    () => 'answered',
    (error: unknown) => ConnectError.from(error).cause ?? error,
  );
  return { told, ended };
}

test('what stands in the way is told once, and the call is given up with it', async () => {
  const { told, ended } = await called({ look: async () => FULL });
  expect(told).toEqual(['waiting for an answer from there', `waiting for an answer from there: ${FULL.message}`]);
  expect(ended).toMatchObject({ reason: 'NO_ANSWER', exit: 7 });
  expect((ended as AppError).message).toContain(FULL.message);
});

test('where it is told how far it is, only what stands in the way is told beside that', async () => {
  const { told, ended } = await called({ look: async () => FULL, tellsProgress: true });
  expect(told).toEqual([`waiting for an answer from there: ${FULL.message}`]);
  expect(ended).toMatchObject({ reason: 'NO_ANSWER' });
});

test('a side that says nothing of itself either is given up, too', async () => {
  const { ended } = await called({ look: () => Promise.reject(new Error('silent')) });
  expect((ended as AppError).message).toContain('it does not say how it is either');
});

test('a call that only takes its time is waited for, for longer than that', async () => {
  let looks = 0;
  const { told, ended } = await called({
    look: async () => (++looks < 12 ? undefined : FULL),
    answer: (lines) => lines.length > 1,
  });
  expect(told).toHaveLength(2);
  expect(ended).toBe('answered');
});

test('the end of its own time is told as that', async () => {
  const { ended } = await called({ look: async () => undefined, timeoutMs: 30 });
  expect(ended).toMatchObject({ reason: 'NO_ANSWER' });
});
