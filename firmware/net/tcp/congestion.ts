/** Congestion control: slow start and congestion avoidance (RFC 5681), fast retransmit and NewReno recovery (RFC 6582). */
import type { Connection } from './connection.ts';
import { ahead, plus } from './sequence.ts';

/** RFC 6928: ten segments, at most 14,600 octets. */
const INITIAL_SEGMENTS = 10;
const INITIAL_OCTETS = 14_600;
/** RFC 5681 3.2: the third duplicate is the sign of a loss. */
const DUPLICATE_THRESHOLD = 3;

export function begin(connection: Connection): void {
  connection.cwnd = Math.min(INITIAL_SEGMENTS * connection.mss, Math.max(2 * connection.mss, INITIAL_OCTETS));
  connection.recover = plus(connection.sndUna, -1);
}

/** Octets that may be in flight. The first two duplicates let a new segment out each (RFC 3042). */
export function window(connection: Connection): number {
  const { cwnd, mss, inRecovery, duplicateAcks } = connection;
  return inRecovery ? cwnd : cwnd + Math.min(duplicateAcks, DUPLICATE_THRESHOLD - 1) * mss;
}

/**
 * New data was acknowledged; `sndUna` is already ahead. Returns whether the next hole must be retransmitted at once.
 * @param wasFull the window had been in use; an idle one must not grow.
 */
export function acknowledged(connection: Connection, octets: number, wasFull: boolean): boolean {
  const { mss } = connection;
  connection.duplicateAcks = 0;
  if (connection.inRecovery) {
    if (ahead(connection.sndUna, connection.recover) >= 0) {
      connection.inRecovery = false;
      connection.cwnd = connection.ssthresh;
      return false;
    }
    // A partial acknowledgment (RFC 6582 3.2, step 3): deflate by what it covers, add one segment back.
    connection.cwnd = Math.max(connection.cwnd - octets, 0) + mss;
    return true;
  }
  if (!wasFull) return false;
  if (connection.cwnd < connection.ssthresh) connection.cwnd += Math.min(octets, mss);
  else connection.cwnd += Math.max(1, Math.floor((mss * mss) / connection.cwnd));
  return false;
}

/** A duplicate acknowledgment. Returns whether it asks for a fast retransmit. */
export function duplicate(connection: Connection): boolean {
  if (connection.inRecovery) {
    connection.cwnd += connection.mss;
    return false;
  }
  connection.duplicateAcks++;
  if (connection.duplicateAcks !== DUPLICATE_THRESHOLD) return false;
  // RFC 6582 3.2, step 2: these may be duplicates that our own retransmissions brought forth.
  if (ahead(connection.sndUna, connection.recover) <= 0) return false;
  connection.inRecovery = true;
  halve(connection);
  connection.recover = connection.sndMax;
  connection.cwnd = connection.ssthresh + DUPLICATE_THRESHOLD * connection.mss;
  return true;
}

/** The retransmission timer expired (RFC 5681 3.1, RFC 6582 4): one segment, and all over again. */
export function timedOut(connection: Connection): void {
  halve(connection);
  connection.recover = connection.sndMax;
  connection.inRecovery = false;
  connection.duplicateAcks = 0;
  connection.cwnd = connection.mss;
}

/** RFC 5681, equation 4. */
function halve(connection: Connection): void {
  const inFlight = ahead(connection.sndMax, connection.sndUna);
  connection.ssthresh = Math.max(inFlight >> 1, 2 * connection.mss);
}
