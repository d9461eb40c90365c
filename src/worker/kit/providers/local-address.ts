// Whether an address is a machine of the owner: loopback, private ranges, names of the local network.

import { BlockList, isIP } from 'node:net';
import { bareHost } from '../../../base/host.ts';

const OWN = new BlockList();
OWN.addSubnet('127.0.0.0', 8, 'ipv4');
OWN.addSubnet('10.0.0.0', 8, 'ipv4');
OWN.addSubnet('172.16.0.0', 12, 'ipv4');
OWN.addSubnet('192.168.0.0', 16, 'ipv4');
OWN.addAddress('::1', 'ipv6');
OWN.addSubnet('fc00::', 7, 'ipv6');
OWN.addSubnet('fe80::', 10, 'ipv6');

/** A name is judged by its form, not by asking DNS; what cannot be told counts as outside. */
export function isLocal(url: string | undefined): boolean {
  if (url === undefined || !URL.canParse(url)) return false;
  const host = bareHost(new URL(url).hostname).toLowerCase();
  const version = isIP(host);
  if (version !== 0) return OWN.check(host, version === 4 ? 'ipv4' : 'ipv6');
  return host === 'localhost' || /\.(?:localhost|local|lan|home\.arpa)$/.test(host) || !host.includes('.');
}
