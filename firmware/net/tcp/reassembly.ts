/** Segments that arrived ahead of their turn (RFC 9293 3.10.7.4: "segments with higher beginning sequence numbers should be held"). */
import type { Connection } from './connection.ts';
import { ahead, type Sequence } from './sequence.ts';

/** A window of 32 KiB is 23 full segments; more pieces than this only come from a peer that means ill. */
const MAX_HELD = 64;

export interface Held {
  readonly sequence: Sequence;
  readonly octets: Uint8Array;
  readonly fin: boolean;
}

/** Keeps a copy of a segment that begins after `rcvNxt`. Dropped when there are too many: it will be sent again. */
export function hold(connection: Connection, sequence: Sequence, octets: Uint8Array, fin: boolean): void {
  const held = connection.held ?? [];
  let index = held.length;
  while (index > 0 && ahead(held[index - 1]!.sequence, sequence) > 0) index--;
  const before = held[index - 1];
  if (before !== undefined && before.sequence === sequence && before.octets.length >= octets.length) return;
  if (held.length === MAX_HELD) return;
  held.splice(index, 0, { sequence, octets: octets.slice(), fin });
  connection.held = held;
}

/** Takes out the next segment whose turn has come; it may begin before `rcvNxt`, and never ends before it. */
export function takeReady(connection: Connection): Held | null {
  const { held } = connection;
  if (held === null) return null;
  for (let first = held[0]; first !== undefined; first = held[0]) {
    if (ahead(first.sequence, connection.rcvNxt) > 0) return null;
    held.shift();
    if (held.length === 0) connection.held = null;
    const end = ahead(connection.rcvNxt, first.sequence);
    if (end < first.octets.length || (first.fin && end === first.octets.length)) return first;
  }
  return null;
}
