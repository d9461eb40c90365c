// What edges declare that they serve. Edges of one build declare the same, so it is kept once for all of their sessions.
import { toBinary } from '@bufbuild/protobuf';
import { LRUCache } from 'lru-cache';
import { type Capability, type Manifest, ManifestSchema } from '../../../gen/bowline/manifest/v1/manifest_pb.ts';

export interface Declared {
  readonly capabilities: Capability[];
  /** `package/method` of each. */
  readonly methods: ReadonlySet<string>;
}

/** Declarations that are remembered, and the bytes of the largest of them. */
const MOST = 64;
const MOST_BYTES = 16 << 10;

const known = new LRUCache<string, Declared>({ max: MOST });

/** The same capabilities, and their methods; equal ones are the same objects. Nobody changes them. */
export function declarationOf({ $typeName, capabilities }: Manifest): Declared {
  const bytes = toBinary(ManifestSchema, { $typeName, build: '', capabilities, labels: [], permissions: [] });
  if (bytes.length > MOST_BYTES) return declare(capabilities);
  const key = Buffer.from(bytes).toString('latin1');
  let declared = known.get(key);
  if (!declared) {
    declared = declare(capabilities);
    known.set(key, declared);
  }
  return declared;
}

const declare = (capabilities: Capability[]): Declared => ({
  capabilities,
  methods: new Set(capabilities.flatMap(({ package: pkg, methods }) => methods.map(({ name }) => `${pkg}/${name}`))),
});
