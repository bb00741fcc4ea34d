/** Deadlines of a connection: user timeout, retransmission, window probe, delayed acknowledgment. */
import { earlier, type Instant, NEVER } from '../../../hal/timer.ts';
import * as congestion from './congestion.ts';
import type { Connection } from './connection.ts';
import type { TcpContext } from './context.ts';
import type { Output } from './output.ts';
import { backOff } from './round-trip.ts';

export function earliest(connection: Connection): Instant {
  return earlier(earlier(connection.retransmitAt, connection.acknowledgeAt), connection.giveUpAt);
}

/** Does what is due. What is to be sent again is sent by the dispatch that follows. */
export function expire(context: TcpContext, output: Output, now: Instant, connection: Connection): void {
  if (connection.giveUpAt <= now) {
    giveUp(context, now, connection);
    return;
  }
  if (connection.acknowledgeAt <= now) {
    connection.acknowledgeAt = NEVER;
    connection.ackNow = true;
  }
  if (connection.retransmitAt > now) return;
  connection.retransmitAt = NEVER;
  if (connection.isSynchronized && connection.sndWnd === 0) output.sendProbe(now, connection);
  else retransmit(connection);
}

/** RFC 6298 (5.4) to (5.6): the earliest segment again, and all that follow it as the window allows. */
function retransmit(connection: Connection): void {
  backOff(connection);
  connection.timedAt = NEVER; // Karn: an answer could be to either copy
  if (connection.isSynchronized) congestion.timedOut(connection);
  connection.resend = false;
  connection.sndNxt = connection.sndUna;
}

function giveUp(context: TcpContext, now: Instant, connection: Connection): void {
  const { state } = connection;
  if (connection.isSynchronized && state !== 'TIME-WAIT' && state !== 'FIN-WAIT-2') context.sendReset(now, connection);
  context.finish(connection, connection.softError ? 'unreachable' : 'timeout');
}
