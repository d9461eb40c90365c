// Where approvals are looked at and answered: the edge of this home, or, where this home has no box and is paired with boxes elsewhere,
// those. The second looks to its callers like the first.
import { setTimeout as wait } from 'node:timers/promises';
import { ConnectError, createClient, createRouterTransport, type ServiceImpl } from '@connectrpc/connect';
import { type Approval, ApprovalState } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { LocalService } from '../../../gen/bowline/local/v1/local_pb.ts';
import { AppError } from '../../base/errors.ts';
import { silentLogger } from '../../base/logger.ts';
import { readPrivate } from '../../base/private-file.ts';
import { fromConnectError } from '../../contract/errors.ts';
import { errorInterceptor } from '../../contract/rpc-errors.ts';
import { controlSide, type GlobalOptions, homeOf, localSide, type Side, translating } from '../client.ts';
import type { CliIo } from '../io.ts';
import { Printer } from '../output.ts';
import { answerFar } from './far-answers.ts';
import type { FarApprovals } from './far-approvals.ts';
import { keepPairedBox, type PairedBox, readPairedBoxes } from './paired-boxes.ts';

/** Between two looks of a watch. */
const LOOK_MS = 2_000;

/** As `localSide`, or what stands for it. */
export async function approvalsSide(io: CliIo, options: GlobalOptions): Promise<Side> {
  const paths = homeOf(io, options);
  const boxes = readPairedBoxes(paths.paired);
  if (boxes.length === 0) return localSide(io, options);
  if (readPrivate(paths.device) !== undefined) {
    const elsewhere = boxes.filter(({ removed }) => !removed).map(({ deviceName }) => deviceName);
    if (elsewhere.length > 0) tellElsewhere(io, elsewhere.join(', '));
    return localSide(io, options);
  }
  const { FarApprovals } = await import('./far-approvals.ts');
  const sides = new Map<string, Side>();
  const controlOf = ({ control }: PairedBox): Side => {
    const url = options.control ?? control;
    const side = sides.get(url) ?? controlSide(io, { ...options, control: url });
    sides.set(url, side);
    return side;
  };
  // The control plane keeps the note of it for some days only.
  const onRemoved = (box: PairedBox) => keepPairedBox(paths.paired, { ...box, removed: true });
  const service = farService(io, new FarApprovals(boxes, controlOf, onRemoved));
  const local = createRouterTransport((router) => router.service(LocalService, service), {
    router: { interceptors: [errorInterceptor(silentLogger)] },
  });
  const transport = translating(local, (error) =>
    error instanceof AppError ? error : fromConnectError(ConnectError.from(error)),
  );
  return {
    transport,
    where: boxes.map(({ deviceName }) => deviceName).join(', '),
    client: (of) => createClient(of, transport),
    close: () => {
      for (const side of sides.values()) side.close();
    },
  };
}

/** Whoever started a box in a home that answered for another one looks at the wrong one. */
function tellElsewhere({ stderr, env }: CliIo, boxes: string): void {
  const text = `this is about the box of this home alone, and not about ${boxes}, though it is paired with this home too: pair a home without a box there, and name it with --home`;
  new Printer(stderr, env).quoted(text, 'yellow');
}

function farService(io: CliIo, far: FarApprovals): Partial<ServiceImpl<typeof LocalService>> {
  const known = async (): Promise<Approval[]> => (await far.all()).map(({ approval }) => approval);
  return {
    async listApprovals({ run, all }) {
      const wanted = (each: Approval) =>
        (all || each.state === ApprovalState.PENDING) && (run === '' || each.run === run);
      return { approvals: (await known()).filter(wanted) };
    },
    async getApproval({ id }) {
      const approval = (await known()).find((each) => each.id.startsWith(id));
      if (!approval) throw new AppError('NOT_FOUND', { kind: 'approval' });
      return { approval };
    },
    previewGrant() {
      throw new AppError('USAGE', { what: 'a lasting grant is made at the box itself; leave --pattern out here' });
    },
    async answerApprovals({ approvals, allow, scope }) {
      return { approvals: await answerFar(io, far, approvals, allow, scope) };
    },
    async *watchApprovals(_, { signal }) {
      const told = new Map<string, string>();
      while (!signal.aborted) {
        for (const approval of await known()) {
          const now = `${approval.state} ${Buffer.from(approval.digest).toString('hex')}`;
          const isNews = told.get(approval.id) !== now;
          const isOld = !told.has(approval.id) && approval.state !== ApprovalState.PENDING;
          told.set(approval.id, now);
          if (isNews && !isOld) yield { approval };
        }
        await wait(LOOK_MS, undefined, { signal }).catch(() => {});
      }
    },
  };
}
