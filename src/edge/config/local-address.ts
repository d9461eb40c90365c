// Which addresses an entry for the local network may lead to. Pure: whoever connects asks with the very address that it connects to.
import { BlockList, isIP } from 'node:net';

/** `never` is what no configuration opens: metadata of clouds, what is no address of one host, and forms that hide another address. */
export type AddressKind = 'loopback' | 'private' | 'link-local' | 'public' | 'never';

const KINDS: readonly (readonly [AddressKind, BlockList])[] = [
  [
    'never',
    ranges(
      ...['0.0.0.0/8', '192.0.0.0/24', '224.0.0.0/4', '240.0.0.0/4', '198.18.0.0/15'],
      // What hands out the keys of a machine in a cloud.
      ...['169.254.169.254/32', '169.254.170.2/32', '169.254.170.23/32', '100.100.100.200/32', '168.63.129.16/32'],
      ...['fd00:ec2::254/128', 'fd00:ec2::23/128', 'fd20:ce::254/128', 'ff00::/8'],
    ),
  ],
  ['loopback', ranges('127.0.0.0/8', '::1/128')],
  ['private', ranges('10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7')],
  ['link-local', ranges('169.254.0.0/16', 'fe80::/10')],
];

/** All that has no place among the others and is not global: IPv4 in IPv6, translated and tunnelled addresses. */
const GLOBAL_6 = ranges('2000::/3');
const LOOPBACK_6 = ranges('::1/128');
/** An address of IPv4 in one of IPv6, which the lists would take for the one that it holds. */
const HOLDS_4 = ranges('::/96', '::ffff:0:0/96', '64:ff9b::/96', '64:ff9b:1::/48', '2002::/16', '2001::/32');

export function addressKind(address: string): AddressKind {
  const version = isIP(address);
  if (version === 0 || address.includes('%')) return 'never';
  if (version === 6 && !isIn(LOOPBACK_6, address) && isIn(HOLDS_4, address)) return 'never';
  const known = KINDS.find(([, list]) => isIn(list, address));
  if (known) return known[0];
  return version === 4 || isIn(GLOBAL_6, address) ? 'public' : 'never';
}

/**
 * Whether an entry for this host may connect to this address: one of the local network; itself and what is bound to its own cable only
 * where the entry names exactly that.
 * @param host as in a URL, without brackets
 */
export function mayConnect(host: string, address: string): boolean {
  switch (addressKind(address)) {
    case 'private':
      return true;
    case 'loopback':
      return host === 'localhost' || host === address;
    case 'link-local':
      return host === address;
    default:
      return false;
  }
}

const isIn = (list: BlockList, address: string): boolean => list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');

function ranges(...texts: readonly string[]): BlockList {
  const list = new BlockList();
  for (const text of texts) {
    const [net = '', bits = ''] = text.split('/');
    list.addSubnet(net, Number(bits), isIP(net) === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}
