// A request to a server of the local network, in lines: whom it goes to stands apart from what is asked, and both are decoded. Pure.
import { isIP } from 'node:net';
import type { HttpEffect } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { bytesText, countText } from '../units.ts';
import { seenSentence, seenWord } from './seen-text.ts';
import { hashText, type RowMaker, textRows } from './view-rows.ts';

/** `POST to 192.168.1.20:8123 (heating): /api/services/light/turn_on`. */
export function httpTitle({ method, entry, host, port, path }: HttpEffect): string {
  const shown = isIP(host) === 6 ? `[${host}]` : seenWord(host);
  return `${seenWord(method)} to ${shown}:${port} (${seenWord(entry)}): ${seenWord(path)}`;
}

/** Without its title. @param most lines of its body */
export function httpRows(rows: RowMaker, http: HttpEffect, most: number | undefined): void {
  const { scheme, host, address, port, path, query, target, headers, body, bodyBytes, bodySha256, proof } = http;
  rows.note([host, path, target, body, ...query, ...headers]);
  rows.row('host', host === address ? seenWord(host) : `${seenWord(host)}, which is ${seenWord(address)}`);
  rows.row('port', `${port}, by ${seenWord(scheme)}`);
  if (scheme === 'https') rows.words('proof', seenSentence(proof));
  else rows.words('proof', 'none: others in the network can read and answer it', 'yellow');
  rows.row('path', seenWord(path));
  if (query.length > 0) rows.values('query', query.map(seenWord));
  rows.row('sent as', seenWord(target));
  rows.values(countText(headers.length, 'header'), headers.map(seenWord));
  if (bodyBytes === 0n) return;
  rows.row('body', `${bytesText(bodyBytes)}, sha256 ${hashText(bodySha256)}`);
  textRows(rows, body, most);
  if (BigInt(Buffer.byteLength(body)) < bodyBytes)
    rows.part('the box tells the first KiB of the body; a yes is for all of it');
}
