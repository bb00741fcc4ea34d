import { describe, expect, it } from 'vitest';
import { MILLISECOND, SECOND } from '../../../hal/timer.ts';
import { TcpPeer } from '../../../test/support/tcp-peer.ts';
import { Connection } from './connection.ts';
import { backOff, measured } from './round-trip.ts';

/** The stack's connection, for its numbers. */
function innards(peer: TcpPeer): Connection {
  if (!(peer.socket instanceof Connection)) throw new Error('not our own');
  return peer.socket;
}

describe('retransmission timeout (RFC 6298)', () => {
  it('follows the formulas of section 2', () => {
    const connection = innards(TcpPeer.connecting());
    measured(connection, 100 * MILLISECOND, 0);
    expect([connection.srtt, connection.rttvar, connection.rto]).toEqual([100_000, 50_000, 300_000]);
    measured(connection, 200 * MILLISECOND, 0);
    expect([connection.srtt, connection.rttvar, connection.rto]).toEqual([112_500, 62_500, 362_500]);
    measured(connection, 1 * MILLISECOND, SECOND);
    expect(connection.rto).toBe(SECOND);
    for (let count = 0; count < 10; count++) backOff(connection);
    expect(connection.rto).toBe(60 * SECOND);
  });

  it('doubles at each expiry, and the user timeout ends it with a reset', () => {
    const peer = TcpPeer.connected({}, { connect: { userTimeout: 20 * SECOND } });
    peer.socket!.write(0, new Uint8Array(4));
    peer.advance(30 * SECOND);
    expect(peer.take()).toEqual([
      '0 P. 1 ack 1 len 4',
      '1000 P. 1 ack 1 len 4',
      '3000 P. 1 ack 1 len 4',
      '7000 P. 1 ack 1 len 4',
      '15000 P. 1 ack 1 len 4',
      '20000 R. 5 ack 1',
    ]);
    expect(peer.sink.events).toEqual(['0 connected', '20000 gone timeout']);
  });

  it('does not measure what was sent twice (Karn), and keeps the backed-off value until it can', () => {
    const peer = TcpPeer.connected();
    peer.socket!.write(0, new Uint8Array(4));
    peer.advance(1500 * MILLISECOND);
    peer.send('.', { seq: 1, ack: 5 });
    expect(innards(peer).rto).toBe(2 * SECOND);
    peer.socket!.write(peer.host.now, new Uint8Array(4));
    peer.advance(100 * MILLISECOND);
    peer.send('.', { seq: 1, ack: 9 });
    expect(innards(peer).rto).toBe(1 * SECOND);
    expect(innards(peer).srtt).toBe(12_501);
  });

  it('stops when all is acknowledged', () => {
    const peer = TcpPeer.connected();
    peer.socket!.write(0, new Uint8Array(4));
    peer.send('.', { seq: 1, ack: 5 });
    peer.advance(10 * SECOND);
    expect(peer.take()).toEqual(['0 P. 1 ack 1 len 4']);
    expect(peer.host.stack.pollAt()).toBe(Number.POSITIVE_INFINITY);
  });

  it('goes back to one segment, and on with what is acknowledged', () => {
    const peer = TcpPeer.connected({}, { mss: 100 });
    peer.socket!.write(0, new Uint8Array(300));
    peer.advance(1 * SECOND);
    expect(peer.take()).toEqual([
      '0 . 1 ack 1 len 100',
      '0 . 101 ack 1 len 100',
      '0 P. 201 ack 1 len 100',
      '1000 . 1 ack 1 len 100',
    ]);
    // The peer held the other two: nothing else goes out twice.
    peer.send('.', { seq: 1, ack: 301 });
    peer.advance(10 * SECOND);
    expect(peer.take()).toEqual([]);
  });
});

describe('fast retransmit and recovery (RFC 5681, RFC 6582)', () => {
  it('repeats the missing segment at the third duplicate, long before the timer', () => {
    const peer = TcpPeer.connected({}, { mss: 100 });
    peer.socket!.write(0, new Uint8Array(1000));
    expect(peer.take()).toHaveLength(10);
    for (let count = 0; count < 2; count++) peer.send('.', { seq: 1, ack: 1 });
    expect(peer.take()).toEqual([]);
    peer.send('.', { seq: 1, ack: 1 });
    expect(peer.take()).toEqual(['0 . 1 ack 1 len 100']);
    expect(innards(peer).ssthresh).toBe(500);
    expect(innards(peer).cwnd).toBe(800);
    peer.send('.', { seq: 1, ack: 1001 });
    expect(innards(peer).cwnd).toBe(500);
    expect(peer.take()).toEqual([]);
  });

  it('repeats the next hole at a partial acknowledgment', () => {
    const peer = TcpPeer.connected({}, { mss: 100 });
    peer.socket!.write(0, new Uint8Array(1000));
    peer.take();
    for (let count = 0; count < 3; count++) peer.send('.', { seq: 1, ack: 1 });
    expect(peer.take()).toEqual(['0 . 1 ack 1 len 100']);
    peer.send('.', { seq: 1, ack: 401 });
    expect(peer.take()).toEqual(['0 . 401 ack 1 len 100']);
    peer.send('.', { seq: 1, ack: 1001 });
    expect(peer.take()).toEqual([]);
  });

  it('lets a new segment out at each of the first two duplicates (RFC 3042)', () => {
    const peer = TcpPeer.connected({}, { mss: 1460 });
    peer.window = 60_000;
    peer.send('.', { seq: 1, ack: 1 });
    peer.socket!.write(0, new Uint8Array(60_000));
    expect(peer.take()).toHaveLength(10);
    peer.send('.', { seq: 1, ack: 1 });
    expect(peer.take()).toEqual(['0 . 14601 ack 1 len 1460']);
    peer.send('.', { seq: 1, ack: 1 });
    expect(peer.take()).toEqual(['0 . 16061 ack 1 len 1460']);
  });

  it('opens the window by one segment for each acknowledged one', () => {
    const peer = TcpPeer.connected({}, { mss: 1460 });
    peer.window = 60_000;
    peer.send('.', { seq: 1, ack: 1 });
    peer.socket!.write(0, new Uint8Array(60_000));
    peer.take();
    peer.send('.', { seq: 1, ack: 2921 });
    expect(peer.take()).toHaveLength(3);
  });
});
