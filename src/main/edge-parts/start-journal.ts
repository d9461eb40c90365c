// Opens the journal of this identity with everything that is folded of it, and the index beside it.
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { AppError } from '../../base/errors.ts';
import { homePaths } from '../../base/home.ts';
import { BUILD } from '../../base/version.ts';
import { OpenAsks } from '../../edge/asks/open-asks.ts';
import type { EdgeConfig } from '../../edge/config/edge-config.ts';
import { FactBook } from '../../edge/facts/fact-book.ts';
import { AskedShares } from '../../edge/grants/asked-shares.ts';
import { OwnRuns } from '../../edge/grants/own-runs.ts';
import { journalBinding, writeJournalId } from '../../edge/identity/identity.ts';
import { OnDemandIndex } from '../../edge/index/on-demand-index.ts';
import { sqlWasm } from '../../edge/index/sql-wasm.ts';
import { openEdgeJournal } from '../../edge/journal/edge-journal.ts';
import { mustHold } from '../../edge/journal/known-journal.ts';
import { nodeFs } from '../../edge/journal/node-fs.ts';
import { setJournalAside } from '../../edge/journal/old-journal.ts';
import { RefusedAttempts } from '../../edge/runner/free-keys.ts';
import { Suspects } from '../../edge/runner/suspects.ts';
import type { EdgeGround } from './options.ts';

export type Journaled = Awaited<ReturnType<typeof startJournal>>;

/** Writes down that this start began. Throws JOURNAL_DAMAGED, JOURNAL_UNREADABLE, JOURNAL_NEWER, JOURNAL_MISSING. */
export async function startJournal(ground: EdgeGround) {
  const { home, bootId, clock, life, log } = ground;
  const folded = await journalOf(ground);
  const { journal } = folded;
  life.onStop('journal', () => journal.close());
  await journal.append([{ case: 'started', value: { bootId, build: BUILD } }]);
  const index = new OnDemandIndex({
    load: async () => (await import('../../edge/index/sql-js.ts')).loadSqlJs(sqlWasm()),
    path: homePaths(home).index,
    journal,
    clock,
    log,
  });
  journal.follow(index);
  life.onStop('index', () => index.close());
  return { ...folded, index };
}

/**
 * The journal of this identity, which the device file then names. One of another device or control plane is set aside, and nothing of it
 * is sent again. @throws JOURNAL_MISSING when the device file names one that is not there
 */
async function journalOf(ground: EdgeGround) {
  const { home, identity } = ground;
  const paths = homePaths(home);
  if (ground.newJournal) await setAside(ground, 'the owner begins a new journal; what was there is set aside');
  else await mustHold(nodeFs, paths.journal, identity.journal, home);
  const opened = await openOwn(ground);
  try {
    await writeJournalId(paths.device, opened.journal.id);
  } catch (error) {
    await opened.journal.close();
    throw error;
  }
  return opened;
}

async function openOwn(ground: EdgeGround) {
  try {
    return await openFolded(ground);
  } catch (error) {
    if (!(error instanceof AppError) || error.reason !== 'JOURNAL_FOREIGN') throw error;
    await setAside(
      ground,
      'the journal belonged to another device or control plane; it was set aside, nothing of it is sent',
    );
    return openFolded(ground);
  }
}

/** Renames the folder of the journal, if there is one, and says so. */
async function setAside({ home, clock, log, say }: EdgeGround, why: string): Promise<void> {
  const paths = homePaths(home);
  await rm(paths.index, { force: true });
  if (!existsSync(paths.journal)) return;
  const aside = await setJournalAside(paths.journal, clock);
  log.warn(why, { aside });
  say?.(
    `the journal that was here is set aside whole: ${aside}. Nothing of it is sent: what was asked and not answered has to be asked again, and what was shared has to be shared again`,
  );
}

/** Opens the journal with new folds: what was folded of a journal that was then refused is forgotten. */
async function openFolded({ home, clock, log, onFatal, identity, config }: EdgeGround) {
  const [open, ownRuns, suspects] = [new OpenAsks(), new OwnRuns(), new Suspects()];
  const askedShares = new AskedShares();
  const [refused, facts] = [new RefusedAttempts(), new FactBook()];
  const journal = await openEdgeJournal(homePaths(home).journal, {
    clock,
    log,
    onFatal,
    maxBytes: config.limits.journal_bytes,
    ledger: { maxBytes: config.limits.ledger_bytes, whenFull: config.ledgerFull },
    calls: callLimits(config.limits),
    binding: journalBinding(identity),
    folds: [open, ownRuns, askedShares, suspects, refused, facts],
  });
  return { journal, open, ownRuns, askedShares, suspects, refused, facts };
}

/** A settled key takes 29 bytes of a checkpoint, and checkpoints must leave most of a small journal free. */
const callLimits = ({ tool_calls, journal_bytes }: EdgeConfig['limits']) => ({
  maxSettled: Math.min(tool_calls, Math.floor(journal_bytes / 256)),
  maxKeys: tool_calls,
});
