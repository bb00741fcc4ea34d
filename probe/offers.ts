import { isMalformed } from '../firmware/malformed.ts';
import { type Lease, leaseOf } from '../firmware/protocols/dhcp-lease.ts';
import { DhcpRequests } from '../firmware/protocols/dhcp-requests.ts';
import * as dhcp from '../firmware/wire/dhcp.ts';
import * as ipv4 from '../firmware/wire/ipv4.ts';
import type { Board } from '../hal/board.ts';
import type { Rng } from '../hal/rng.ts';
import { SECOND } from '../hal/timer.ts';
import type { TunableValues } from '../hal/tunables.ts';
import type { Script, Station } from './station.ts';

/** A server may first look whether the address is free (RFC 2131 2.2): ISC's waits a second, Kea's a little. */
const FIRST_OFFER = 4 * SECOND;
/** A rogue server is often the slower one. */
const OTHER_OFFERS = 1.5 * SECOND;
/** DISCOVERs before it is clear that nobody answers. */
const TRIES = 2;

/** Asks who would give an address, and takes none: DISCOVER, never REQUEST. In the VLAN in which the station is. */
export function* offersIn(station: Station, board: Board, rng: Rng, tunables: TunableValues): Script<readonly Lease[]> {
  const offers: Lease[] = [];
  const xid = rng.below(2 ** 32);
  const socket = station.stack.udp(
    dhcp.CLIENT_PORT,
    (now, payload) => {
      const message = dhcp.parse(payload);
      if (isMalformed(message) || message.op !== dhcp.BOOTREPLY || message.xid !== xid) return;
      if (message.options.messageType !== dhcp.OFFER) return;
      const offer = leaseOf(message, now);
      if (offer !== null && !offers.some(({ server }) => server === offer.server)) offers.push(offer);
    },
    { unconfigured: true },
  );
  if (socket === null) throw new Error('port 68 is taken');
  const { vendorClass, parameterRequestList } = board.model.dhcp;
  const identity = { mac: board.mac, vendorClass, parameterRequestList, hostName: board.deviceName };
  const requests = new DhcpRequests(identity, tunables);
  for (let tries = 0; tries < TRIES && offers.length === 0; tries++) {
    const message = requests.discover(xid, tries * (FIRST_OFFER / SECOND));
    const payload = new Uint8Array(dhcp.lengthOf(message));
    dhcp.emit(message, payload);
    socket.send(station.now(), { address: ipv4.BROADCAST, port: dhcp.SERVER_PORT }, payload);
    yield* station.wait(() => offers.length > 0, FIRST_OFFER);
  }
  if (offers.length > 0) yield* station.wait(() => false, OTHER_OFFERS);
  socket.close();
  return offers;
}
