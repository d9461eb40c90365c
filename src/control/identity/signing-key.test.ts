import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ToolCallSchema } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { onBothDatabases } from '../../../test/support/identity-database.ts';
import { createLogger } from '../../base/logger.ts';
import { ed25519PublicKey, openToolCall, signToolCall } from '../../contract/tool-call.ts';
import { loadSigningKey } from './signing-key.ts';

onBothDatabases('the signing key', (under) => {
  const homes: string[] = [];
  const lines: string[] = [];
  const log = createLogger('test', { write: (line) => lines.push(line) });
  const newHome = async (pem?: string) => {
    const home = await mkdtemp(join(tmpdir(), 'bowline-test-signing-'));
    homes.push(home);
    await mkdir(join(home, 'control'), { mode: 0o700 });
    if (pem !== undefined) await writeFile(join(home, 'control', 'signing.key'), pem, { mode: 0o600 });
    return home;
  };
  const load = async (pem?: string) => loadSigningKey(under.db, await newHome(pem), log);
  beforeEach(async () => {
    lines.length = 0;
    await under.db.updateTable('control_state').set({ signing_key: null }).execute();
  });
  afterEach(async () => {
    for (const home of homes.splice(0)) await rm(home, { recursive: true, force: true });
  });

  test('a tool call signed with it verifies with the raw public key, and the key stays the same', async () => {
    const key = await load();
    const again = await load();
    expect(again.id).toBe(key.id);
    expect(key.id).toBe(createHash('sha256').update(key.publicKey).digest('hex').slice(0, 16));
    const envelope = signToolCall(create(ToolCallSchema, { run: 'r' }), key);
    expect(openToolCall(envelope, ed25519PublicKey(again.publicKey), again.id).run).toBe('r');
    expect(lines).toEqual([]);
  });

  test('replicas that start at once, each with a home of its own, get the same key', async () => {
    const keys = await Promise.all([1, 2, 3, 4].map(() => load()));
    expect(new Set(keys.map(({ id }) => id)).size).toBe(1);
  });

  test('the key file of an earlier version becomes the key of all, for the devices that pinned it', async () => {
    const old = pem();
    const first = await load(old);
    expect((await load()).id).toBe(first.id);
    expect((await load(old)).id).toBe(first.id);
    expect(lines).toEqual([]);
  });

  test('a key file that comes when there is a key already is told and not used', async () => {
    const first = await load();
    expect((await load(pem())).id).toBe(first.id);
    expect(lines.join()).toContain('is not the signing key of the database');
  });

  test('a file that holds no Ed25519 key is refused, not replaced', async () => {
    await expect(load('nothing')).rejects.toMatchObject({ reason: 'SECRET_FILE_UNSAFE' });
  });
});

const pem = (): string => generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
