// What may be read and run for the control plane: the grants, the gate that judges all that leaves, and the runner with its tools.
import { realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { causeText } from '../../base/cause-text.ts';
import { homePaths } from '../../base/home.ts';
import type { Logger } from '../../base/logger.ts';
import { makeFolder } from '../../base/make-folder.ts';
import { ApprovalDesk } from '../../edge/approvals/approval-desk.ts';
import { CallGrants } from '../../edge/approvals/call-grants.ts';
import { ApprovalNotice } from '../../edge/approvals/notice.ts';
import { KeptChanges } from '../../edge/changes/kept-changes.ts';
import { Undoing } from '../../edge/changes/undo.ts';
import type { EdgeConfig } from '../../edge/config/edge-config.ts';
import { Gate } from '../../edge/egress/gate.ts';
import { FileTexts } from '../../edge/files/file-text.ts';
import { shareRecords } from '../../edge/grants/asked-shares.ts';
import { Grants } from '../../edge/grants/grants.ts';
import { openBlobs } from '../../edge/journal/blobs.ts';
import { DayCap } from '../../edge/journal/day-cap.ts';
import { InHand, machineBoot } from '../../edge/runner/in-hand.ts';
import { ToolRunner } from '../../edge/runner/runner.ts';
import { SecretBook } from '../../edge/secrets/secret-book.ts';
import { OwnTexts } from '../../edge/tools/fs/change/own-texts.ts';
import { Temporaries } from '../../edge/tools/fs/change/temporaries.ts';
import { systemLookUp } from '../../edge/tools/lan/find-address.ts';
import { restoreOrigins } from '../../edge/tools/restore-origins.ts';
import { Previews } from '../../edge/tools/shell/preview/previews.ts';
import { openEarlierShares } from './open-earlier-shares.ts';
import { openReader } from './open-reader.ts';
import type { EdgeGround } from './options.ts';
import { openOwnerDesk } from './owner-desk.ts';
import { LivePermissions } from './permissions.ts';
import type { Journaled } from './start-journal.ts';

export type Tools = Awaited<ReturnType<typeof openTools>>;

/** Gives the calls that an earlier start left behind their answers. */
export async function openTools(ground: EdgeGround, journaled: Journaled) {
  const { home, config, bootId, clock, log } = ground;
  const { journal, ownRuns, suspects, refused, facts } = journaled;
  const { limits } = config;
  const paths = homePaths(home);
  const grants = new Grants({ clock, log, journal, lifeMs: limits.share_minutes * 60_000 });
  const piped = await openEarlierShares(ground, journaled, grants);
  const secrets = new SecretBook({ folder: paths.secrets, files: config.secrets }, log);
  ground.onSecrets?.(secrets);
  let limitsNow = () => limits;
  const day = new DayCap({
    left: journal.days.all(),
    now: () => journal.now(),
    limit: () => limitsNow().egress_day_bytes,
  });
  const gate = new Gate(grants, day, () => secrets.masker);
  const { previews, commitEnds } = await openPreviews(ground, journaled);
  const reader = openReader(config, clock);
  ground.life.onStop('reader of documents', () => reader.close());
  const texts = new FileTexts(reader, () => secrets.masker);
  const { changes, blobs: keptBlobs } = await openChanges(ground, journaled);
  const ownTexts = new OwnTexts();
  const now = () => journal.now();
  const permissions = await LivePermissions.open(ground, {
    journal,
    secrets,
    previews,
    denied: denied(paths.home, paths.socket),
    tools: { grants, ownRuns, piped, facts, texts, changes, ownTexts, clock, now, secrets, lookUp: systemLookUp },
  });
  limitsNow = () => permissions.last.limits;
  const allowNow = () => permissions.last.allow;
  const undoing = new Undoing({ allow: allowNow, book: journal.changes, changes, blobs: keptBlobs, log });
  const blobs = await openBlobs(paths.blobs);
  const { desk, callGrants } = openDesk(ground, journaled, permissions, grants);
  giveNotices(ground, journaled, permissions);
  const inHand = openInHand(ground);
  const runnerParts = {
    journal,
    blobs,
    desk,
    callGrants,
    bootId,
    inHand,
    commitEnds,
    suspects,
    refused,
    limits,
    clock,
    log,
    restore: async () => restoreOrigins(await configNow(permissions)),
  };
  const runner = new ToolRunner({
    ...runnerParts,
    gate,
    tools: permissions.tools,
    ...(ground.telemetry && { onCall: ground.telemetry.called }),
  });
  await recoverCalls(runner, log);
  desk.start();
  const owners = openOwnerDesk(ground, journal, gate, desk);
  return {
    grants,
    piped,
    gate,
    day,
    permissions,
    runner,
    desk,
    callGrants,
    undoing,
    owners,
    secrets,
    runnerParts,
  };
}

/** Nothing while the configuration cannot be used. */
const configNow = (permissions: LivePermissions): Promise<Pick<EdgeConfig, 'execute' | 'lan'>> =>
  permissions.current().then(
    ({ config }) => config,
    () => ({ execute: [], lan: [] }),
  );

/** What asks the owner, and the way of the answers. */
function openDesk(
  { clock, log, life }: EdgeGround,
  { journal, open }: Journaled,
  permissions: LivePermissions,
  grants: Grants,
) {
  const callGrants = new CallGrants({ journal, clock, log });
  const desk = new ApprovalDesk({
    journal,
    grants: callGrants,
    shares: shareRecords(grants),
    titleOf: (run) => open.get(run)?.record.ask?.text,
    limits: () => permissions.last.limits,
    problem: () => permissions.problem,
    clock,
    log,
  });
  life.onStop('approvals', async () => {
    desk.stop();
    callGrants.stop();
  });
  return { desk, callGrants };
}

/** What changes replaced, so that they can be taken back. */
async function openChanges({ home, config }: EdgeGround, { journal }: Journaled) {
  const dir = homePaths(home).changes;
  makeFolder(dir);
  const { changes_bytes: maxBytes, changes_days: days } = config.limits;
  const words = {
    store: 'the store of what changes replaced',
    one: 'what a change replaces',
    remedy: 'raise limits.changes_bytes in config.yaml',
  };
  const blobs = await openBlobs(dir, undefined, { maxBytes, words });
  const noted = homePaths(home).temporaries;
  makeFolder(noted);
  const changes = new KeptChanges({ journal, blobs, temporaries: new Temporaries(noted), maxBytes, days });
  await changes.start();
  return { changes, blobs };
}

/** Of what waited before the start the owner was told then. */
function giveNotices({ life, log }: EdgeGround, { journal }: Journaled, permissions: LivePermissions): void {
  const notice = new ApprovalNotice(() => permissions.last.config.notify, log);
  const leave = journal.approvals.onChange((approval) => notice.changed(approval));
  life.onStop('notices', async () => {
    leave();
    notice.stop();
  });
}

/** Which calls are at work; what an earlier start left of it is read first. */
function openInHand({ home, life, log }: EdgeGround): InHand {
  const file = homePaths(home).inHand;
  const inHand = new InHand(file, machineBoot());
  life.onStop('calls in hand', async () => inHand.close());
  if (inHand.damaged)
    log.warn('which calls were at work when the edge ended last could not be read; one that ended it may run again', {
      file,
    });
  return inHand;
}

/** Calls that an earlier start left behind get their answers. */
async function recoverCalls(runner: ToolRunner, log: Logger): Promise<void> {
  const { unknown, free } = await runner.recover();
  if (unknown > 0) log.warn('tool calls of an earlier start have no known outcome', { calls: unknown });
  if (free > 0)
    log.warn('the start before ended with these calls in hand; nothing was changed, and they may run again', {
      calls: free,
    });
}

/** What commands changed on a copy; a commit that an earlier start has left half done is ended first. */
async function openPreviews({ home, config, log, life }: EdgeGround, { journal: { approvals } }: Journaled) {
  const store = new Previews(homePaths(home).previews, config.limits.command_disk_bytes);
  const { finished, takenBack, unclear, ends } = await store.recover(approvals.opened());
  const leave = approvals.onChange(
    (approval) =>
      void store
        .approvalChanged(approval)
        .catch((error: unknown) =>
          log.warn('what a command changed on a copy could not be removed', { problem: causeText(error) }),
        ),
  );
  life.onStop('previews', async () => leave());
  if (finished + takenBack > 0)
    log.warn('changes of commands that the last end cut off were finished or taken back', { finished, takenBack });
  if (unclear > 0)
    log.error('changes of a command that the last end cut off could be neither finished nor taken back', {
      commands: unclear,
      folder: homePaths(home).previews,
    });
  return { previews: store, commitEnds: ends };
}

/** Real paths that no configuration opens: the home with its keys, the folder of the socket, the program itself. */
function denied(home: string, socket: string): string[] {
  makeFolder(dirname(socket));
  const program = process.argv[1];
  return [home, dirname(socket), ...(program === undefined ? [] : [dirname(program)])].map((path) =>
    realpathSync(path),
  );
}
