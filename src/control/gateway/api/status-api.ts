// Status and audit of the public API.
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { Condition } from '../../../../gen/bowline/common/v1/common_pb.ts';
import type { AuditService } from '../../../../gen/bowline/control/v1/audit_service_pb.ts';
import { DatabaseKind, type StatusService } from '../../../../gen/bowline/control/v1/status_service_pb.ts';
import type { LoopFigures } from '../../../base/loop-watch.ts';
import { BUILD } from '../../../base/version.ts';
import { turnsOf } from '../../../contract/turns.ts';
import type { AuditRecord } from '../../ledger/audit.ts';
import type { ClockFigures } from '../../store/database-clock.ts';
import type { TableSize } from '../../store/sizes.ts';
import { ownerOf } from '../call-principal.ts';
import type { Sessions } from '../sessions.ts';
import { noticesOf } from './notices.ts';

/** A program that `up` keeps running beside the control plane. */
export interface ChildView {
  readonly name: string;
  /** Whether it has said that it is ready, and has not ended since. */
  readonly running: boolean;
  /** How often it ended though nobody asked it to. */
  readonly ends: number;
  readonly lastEnd?: { readonly at: number; readonly why: string };
  /** 0 where it is not known. */
  readonly residentBytes: number;
  /** What it should serve and does not, each with why. */
  readonly missing?: readonly string[];
  /** That its settings leave out the language model. */
  readonly noModel?: boolean;
}

export function statusApi(parts: {
  readonly sessions: Sessions;
  readonly replica: string;
  readonly database: 'postgres' | 'pglite';
  /** Whether the database took a write when it was last asked. */
  readonly canCommit: () => boolean;
  /** Throws when the database does not answer. */
  readonly counts: (tenant: string) => Promise<{ devices: number; openRuns: number; waitingJobs: number }>;
  /** What of the database is a tenant's, about. */
  readonly sizes: (tenant: string) => Promise<readonly TableSize[]>;
  readonly startedAt: number;
  readonly turns: () => LoopFigures;
  /** How the clock of this machine stands to the database's. */
  readonly clock: () => ClockFigures;
  /** Requests that failed in a way that was not expected. */
  readonly faults: () => number;
  /** The programs that this process started and starts again. */
  readonly children: () => readonly ChildView[];
  /** Why the work of a tenant stands still; empty when it does not. */
  readonly stopped: (tenant: string) => string;
  /** What stands in the way of answers, the worst first. */
  readonly conditions: (tenant: string) => Condition[];
  /** Entries of the audit trail that the owner is told of. */
  readonly noticed: (tenant: string) => Promise<readonly AuditRecord[]>;
}): ServiceImpl<typeof StatusService> {
  return {
    async getStatus(_request, context) {
      const { tenant } = ownerOf(context);
      const [counts, noticed, sizes] = await Promise.all([
        parts.counts(tenant).catch(() => undefined),
        parts.noticed(tenant).catch(() => []),
        parts.sizes(tenant).catch(() => []),
      ]);
      const model = parts.sessions.modelFor(tenant);
      return {
        build: BUILD,
        database: parts.database === 'postgres' ? DatabaseKind.POSTGRES : DatabaseKind.PGLITE,
        databaseOk: counts !== undefined && parts.canCommit(),
        replica: parts.replica,
        devices: counts?.devices ?? parts.sessions.edges().filter((edge) => edge.tenant === tenant).length,
        workers: parts.sessions.workersFor(tenant).length,
        openRuns: counts?.openRuns ?? 0,
        waitingJobs: counts?.waitingJobs ?? 0,
        startTime: timestampFromMs(parts.startedAt),
        stopped: parts.stopped(tenant),
        turns: turnsOf(parts.turns()),
        clockAhead: durationFromMs(Math.round(parts.clock().aheadMs)),
        clockWithin: durationFromMs(Math.ceil(parts.clock().within)),
        conditions: parts.conditions(tenant),
        sizes: sizes.map(({ table, rows, bytes }) => ({ table, rows: BigInt(rows), bytes: BigInt(bytes) })),
        requestFaults: BigInt(parts.faults()),
        notices: noticesOf(noticed),
        residentBytes: BigInt(process.memoryUsage.rss()),
        children: parts.children().map(({ name, running, ends, lastEnd, residentBytes, missing = [] }) => ({
          name,
          missing: missing.map((each) => each.slice(0, 1000).toWellFormed()),
          running,
          ends,
          residentBytes: BigInt(residentBytes),
          ...(lastEnd ? { lastEndTime: timestampFromMs(lastEnd.at), lastEnd: lastEnd.why } : {}),
        })),
        ...(model ? { model } : {}),
      };
    },
  };
}

export function auditApi(parts: {
  readonly list: (
    tenant: string,
    page: { size: number; token: string },
  ) => Promise<{ entries: readonly AuditRecord[]; next: string }>;
}): ServiceImpl<typeof AuditService> {
  return {
    async listAudit({ pageSize, pageToken }, context) {
      const { entries, next } = await parts.list(ownerOf(context).tenant, {
        size: Math.min(pageSize || 100, 1000),
        token: pageToken,
      });
      return {
        entries: entries.map((entry) => ({
          createTime: timestampFromMs(entry.at),
          principal: entry.principal,
          action: entry.action,
          subject: entry.subject,
          detailJson: JSON.stringify(entry.detail),
        })),
        nextPageToken: next,
      };
    },
  };
}
