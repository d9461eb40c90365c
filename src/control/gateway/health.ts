// grpc.health.v1: the overall state is open to all, the state of a single service only to an owner.
import type { ServiceImpl } from '@connectrpc/connect';
import { type Health, HealthCheckResponse_ServingStatus as Status } from '../../../gen/grpc/health/v1/health_pb.ts';
import { Channel } from '../../base/channel.ts';
import { AppError } from '../../base/errors.ts';
import { ownerOf } from './call-principal.ts';

/** States of services by full name; the empty name is the whole. */
export class HealthBoard {
  readonly #states = new Map<string, boolean>([['', false]]);
  readonly #whys = new Map<string, string>();
  readonly #watchers = new Set<() => void>();

  /** @param why it does not serve, in words; told to owners only */
  set(service: string, serving: boolean, why?: string): void {
    if (serving || why === undefined) this.#whys.delete(service);
    else this.#whys.set(service, why);
    if (this.#states.get(service) === serving) return;
    this.#states.set(service, serving);
    for (const watcher of this.#watchers) watcher();
  }

  /** Why a service does not serve; undefined where it does. */
  whyNot(service: string): string | undefined {
    return this.#states.get(service) === false ? (this.#whys.get(service) ?? 'no reason is known') : undefined;
  }

  get(service: string): boolean | undefined {
    return this.#states.get(service);
  }

  services(): string[] {
    return [...this.#states.keys()];
  }

  watch(changed: () => void): () => void {
    this.#watchers.add(changed);
    return () => this.#watchers.delete(changed);
  }
}

const status = (serving: boolean | undefined): Status =>
  serving === undefined ? Status.SERVICE_UNKNOWN : serving ? Status.SERVING : Status.NOT_SERVING;

export function healthService(board: HealthBoard): ServiceImpl<typeof Health> {
  return {
    check(request, context) {
      if (request.service !== '') ownerOf(context);
      const serving = board.get(request.service);
      if (serving === undefined) throw new AppError('NOT_FOUND', { kind: 'service' });
      return { status: status(serving) };
    },
    list(_request, context) {
      ownerOf(context);
      const names = board.services();
      return { statuses: Object.fromEntries(names.map((name) => [name, { status: status(board.get(name)) }])) };
    },
    async *watch(request, context) {
      if (request.service !== '') ownerOf(context);
      const changes = new Channel<void>(1);
      const stop = board.watch(() => changes.closed || changes.offer());
      const leave = () => {
        stop();
        changes.close();
      };
      context.signal.addEventListener('abort', leave, { once: true });
      if (context.signal.aborted) leave();
      try {
        let last: Status | undefined;
        for (;;) {
          const now = status(board.get(request.service));
          if (now !== last) yield { status: now };
          last = now;
          if ((await changes.next()).done) return;
        }
      } finally {
        context.signal.removeEventListener('abort', leave);
        leave();
      }
    },
  };
}
