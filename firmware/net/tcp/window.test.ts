import { describe, expect, it } from 'vitest';
import { MILLISECOND, SECOND } from '../../../hal/timer.ts';
import { connectPair, Pair } from '../../../test/support/stack-pair.ts';
import { TcpPeer } from '../../../test/support/tcp-peer.ts';

describe('acknowledging', () => {
  it('waits for more, up to the delay', () => {
    const peer = TcpPeer.connected();
    peer.send('P.', { seq: 1, ack: 1, data: 10 });
    peer.advance(SECOND);
    expect(peer.take()).toEqual(['100 . 1 ack 11']);
  });

  it('does so at once at every second segment', () => {
    const peer = TcpPeer.connected();
    peer.send('P.', { seq: 1, ack: 1, data: 10 });
    peer.send('P.', { seq: 11, ack: 1, data: 10 });
    expect(peer.take()).toEqual(['0 . 1 ack 21']);
    peer.advance(SECOND);
    expect(peer.take()).toEqual([]);
  });

  it('rides on what the sink answers', () => {
    const peer = TcpPeer.connected();
    peer.sink.onData = (now) => peer.socket!.write(now, new Uint8Array(3));
    peer.send('P.', { seq: 1, ack: 1, data: 10 });
    expect(peer.take()).toEqual(['0 P. 1 ack 11 len 3']);
    peer.send('.', { seq: 11, ack: 4 });
    peer.advance(SECOND);
    expect(peer.take()).toEqual([]);
  });

  it('puts several writes of one turn into one segment', () => {
    const peer = TcpPeer.connected();
    for (let count = 0; count < 5; count++) peer.socket!.write(0, new Uint8Array(20));
    expect(peer.take()).toEqual(['0 P. 1 ack 1 len 100']);
  });
});

describe('out of order', () => {
  it('holds what came early, says so at once, and delivers in order', () => {
    const peer = TcpPeer.connected();
    peer.send('P.', { seq: 21, ack: 1, data: 10 });
    peer.send('P.', { seq: 11, ack: 1, data: 10 });
    expect(peer.take()).toEqual(['0 . 1 ack 1', '0 . 1 ack 1']);
    peer.send('P.', { seq: 1, ack: 1, data: 10 });
    expect(peer.take()).toEqual(['0 . 1 ack 31']);
    expect(peer.sink.octets).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
  });

  it('joins overlapping and repeated pieces without a repeated octet', () => {
    const peer = TcpPeer.connected();
    peer.send('P.', { seq: 16, ack: 1, data: 10 });
    peer.send('P.', { seq: 11, ack: 1, data: 10 });
    peer.send('P.', { seq: 11, ack: 1, data: 3 });
    peer.send('P.', { seq: 1, ack: 1, data: 12 });
    peer.send('P.', { seq: 5, ack: 1, data: 25 });
    peer.send('P.', { seq: 3, ack: 1, data: 5 });
    expect(peer.sink.octets).toEqual(Array.from({ length: 29 }, (_, index) => index + 1));
  });

  it('takes a FIN that came early in its turn', () => {
    const peer = TcpPeer.connected();
    peer.send('FP.', { seq: 11, ack: 1, data: 5 });
    expect(peer.sink.events).toEqual(['0 connected']);
    peer.send('P.', { seq: 1, ack: 1, data: 10 });
    expect(peer.sink.events).toEqual(['0 connected', '0 data 10', '0 data 5', '0 ended']);
  });

  it('keeps no more than a bounded number of pieces', () => {
    const peer = TcpPeer.connected();
    for (let piece = 0; piece < 200; piece++) peer.send('.', { seq: 11 + 2 * piece, ack: 1, data: 1 });
    peer.send('.', { seq: 1, ack: 1, data: 10 });
    for (let piece = 0; piece < 200; piece++) peer.send('.', { seq: 12 + 2 * piece, ack: 1, data: 1 });
    expect(peer.sink.octets).toHaveLength(10 + 2 * 64);
  });

  it('cuts off what lies beyond the window', () => {
    const peer = TcpPeer.connected({ tcp: { receiveWindow: 20 } });
    peer.send('FP.', { seq: 1, ack: 1, data: 30 });
    expect(peer.sink.events).toEqual(['0 connected', '0 data 20']);
    peer.send('P.', { seq: 51, ack: 1, data: 5 });
    expect(peer.take().at(-1)).toBe('0 . 1 ack 21');
  });
});

describe('sending within the window', () => {
  it('sends what fits, and the rest as the window moves', () => {
    const peer = TcpPeer.connected({}, { mss: 100 });
    peer.window = 250;
    peer.send('.', { seq: 1, ack: 1 });
    peer.socket!.write(0, new Uint8Array(400));
    // The last 50 octets of the window are not worth a segment unless half of it is free.
    expect(peer.take()).toEqual(['0 . 1 ack 1 len 100', '0 . 101 ack 1 len 100']);
    peer.send('.', { seq: 1, ack: 101 });
    expect(peer.take()).toEqual(['0 . 201 ack 1 len 100']);
  });

  it('probes a closed window, and goes on when it opens', () => {
    const peer = TcpPeer.connected();
    peer.send('.', { seq: 1, ack: 1, window: 0 });
    peer.socket!.write(0, new Uint8Array(10));
    peer.advance(3500 * MILLISECOND);
    expect(peer.take()).toEqual(['1000 . 1 ack 1 len 1', '3000 . 1 ack 1 len 1']);
    peer.send('.', { seq: 1, ack: 1, window: 0 });
    peer.send('.', { seq: 1, ack: 1, window: 100 });
    expect(peer.take()).toEqual(['3500 P. 1 ack 1 len 10']);
    peer.send('.', { seq: 1, ack: 11 });
    peer.advance(60 * SECOND);
    expect(peer.take()).toEqual([]);
  });

  it('goes on behind a probe that was taken', () => {
    const peer = TcpPeer.connected();
    peer.send('.', { seq: 1, ack: 1, window: 0 });
    peer.socket!.write(0, new Uint8Array(10));
    peer.advance(SECOND);
    peer.take();
    peer.send('.', { seq: 1, ack: 2, window: 100 });
    expect(peer.take()).toEqual(['1000 P. 2 ack 1 len 9']);
  });

  it('probes with the FIN when there is nothing else', () => {
    const peer = TcpPeer.connected();
    peer.send('.', { seq: 1, ack: 1, window: 0 });
    peer.socket!.close(0);
    peer.advance(SECOND);
    expect(peer.take()).toEqual(['1000 F. 1 ack 1']);
    peer.send('.', { seq: 1, ack: 2, window: 0 });
    peer.send('F.', { seq: 1, ack: 2, window: 0 });
    peer.take();
    expect(peer.sink.why).toBe('closed');
  });

  it('stays as long as the probes are answered, and not longer than the user timeout when they are not', () => {
    const peer = TcpPeer.connected({}, { connect: { userTimeout: 30 * SECOND } });
    peer.send('.', { seq: 1, ack: 1, window: 0 });
    peer.socket!.write(0, new Uint8Array(10));
    for (let count = 0; count < 10; count++) {
      peer.advance(20 * SECOND);
      peer.send('.', { seq: 1, ack: 1, window: 0 });
    }
    expect(peer.sink.why).toBeNull();
    peer.advance(31 * SECOND);
    expect(peer.sink.why).toBe('timeout');
  });

  it('takes no more than the send buffer holds, and says when there is room', () => {
    const peer = TcpPeer.connected({ tcp: { sendBuffer: 1000 } });
    peer.send('.', { seq: 1, ack: 1, window: 500 });
    expect(peer.socket!.write(0, new Uint8Array(1500))).toBe(1000);
    expect(peer.socket!.write(0, new Uint8Array(1))).toBe(0);
    peer.take();
    peer.send('.', { seq: 1, ack: 501, window: 500 });
    expect(peer.sink.events).toEqual(['0 connected', '0 writable']);
    expect(peer.socket!.write(0, new Uint8Array(600))).toBe(500);
  });
});

it('sequence numbers wrap on both sides without anybody noticing', () => {
  const peer = TcpPeer.connected({}, { base: 2 ** 32 - 5 });
  for (let piece = 0; piece < 3; piece++) peer.send('P.', { seq: 1 + 10 * piece, ack: 1, data: 10 });
  expect(peer.sink.octets).toHaveLength(30);
  // Our own first number is moved to just before both ends of its space, signed and unsigned.
  for (const first of [2 ** 31 - 1000, 2 ** 32 - 1000]) {
    const pair = Pair.configured();
    const { client, serverSink } = connectPair(pair);
    Object.assign(client, { sndUna: first | 0, sndNxt: first | 0, sndMax: first | 0 });
    pair.run(SECOND);
    client.write(pair.now, new Uint8Array(50_000));
    pair.run(SECOND);
    expect(pair.log.some((line) => line.includes(`[S] seq ${first} `))).toBe(true);
    expect(serverSink.octets).toHaveLength(50_000);
  }
});
