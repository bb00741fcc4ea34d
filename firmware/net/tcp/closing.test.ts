import { describe, expect, it } from 'vitest';
import { MILLISECOND, SECOND } from '../../../hal/timer.ts';
import { connectPair, Pair } from '../../../test/support/stack-pair.ts';
import { TcpPeer } from '../../../test/support/tcp-peer.ts';

describe('orderly close', () => {
  it('we first: FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT, gone', () => {
    const peer = TcpPeer.connected({ tcp: { timeWait: 5 * SECOND } });
    peer.socket!.close(0);
    expect(peer.take()).toEqual(['0 F. 1 ack 1']);
    peer.send('.', { seq: 1, ack: 2 });
    expect(peer.take()).toEqual([]);
    peer.send('F.', { seq: 1, ack: 2 });
    expect(peer.take()).toEqual(['0 . 2 ack 2']);
    expect(peer.sink.events).toEqual(['0 connected', '0 ended', '0 gone closed']);
    expect(peer.host.stack.connectionCount).toBe(1);
    peer.advance(5 * SECOND);
    expect(peer.host.stack.connectionCount).toBe(0);
    expect(peer.take()).toEqual([]);
  });

  it('they first: CLOSE-WAIT, LAST-ACK, gone', () => {
    const peer = TcpPeer.connected();
    peer.send('F.', { seq: 1, ack: 1 });
    expect(peer.take()).toEqual(['0 . 1 ack 2']);
    expect(peer.sink.events).toEqual(['0 connected', '0 ended']);
    peer.socket!.write(0, new Uint8Array(3));
    expect(peer.take()).toEqual(['0 P. 1 ack 2 len 3']);
    peer.send('.', { seq: 2, ack: 4 });
    peer.socket!.close(0);
    expect(peer.take()).toEqual(['0 F. 4 ack 2']);
    peer.send('.', { seq: 2, ack: 5 });
    peer.take();
    expect(peer.sink.events).toEqual(['0 connected', '0 ended', '0 gone closed']);
    expect(peer.host.stack.connectionCount).toBe(0);
  });

  it('both at once: CLOSING, TIME-WAIT', () => {
    const peer = TcpPeer.connected();
    peer.socket!.close(0);
    peer.take();
    peer.send('F.', { seq: 1, ack: 1 });
    expect(peer.take()).toEqual(['0 . 2 ack 2']);
    expect(peer.sink.why).toBeNull();
    peer.send('.', { seq: 2, ack: 2 });
    peer.take();
    expect(peer.sink.why).toBe('closed');
    expect(peer.host.stack.connectionCount).toBe(1);
  });

  it('their FIN acknowledges ours: straight to TIME-WAIT', () => {
    const peer = TcpPeer.connected();
    peer.socket!.close(0);
    peer.take();
    peer.send('F.', { seq: 1, ack: 2 });
    expect(peer.take()).toEqual(['0 . 2 ack 2']);
    expect(peer.sink.events).toEqual(['0 connected', '0 ended', '0 gone closed']);
  });

  it('sends what is queued before the FIN, in one segment if it fits', () => {
    const peer = TcpPeer.connected();
    peer.socket!.write(0, new Uint8Array(5));
    peer.socket!.close(0);
    expect(peer.socket!.write(0, new Uint8Array(5))).toBe(0);
    expect(peer.take()).toEqual(['0 FP. 1 ack 1 len 5']);
  });

  it('takes data and FIN in one segment, and data after its own FIN', () => {
    const peer = TcpPeer.connected();
    peer.socket!.close(0);
    peer.send('.', { seq: 1, ack: 2 });
    peer.send('P.', { seq: 1, ack: 2, data: 4 });
    peer.send('FP.', { seq: 5, ack: 2, data: 2 });
    peer.take();
    expect(peer.sink.events).toEqual(['0 connected', '0 data 4', '0 data 2', '0 ended', '0 gone closed']);
  });

  it('repeats a lost FIN, and acknowledges a repeated one in TIME-WAIT', () => {
    const peer = TcpPeer.connected({ tcp: { timeWait: 5 * SECOND } });
    peer.socket!.close(0);
    peer.advance(1500 * MILLISECOND);
    expect(peer.take()).toEqual(['0 F. 1 ack 1', '1000 F. 1 ack 1']);
    peer.send('F.', { seq: 1, ack: 2 });
    peer.take();
    peer.advance(4 * SECOND);
    peer.send('F.', { seq: 1, ack: 2 });
    expect(peer.take()).toEqual(['5500 . 2 ack 2']);
    // The 2 MSL begin again.
    peer.advance(4 * SECOND);
    expect(peer.host.stack.connectionCount).toBe(1);
    peer.advance(1 * SECOND);
    expect(peer.host.stack.connectionCount).toBe(0);
  });

  it('gives up in FIN-WAIT-2 when nothing more is heard', () => {
    const peer = TcpPeer.connected({ tcp: { finWait2: 20 * SECOND } });
    peer.socket!.close(0);
    peer.send('.', { seq: 1, ack: 2 });
    peer.advance(15 * SECOND);
    peer.send('P.', { seq: 1, ack: 2, data: 1 });
    peer.advance(19 * SECOND);
    expect(peer.sink.why).toBeNull();
    peer.advance(1 * SECOND);
    expect(peer.sink.why).toBe('timeout');
  });

  it('before the handshake is over: the attempt is dropped', () => {
    const peer = TcpPeer.connecting();
    peer.socket!.close(0);
    peer.take();
    expect(peer.sink.events).toEqual(['0 gone aborted']);
    peer.send('S.', { seq: 0, ack: 1 });
    expect(peer.take()).toEqual(['0 R 1']);
  });

  it('before the handshake is over, and both opened at once: FIN after it', () => {
    const peer = TcpPeer.connecting();
    peer.take();
    peer.send('S', { seq: 0 });
    peer.take();
    peer.socket!.close(0);
    peer.send('.', { seq: 1, ack: 1 });
    expect(peer.take()).toEqual(['0 F. 1 ack 1']);
  });

  it('may be asked for twice', () => {
    const peer = TcpPeer.connected();
    peer.socket!.close(0);
    peer.socket!.close(0);
    expect(peer.take()).toEqual(['0 F. 1 ack 1']);
  });

  it('keeps no more connections in TIME-WAIT than the limit', () => {
    const pair = Pair.configured({}, { tcp: { timeWaitLimit: 3 } });
    for (let count = 0; count < 10; count++) {
      const { client, clientSink, serverSink, server } = connectPair(pair, 3000 + count);
      pair.run(SECOND);
      serverSink.onEnded = (now) => server().close(now);
      client.close(pair.now);
      pair.run(SECOND);
      expect(clientSink.why).toBe('closed');
    }
    expect(pair.left.connectionCount).toBe(3);
    expect(pair.right.connectionCount).toBe(0);
  });

  it('lets a new connection take the place of one in TIME-WAIT', () => {
    const peer = TcpPeer.accepted();
    peer.socket!.close(0);
    peer.send('F.', { seq: 1, ack: 2 });
    peer.take();
    expect(peer.sink.why).toBe('closed');
    peer.send('S', { seq: 5000 });
    expect(peer.take()[0]).toMatch(/^0 S\. \d+ ack 5001$/);
    expect(peer.host.stack.connectionCount).toBe(1);
  });
});

describe('abort', () => {
  it('sends a reset, and the sink hears it with the next dispatch', () => {
    const peer = TcpPeer.connected();
    peer.socket!.write(0, new Uint8Array(5));
    peer.take();
    peer.socket!.abort(0);
    expect(peer.sink.why).toBeNull();
    expect(peer.take()).toEqual(['0 R. 6 ack 1']);
    expect(peer.sink.why).toBe('aborted');
    peer.socket!.abort(0);
    expect(peer.take()).toEqual([]);
  });

  it('from within data: nothing more is delivered', () => {
    const peer = TcpPeer.connected();
    peer.sink.onData = (now) => peer.socket!.abort(now);
    peer.send('P.', { seq: 3, ack: 1, data: 2 });
    peer.take();
    peer.send('FP.', { seq: 1, ack: 1, data: 2 });
    expect(peer.take()).toEqual(['0 R. 1 ack 3']);
    expect(peer.sink.events).toEqual(['0 connected', '0 data 2', '0 gone aborted']);
  });

  it('from within accept', () => {
    const peer = TcpPeer.listening();
    peer.listener!.close(0);
    peer.host.stack.listen(2000, (now, socket) => {
      socket.abort(now);
      return peer.sink;
    });
    peer.send('S', { seq: 0 });
    peer.take();
    peer.send('P.', { seq: 1, ack: 1, data: 5 });
    expect(peer.take()).toEqual(['0 R. 1 ack 1']);
    expect(peer.sink.events).toEqual(['0 gone aborted']);
  });

  it('when the address is lost: gone without a word on the wire', () => {
    const peer = TcpPeer.connected();
    peer.socket!.write(0, new Uint8Array(5));
    peer.host.stack.clearAddress(0);
    expect(peer.take()).toEqual([]);
    expect(peer.sink.why).toBe('aborted');
    expect(peer.host.stack.connectionCount).toBe(0);
  });
});
