// Which addresses may be dialled: those of the public internet. Pure; whoever dials asks it with the very address that is dialled.
// The ranges are those of IANA's registries of special-purpose addresses (RFC 6890 and what followed it), judged by ipaddr.js and once
// more by the lists here, which know ranges that it calls unicast.
import ipaddr from 'ipaddr.js';

type Range = [ipaddr.IPv4 | ipaddr.IPv6, number];

const ranges = (...texts: string[]): readonly Range[] => texts.map((text) => ipaddr.parseCIDR(text) as Range);

const DENIED_4 = ranges(
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
  ...['192.0.2.0/24', '192.31.196.0/24', '192.52.193.0/24', '192.88.99.0/24', '192.168.0.0/16', '192.175.48.0/24'],
  ...['198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
  // A public address by its number, but inside of Azure that of the machine's own agent.
  '168.63.129.16/32',
);

/** Everything of IPv6 that is not global unicast is denied: ::/96, mapped IPv4, NAT64, unique local, link-local, multicast and more. */
const GLOBAL_6 = ranges('2000::/3');

/** Within it: Teredo, benchmarking and ORCHID (2001::/23), documentation, 6to4, direct delegation. */
const DENIED_6 = ranges('2001::/23', '2001:db8::/32', '2002::/16', '2620:4f:8000::/48', '3fff::/20');

export interface AddressPolicyOptions {
  /** Ports beside 80 and 443. */
  readonly ports?: readonly number[];
  /** Servers as `host:port`, exempt from everything here for exactly that name and port: the operator vouches for them. */
  readonly privateHosts?: readonly string[];
}

export class AddressPolicy {
  readonly #ports: ReadonlySet<number>;
  readonly #privateHosts: ReadonlySet<string>;

  constructor({ ports = [], privateHosts = [] }: AddressPolicyOptions = {}) {
    this.#privateHosts = new Set(privateHosts.map(serverName));
    this.#ports = new Set([80, 443, ...ports]);
  }

  /** Whether the operator allows this server by its name, whatever it leads to. @param hostname as in a URL */
  trusts(hostname: string, port: number): boolean {
    return this.#privateHosts.has(`${hostname}:${port}`);
  }

  /** Whether this port is one of the web's, whatever the address. */
  permitsPort(port: number): boolean {
    return this.#ports.has(port);
  }

  /** Whether this address may be dialled. Anything that is no address may not. */
  permits(address: string, port: number): boolean {
    // Zones (`fe80::1%eth0`) are of link-local addresses only.
    if (address.includes('%') || !ipaddr.isValid(address)) return false;
    return this.#ports.has(port) && isPublic(ipaddr.parse(address));
  }
}

/** In the spelling of WHATWG's parser, so that a URL's host can be compared with it. */
function serverName(text: string): string {
  const port = text.slice(text.lastIndexOf(':') + 1);
  return `${new URL(`http://${text}`).hostname}:${port}`;
}

function isPublic(address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  if (address.range() !== 'unicast') return false;
  if (address.kind() === 'ipv4') return !within(address, DENIED_4);
  return within(address, GLOBAL_6) && !within(address, DENIED_6);
}

const within = (address: ipaddr.IPv4 | ipaddr.IPv6, list: readonly Range[]): boolean =>
  list.some((range) => address.match(range as never));
