import { describe, expect, it } from 'vitest';
import { SECOND } from '../../../hal/timer.ts';
import { TcpPeer } from '../../../test/support/tcp-peer.ts';

/** A connection of which the peer is asked after 30 s of silence, and given up 5 s later. */
function watched(): TcpPeer {
  return TcpPeer.connected({}, { connect: { keepAlive: 30 * SECOND, userTimeout: 5 * SECOND } });
}

describe('keep-alive (RFC 9293 3.8.4)', () => {
  it('is the number before the next, without octets, and waits again once it is answered', () => {
    const peer = watched();
    peer.advance(30 * SECOND);
    expect(peer.take()).toEqual(['30000 . 0 ack 1']);
    peer.send('.', { seq: 1, ack: 1 });
    peer.advance(30 * SECOND);
    expect(peer.take()).toEqual(['60000 . 0 ack 1']);
    expect(peer.sink.why).toBeNull();
  });

  it('that nobody answers is repeated until the user timeout', () => {
    const peer = watched();
    peer.advance(60 * SECOND);
    expect(peer.take()).toEqual([
      '30000 . 0 ack 1',
      '31000 . 0 ack 1',
      '32000 . 0 ack 1',
      '33000 . 0 ack 1',
      '34000 . 0 ack 1',
      '35000 R. 1 ack 1',
    ]);
    expect(peer.sink.why).toBe('timeout');
    expect(peer.host.stack.connectionCount).toBe(0);
  });

  it('is put off by whatever the peer says', () => {
    const peer = watched();
    peer.advance(29 * SECOND);
    peer.send('P.', { seq: 1, ack: 1, data: 4 });
    peer.advance(29 * SECOND);
    expect(peer.take()).toEqual(['29100 . 1 ack 5']);
    peer.advance(1 * SECOND);
    expect(peer.take()).toEqual(['59000 . 0 ack 5']);
  });

  it('says nothing while octets of ours ask the same question', () => {
    const peer = watched();
    peer.advance(29 * SECOND);
    peer.socket!.write(peer.host.now, new Uint8Array(4));
    peer.advance(4 * SECOND);
    expect(peer.take()).toEqual(['29000 P. 1 ack 1 len 4', '30000 P. 1 ack 1 len 4', '32000 P. 1 ack 1 len 4']);
  });

  it('is not sent by a connection that asks for none, nor by one that is closing', () => {
    const plain = TcpPeer.connected();
    plain.advance(3600 * SECOND);
    expect(plain.take()).toEqual([]);
    const closing = watched();
    closing.socket!.close(0);
    closing.send('.', { seq: 1, ack: 2 });
    closing.take();
    closing.advance(60 * SECOND);
    expect(closing.take()).toEqual([]);
  });

  it('is answered by our own side', () => {
    const peer = TcpPeer.connected();
    peer.send('.', { seq: 0, ack: 1 });
    expect(peer.take()).toEqual(['0 . 1 ack 1']);
  });
});
