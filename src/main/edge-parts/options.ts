// What an edge is started with, and the ground on which its parts stand. It does nothing itself.
import type { Clock } from '../../base/clock.ts';
import type { AppError } from '../../base/errors.ts';
import type { Lifecycle } from '../../base/lifecycle.ts';
import type { Logger } from '../../base/logger.ts';
import type { EdgeConfig } from '../../edge/config/edge-config.ts';
import type { Identity } from '../../edge/identity/identity.ts';
import type { JoinLine } from '../../edge/identity/join.ts';
import type { EdgeOptions } from '../../edge/program/commands.ts';
import type { SecretBook } from '../../edge/secrets/secret-book.ts';
import type { EdgeSessionDeps } from '../../edge/session/edge-session.ts';
import type { TelemetryBook } from '../../edge/session/edge-telemetry.ts';

export interface StartEdge
  extends Pick<EdgeOptions, 'home' | 'control' | 'allow' | 'name'>,
    Partial<Pick<EdgeOptions, 'allowWrite'>> {
  /** Sources of settings that win over config.yaml. */
  readonly settings?: EdgeOptions['settings'];
  /** Begin a new journal; the one that is there is set aside. */
  readonly newJournal?: boolean;
  /** Join with this line first. */
  readonly line?: JoinLine | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long it waits before it dials again; by default as the session says. */
  readonly waits?: Pick<NonNullable<EdgeSessionDeps['options']>, 'backoffBaseMs' | 'backoffCapMs' | 'refusedMs'>;
  /** The process must end at once: what is in memory may not be on the disk. */
  readonly onFatal: (error: AppError) => void;
  /** Told of the secrets of this home, for the log. */
  readonly onSecrets?: (secrets: Pick<SecretBook, 'masker'>) => void;
  /** Told in words what became of the home by this start. */
  readonly say?: (line: string) => void;
  /** Told what the owner must mend before it can connect. */
  readonly onRefused?: (error: AppError) => void;
}

/** What every part is given: the options, and what is one for the whole edge. */
export interface EdgeGround extends StartEdge {
  /** Where each part says how it ends; what began last ends first. */
  readonly life: Lifecycle;
  readonly config: EdgeConfig;
  readonly identity: Identity;
  /** Of this start of the process. */
  readonly bootId: string;
  /** What the control plane is told of the work of this edge; undefined: nothing is. */
  readonly telemetry?: TelemetryBook | undefined;
}
