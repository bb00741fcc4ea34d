/** The retransmission timeout (RFC 6298 section 2). */
import type { Duration } from '../../../hal/timer.ts';
import type { Connection } from './connection.ts';

/** RFC 6298 (2.5): "at least 60 seconds". */
export const MAXIMUM_RTO: Duration = 60_000_000;
/** RFC 6298 (5.7): after a SYN was lost, until there is a measurement. */
const RTO_AFTER_LOST_SYN: Duration = 3_000_000;

/** Takes a measured round trip (2.2, 2.3). Never of a segment that was sent twice (Karn). */
export function measured(connection: Connection, roundTrip: Duration, minimumRto: Duration): void {
  if (connection.srtt === 0) {
    connection.srtt = Math.max(roundTrip, 1);
    connection.rttvar = roundTrip >> 1;
  } else {
    const deviation = Math.abs(connection.srtt - roundTrip);
    connection.rttvar = Math.round((3 * connection.rttvar + deviation) / 4);
    connection.srtt = Math.max(Math.round((7 * connection.srtt + roundTrip) / 8), 1);
  }
  const rto = connection.srtt + Math.max(1, 4 * connection.rttvar);
  connection.rto = Math.min(Math.max(rto, minimumRto), MAXIMUM_RTO);
}

/** The timer expired (5.5). */
export function backOff(connection: Connection): void {
  connection.rto = Math.min(2 * connection.rto, MAXIMUM_RTO);
}

/** The handshake is over; without a measurement its SYN was sent more than once (5.7). */
export function handshakeDone(connection: Connection): void {
  if (connection.srtt === 0) connection.rto = RTO_AFTER_LOST_SYN;
}
