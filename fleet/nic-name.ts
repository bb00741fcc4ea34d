import { isLoopback, parseUdpWire, type UdpWireOptions } from '../hal/host/udp-wire.ts';

/** The wire that a `--nic` names. */
export type NicName =
  | { readonly kind: 'virtual' }
  | { readonly kind: 'af-packet'; readonly interface: string }
  | { readonly kind: 'udp'; readonly options: UdpWireOptions };

/** An interface of Linux: 1 to 15 characters, no slash, no white space, no colon. */
const INTERFACE = /^[^\s/:]{1,15}$/;

/** Reads `virtual`, `eth1`, `af-packet:eth1`, `udp:127.0.0.1:5000,127.0.0.1:5001`. A string is the sentence that says what is wrong. */
export function parseNic(text: string): NicName | string {
  if (text === 'virtual') return { kind: 'virtual' };
  if (text.startsWith('udp:')) {
    const options = parseUdpWire(text.slice('udp:'.length));
    return typeof options === 'string' ? `--nic ${options}.` : { kind: 'udp', options };
  }
  const name = text.startsWith('af-packet:') ? text.slice('af-packet:'.length) : text;
  if (INTERFACE.test(name)) return { kind: 'af-packet', interface: name };
  return `--nic "${text}" is no wire: virtual, the name of an interface, af-packet:NAME or udp:LOCAL:PORT,REMOTE:PORT are.`;
}

/** Whether what leaves it can reach others: the refusals hold there. */
export function reachesOthers(nic: NicName): boolean {
  return nic.kind === 'af-packet' || (nic.kind === 'udp' && !isLoopback(nic.options));
}
