// A certificate of one process for TLS on loopback: it says nothing of who we are (the proof inside the channel does), it only
// lets both ends agree on keys. Made anew at each start, never written anywhere.
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

/** One value in DER (X.690); bodies up to 64 KiB. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const { length } = body;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
}

const [INTEGER, BITS, OID, UTF8, UTC, GENERALIZED, SEQUENCE, SET, VERSION] = [2, 3, 6, 12, 23, 24, 0x30, 0x31, 0xa0];
const ED25519 = der(SEQUENCE, der(OID, Buffer.from([0x2b, 0x65, 0x70])));
const COMMON_NAME = der(OID, Buffer.from([0x55, 0x04, 0x03]));

/** Certificate and key in PEM (RFC 5280, RFC 8410). Without an end: its process ends before it. */
export function passingCertificate(): { readonly cert: string; readonly key: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(UTF8, Buffer.from('bowline')))));
  const body = der(
    SEQUENCE,
    der(VERSION, der(INTEGER, Buffer.from([2]))),
    der(INTEGER, Buffer.from([0x40]), randomBytes(15)),
    ED25519,
    name,
    der(SEQUENCE, der(UTC, Buffer.from('200101000000Z')), der(GENERALIZED, Buffer.from('99991231235959Z'))),
    name,
    publicKey.export({ format: 'der', type: 'spki' }),
  );
  const whole = der(SEQUENCE, body, ED25519, der(BITS, Buffer.from([0]), sign(null, body, privateKey)));
  const lines = whole.toString('base64').replace(/.{64}/g, '$&\n').trim();
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  };
}
