/** Deadlines of a connection: user timeout, retransmission, window probe, delayed acknowledgment, keep-alive. */
import { type Duration, earlier, type Instant, NEVER, SECOND } from '../../../hal/timer.ts';
import * as congestion from './congestion.ts';
import type { Connection } from './connection.ts';
import type { TcpContext } from './context.ts';
import type { Output } from './output.ts';
import { backOff } from './round-trip.ts';

/** Between keep-alives that are not answered. */
const KEEP_ALIVE_REPEAT: Duration = SECOND;

export function earliest(connection: Connection): Instant {
  const { retransmitAt, acknowledgeAt, keepAliveAt, giveUpAt } = connection;
  return earlier(earlier(retransmitAt, acknowledgeAt), earlier(keepAliveAt, giveUpAt));
}

/** The peer has been heard: it is asked whether it is there only when it has been silent again for as long. */
export function heard(now: Instant, connection: Connection): void {
  if (connection.keepAlive === 0) return;
  connection.keepAliveAt = connection.state === 'ESTABLISHED' ? now + connection.keepAlive : NEVER;
  if (!connection.probing) return;
  connection.probing = false;
  if (!connection.isOutstanding) connection.giveUpAt = NEVER;
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
  if (connection.keepAliveAt <= now) keepAlive(now, connection);
  if (connection.retransmitAt > now) return;
  connection.retransmitAt = NEVER;
  if (connection.isSynchronized && connection.sndWnd === 0) output.sendProbe(now, connection);
  else retransmit(connection);
}

/** RFC 9293 3.8.4. What is on its way and unacknowledged asks the same question: then there is nothing to add. */
function keepAlive(now: Instant, connection: Connection): void {
  if (connection.state !== 'ESTABLISHED') {
    connection.keepAliveAt = NEVER;
    return;
  }
  connection.keepAliveAt = now + KEEP_ALIVE_REPEAT;
  if (connection.isOutstanding) return;
  connection.probing = true;
  connection.probeNow = true;
  if (connection.giveUpAt === NEVER) connection.giveUpAt = now + connection.userTimeout;
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
