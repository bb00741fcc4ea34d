import type { LinkState } from '../nic.ts';
import { libc } from './libc.ts';
import { MachineLack } from './machine-lack.ts';

/** linux/sockios.h, linux/if.h, linux/ethtool.h. The ioctls answer for the network namespace of the socket, which /sys may not. */
const SIOCGIFFLAGS = 0x8913;
const SIOCETHTOOL = 0x8946;
const ETHTOOL_GSET = 1;
const IFF_UP = 0x1;
const IFF_RUNNING = 0x40;
const IFREQ_OCTETS = 40;
const IFREQ_UNION = 16;
/** IFNAMSIZ without the NUL. */
const MAX_NAME = 15;
const ETHTOOL_CMD_OCTETS = 44;
const SPEED_LOW = 12;
const DUPLEX = 14;
const SPEED_HIGH = 28;
const DUPLEX_HALF = 0;
const SPEED_UNKNOWN = 0xffff_ffff;
const SPEED_UNKNOWN_16 = 0xffff;

/** Virtual interfaces often do not say; nothing in a phone depends on it but what it shows. */
const ASSUMED_SPEED = 1_000;

const DOWN: LinkState = { up: false, speed: 0, fullDuplex: false };

/** The index by which the kernel knows the interface. Throws MachineLack for a name that is none. */
export function interfaceIndex(name: string): number {
  const index = name.length > MAX_NAME ? 0 : libc().ifNameToIndex(name);
  if (index !== 0) return index;
  throw new MachineLack(`no network interface "${name}" here; there are ${libc().interfaceNames().join(', ')}`);
}

/** Carrier, speed and duplex as the driver tells. A device that is gone, or not set up, is down. */
export function interfaceLink(fd: number, name: string): LinkState {
  const request = new Uint8Array(IFREQ_OCTETS);
  const view = new DataView(request.buffer);
  for (let index = 0; index < name.length; index++) request[index] = name.charCodeAt(index);
  if (libc().ioctl(fd, SIOCGIFFLAGS, request) < 0) return DOWN;
  const flags = view.getUint16(IFREQ_UNION, true);
  if ((flags & IFF_UP) === 0 || (flags & IFF_RUNNING) === 0) return DOWN;
  const settings = new Uint8Array(ETHTOOL_CMD_OCTETS);
  const answer = new DataView(settings.buffer);
  answer.setUint32(0, ETHTOOL_GSET, true);
  view.setBigUint64(IFREQ_UNION, libc().addressOf(settings), true);
  if (libc().ioctl(fd, SIOCETHTOOL, request) < 0) return { up: true, speed: ASSUMED_SPEED, fullDuplex: true };
  const speed = answer.getUint16(SPEED_LOW, true) + answer.getUint16(SPEED_HIGH, true) * 0x1_0000;
  const isKnown = speed !== 0 && speed !== SPEED_UNKNOWN && speed !== SPEED_UNKNOWN_16;
  return {
    up: true,
    speed: isKnown ? speed : ASSUMED_SPEED,
    fullDuplex: answer.getUint8(DUPLEX) !== DUPLEX_HALF,
  };
}
