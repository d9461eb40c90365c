// Streams a run to a watcher: the run, its jobs as they change, its text from the start, and the run again when it ended.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Run } from '../../../../gen/bowline/control/v1/run_service_pb.ts';
import type { Job, TextChunkSchema } from '../../../../gen/bowline/run/v1/run_pb.ts';
import { Channel } from '../../../base/channel.ts';
import type { TextPosition } from '../../../contract/text/latest-text.ts';
import type { OpenFeed, RunFeeds } from '../../dispatch/feeds/run-feeds.ts';
import { jobSignature } from '../../orchestrator/run/job-view.ts';
import { isEnded } from '../../orchestrator/run/state.ts';
import { isUnreadable } from '../../orchestrator/service/unreadable.ts';

/** Bytes of text in one message, about. */
const PIECE = 32 * 1024;

/** What is told of a run. */
export interface RunNews {
  readonly event:
    | { readonly case: 'run'; readonly value: Run }
    | { readonly case: 'job'; readonly value: Job }
    | { readonly case: 'text'; readonly value: Omit<MessageInitShape<typeof TextChunkSchema>, '$typeName'> };
}

export async function* watchRun(
  parts: { feeds: RunFeeds; read: () => Promise<Run>; now: () => number },
  tenant: string,
  run: string,
  signal: AbortSignal,
): AsyncGenerator<RunNews> {
  const first = await parts.read();
  yield { event: { case: 'run', value: first } };
  let open: OpenFeed;
  try {
    open = await parts.feeds.open(tenant, run);
  } catch (error) {
    // Of one that has ended all was said that can be read.
    if (isUnreadable(error) && first.endTime) return;
    throw error;
  }
  const { feed, close } = open;
  const changes = new Channel<void>(1);
  const stop = feed.onChange(() => changes.closed || changes.offer());
  // A handler that waits for a reader who is gone is not called again, so leaving does not rest on it.
  const leave = () => {
    signal.removeEventListener('abort', leave);
    changes.close();
    stop();
    close();
  };
  signal.addEventListener('abort', leave, { once: true });
  if (signal.aborted) leave();
  try {
    const told = new Map<string, string>();
    let at: TextPosition = { job: '', epoch: 0, offset: 0 };
    for (;;) {
      for (const view of feed.jobs(parts.now())) {
        const now = jobSignature(view);
        if (told.get(view.id) === now) continue;
        told.set(view.id, now);
        yield { event: { case: 'job', value: view } };
      }
      for (let text = feed.text; text; text = feed.text) {
        const piece = text.after(at, PIECE);
        if (!piece) break;
        const { job, epoch } = text;
        at = { job, epoch, offset: piece.offset + Buffer.byteLength(piece.text) };
        const value = { job, epoch: BigInt(epoch), offset: BigInt(piece.offset), text: piece.text };
        yield { event: { case: 'text', value } };
      }
      if (isEnded(feed.state)) break;
      if (feed.failed) throw feed.failed;
      if ((await changes.next()).done) return;
    }
    yield { event: { case: 'run', value: await parts.read() } };
  } finally {
    leave();
  }
}
