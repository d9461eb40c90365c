// A span as it is exported, and its ids. They follow from what it is of, so that every process makes the same ones, whoever takes over.
import { createHash } from 'node:crypto';

export interface SpanMark {
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly attributes?: Attributes;
}

export type Attributes = Readonly<Record<string, string | number | boolean | string[]>>;

/** A span of somebody else's trace. */
export interface ForeignSpan {
  /** 32 hexadecimal digits. */
  readonly trace: string;
  /** 16 hexadecimal digits. */
  readonly id: string;
}

export interface SpanData {
  readonly name: string;
  readonly kind: 'server' | 'client' | 'internal';
  readonly trace: string;
  readonly id: string;
  readonly parent?: string;
  /** Milliseconds since 1970. */
  readonly start: number;
  readonly end: number;
  readonly attributes: Attributes;
  /** Ids of spans of the same trace that came before it. */
  readonly links: readonly string[];
  /** What called, in a trace of its own. */
  readonly caller?: ForeignSpan;
  /** Whose it is, where it is not the process that sends it. */
  readonly service?: string;
  readonly marks: readonly SpanMark[];
  /** Reason code of what it failed with. */
  readonly failed?: string;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The trace of a run: its id, where that is a UUID. 32 hexadecimal digits. */
export const traceOf = (run: string): string =>
  UUID.test(run) ? run.replaceAll('-', '') : digest(`trace ${run}`).slice(0, 32);

/** 16 hexadecimal digits. */
export const runSpan = (run: string): string => digest(`run ${run}`).slice(0, 16);
export const jobSpan = (job: string): string => digest(`job ${job}`).slice(0, 16);
export const attemptSpan = (job: string, epoch: number): string => digest(`attempt ${job} ${epoch}`).slice(0, 16);
/** What a worker did in an attempt, and the calls that it made in it, by their number. */
export const workSpan = (job: string, epoch: number): string => digest(`work ${job} ${epoch}`).slice(0, 16);
export const workPartSpan = (job: string, epoch: number, part: number): string =>
  digest(`work ${job} ${epoch} ${part}`).slice(0, 16);
/** What an edge did: from the owner's ask to its answer, and in an attempt. */
export const edgeAskSpan = (run: string): string => digest(`edge ask ${run}`).slice(0, 16);
export const edgeCallSpan = (job: string, epoch: number): string => digest(`edge call ${job} ${epoch}`).slice(0, 16);

const digest = (text: string): string => createHash('sha256').update(`bowline.span.v1 ${text}`).digest('hex');
