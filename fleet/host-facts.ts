import { readdirSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { HostFacts } from './refusals.ts';

/** What the refusals ask of this machine, for one of its interfaces. Of its own network namespace. */
export function hostFacts(name: string): HostFacts {
  return { defaultRoutes: defaultRoutes(), addresses: addresses(), above: interfacesAbove(name) };
}

/** proc(5): of a default route destination and mask are zero. */
function defaultRoutes(): string[] {
  const ipv4 = lines('/proc/net/route').slice(1);
  const ipv6 = lines('/proc/net/ipv6_route');
  const found = [
    ...ipv4.filter(([, destination, , , , , , mask]) => Number.parseInt(`${destination}${mask}`, 16) === 0),
    ...ipv6
      .filter(([destination, length]) => length === '00' && /^0+$/.test(destination ?? ''))
      .map((fields) => [fields.at(-1)!]),
  ];
  // The kernel keeps an unreachable default of IPv6 on the loopback interface.
  return [...new Set(found.map(([interfaceName]) => interfaceName!))].filter((interfaceName) => interfaceName !== 'lo');
}

function lines(path: string): string[][] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    // A kernel without this protocol.
    return [];
  }
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.trim().split(/\s+/));
}

function addresses(): HostFacts['addresses'] {
  return Object.entries(networkInterfaces()).flatMap(([name, entries = []]) =>
    entries.filter(({ address }) => !/^fe[89ab]/i.test(address)).map(({ address }) => ({ interface: name, address })),
  );
}

/** Bridges, VLANs, bonds: sysfs has a link `upper_NAME` for each. */
function interfacesAbove(name: string): string[] {
  let entries: string[];
  try {
    entries = readdirSync(`/sys/class/net/${name}`);
  } catch {
    // No such interface, which opening it will tell; or sysfs of another namespace, which knows nothing of it.
    return [];
  }
  const direct = entries.filter((entry) => entry.startsWith('upper_')).map((entry) => entry.slice('upper_'.length));
  return direct.flatMap((each) => [each, ...interfacesAbove(each)]);
}
