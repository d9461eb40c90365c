// Who makes a call: what its credential proves, and nothing that a header says.

export interface OwnerPrincipal {
  readonly kind: 'owner';
  readonly tenant: string;
  /** The id of the key, not the key. */
  readonly id: string;
  readonly name: string;
  /** What the key is limited to; empty is everything of its tenant. */
  readonly scopes: Readonly<Record<string, unknown>>;
}

export interface DevicePrincipal {
  readonly kind: 'device';
  readonly tenant: string;
  readonly id: string;
  readonly name: string;
  /** A quarantined device may connect, but gets no calls. A suspended one is refused before it becomes a principal. */
  readonly state: 'active' | 'quarantined';
}

export interface WorkerPrincipal {
  readonly kind: 'worker';
  /** `*` when it may work for any tenant. */
  readonly tenant: string;
  /** The id of the key, not of one worker: several workers may share a key. */
  readonly id: string;
  readonly name: string;
  /** Capability packages it may serve; `*` is any. */
  readonly packages: readonly string[];
  readonly pool: string;
  /** Tenants it may work for; `*` is any. */
  readonly tenants: readonly string[];
}

export type Principal = OwnerPrincipal | DevicePrincipal | WorkerPrincipal;

/** `kind:id`, as audit entries and runs name their principal. */
export const principalName = (principal: Principal): string => `${principal.kind}:${principal.id}`;

/** Told after a key, device or join token changed, so that no cache serves the old state. */
export interface KeyCache {
  /** @param id the principal's id */
  forget(id: string): void;
}
