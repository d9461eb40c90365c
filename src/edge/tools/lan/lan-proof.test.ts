// Who a server of the network is: with https it proves that by its certificate, or nothing of a request is sent to it.
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { LanService, SendMethod } from '../../../../gen/bowline/capability/lan/v1/lan_pb.ts';
import { edgeFolder, edgeRig } from '../../../../test/support/edge-rig.ts';

let folder: string;
const openssl = (words: string) => execFileSync('openssl', words.split(' '), { cwd: folder, stdio: 'ignore' });
const file = (name: string) => join(folder, name);

/** Certificates of one authority: in force, over since yesterday, and for another name; and one of another authority. */
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lan-proof-'));
  const key = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';
  for (const ca of ['ca', 'other-ca'])
    openssl(`req -x509 ${key} -days 2 -subj /CN=${ca} -keyout ${ca}.key -out ${ca}.pem`);
  const leaf = (name: string, host: string, days: number, ca = 'ca') => {
    openssl(`req ${key} -subj /CN=${host} -addext subjectAltName=DNS:${host} -keyout ${name}.key -out ${name}.csr`);
    openssl(
      `x509 -req -in ${name}.csr -copy_extensions copy -CA ${ca}.pem -CAkey ${ca}.key -CAcreateserial -days ${days} -out ${name}.pem`,
    );
  };
  leaf('good', 'localhost', 1);
  leaf('expired', 'localhost', -1);
  leaf('elsewhere', 'other.lan', 1);
  leaf('foreign', 'localhost', 1, 'other-ca');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const pinOf = (name: string) => new X509Certificate(readFileSync(file(`${name}.pem`))).fingerprint256;

/** What becomes of a Get and of a Send to a server with this certificate, and how many requests reached it. */
async function asked(certificate: string, proof: string) {
  let requests = 0;
  const tls = { key: readFileSync(file(`${certificate}.key`)), cert: readFileSync(file(`${certificate}.pem`)) };
  const server = createServer(tls, (_, response) => {
    requests++;
    response.end('ok');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise<void>((resolve) => void server.close(() => resolve())));
  const { port } = server.address() as AddressInfo;
  const entry = `name: hub, url: "https://localhost:${port}", methods: [GET, PUT], confirm: never, share: true`;
  const config = `allow:\n  lan:\n    - {${entry}${proof.replaceAll('DIR', folder)}}\n`;
  const rig = await edgeRig(edgeFolder(), { config, lookUp: async () => ['127.0.0.1'] });
  onTestFinished(() => rig.close());
  const got = await rig.call(LanService.method.get, { url: 'hub/x' });
  const sent = await rig.call(LanService.method.send, { method: SendMethod.PUT, url: 'hub/x', body: '1' });
  return [got.failure ?? got.messages[0]?.answer?.text, sent.failure ?? sent.messages[0]?.answer?.text, requests];
}

const BY_CA = ', ca: DIR/ca.pem';
const UNPROVEN = ['HOST_UNPROVEN', 'HOST_UNPROVEN', 0];

test.each([
  ['good', 'by its authority'],
  // Its own certificate alone counts then, whatever it says of itself.
  ['good', 'by its pin'],
  ['expired', 'by its pin'],
  ['elsewhere', 'by its pin'],
  ['foreign', 'by its pin'],
])('%s, proven %s, is asked', async (certificate, how) => {
  const proof = how === 'by its pin' ? `, pin: "${pinOf(certificate)}"` : BY_CA;
  expect(await asked(certificate, proof)).toEqual(['ok', 'ok', 2]);
});

test.each([
  ['good', ''],
  ['expired', BY_CA],
  ['elsewhere', BY_CA],
  ['foreign', BY_CA],
  ['good', ', ca: DIR/none.pem'],
  ['good', ', pin of foreign'],
])('%s gets nothing of a request, with the proof%s', async (certificate, proof) => {
  expect(await asked(certificate, proof.replace('pin of foreign', `pin: "${pinOf('foreign')}"`))).toEqual(UNPROVEN);
});
