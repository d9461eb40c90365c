// What load, truth and judgement need of whatever is under test: a cluster of programs, or a control plane in this process.
import type { SlowModel } from '../support/slow-model.ts';
import type { Stack } from '../support/stack.ts';
import type { Transport } from './clients.ts';

export interface Site {
  readonly edges: number;
  readonly model: SlowModel;
  /** Of the database itself, past every link and fault. */
  readonly databaseUrl: string;
  /** Queues that must be empty at the end, where they are in Redis. */
  readonly redis: { readonly url: string; readonly prefix: string } | undefined;
  /** Ids of the replicas that run now. */
  replicas(): string[];
  /** Acts as the owner at any replica. */
  control<T>(act: (transport: Transport) => Promise<T>): Promise<T>;
  /** Acts as the owner at an edge, from 1. */
  edge<T>(number: number, act: (transport: Transport) => Promise<T>): Promise<T>;
  /** The home and files of an edge. */
  edgeStack(number: number): Stack;
}
