import { describe, expect, it } from 'vitest';
import { SECOND } from '../../../hal/timer.ts';
import { connectPair, Pair, RecordingSink, RIGHT_ADDRESS } from '../../../test/support/stack-pair.ts';
import { TcpPeer } from '../../../test/support/tcp-peer.ts';

describe('opening', () => {
  it('opens actively and acknowledges the SYN-ACK', () => {
    const peer = TcpPeer.connecting();
    expect(peer.take()).toEqual(['0 S 0']);
    peer.send('S.', { seq: 0, ack: 1 });
    expect(peer.take()).toEqual(['0 . 1 ack 1']);
    expect(peer.sink.events).toEqual(['0 connected']);
  });

  it('sends what was written before the handshake was over', () => {
    const peer = TcpPeer.connecting();
    peer.socket!.write(0, new Uint8Array(10));
    expect(peer.take()).toEqual(['0 S 0']);
    peer.send('S.', { seq: 0, ack: 1 });
    expect(peer.take()).toEqual(['0 P. 1 ack 1 len 10']);
  });

  it('opens passively, and calls accept only once the handshake is over', () => {
    const peer = TcpPeer.listening();
    peer.send('S', { seq: 0 });
    expect(peer.take()).toEqual(['0 S. 0 ack 1']);
    expect(peer.socket).toBeNull();
    peer.send('.', { seq: 1, ack: 1 });
    expect(peer.take()).toEqual([]);
    expect(peer.socket!.remote).toEqual({ address: RIGHT_ADDRESS, port: 50000 });
    expect(peer.sink.events).toEqual([]);
  });

  it('takes data that comes with the third segment', () => {
    const peer = TcpPeer.listening();
    peer.send('S', { seq: 0 });
    peer.take();
    peer.send('P.', { seq: 1, ack: 1, data: 4 });
    expect(peer.sink.events).toEqual(['0 data 4']);
  });

  it('repeats its SYN after 1, 2, 4, 8 seconds and gives up in time', () => {
    const peer = TcpPeer.connecting({}, { connect: { connectTimeout: 20 * SECOND } });
    peer.advance(30 * SECOND);
    expect(peer.take()).toEqual(['0 S 0', '1000 S 0', '3000 S 0', '7000 S 0', '15000 S 0']);
    expect(peer.sink.events).toEqual(['20000 gone timeout']);
  });

  it('repeats its SYN-ACK when the SYN comes again, and by its timer', () => {
    const peer = TcpPeer.listening();
    peer.send('S', { seq: 0 });
    peer.advance(SECOND / 2);
    peer.send('S', { seq: 0 });
    peer.advance(SECOND);
    expect(peer.take()).toEqual(['0 S. 0 ack 1', '500 S. 0 ack 1', '1000 S. 0 ack 1']);
    peer.advance(60 * SECOND);
    expect(peer.host.stack.connectionCount).toBe(0);
  });

  it('tolerates that both sides open at once', () => {
    const peer = TcpPeer.connecting();
    peer.take();
    peer.send('S', { seq: 0 });
    expect(peer.take()).toEqual(['0 S. 0 ack 1']);
    peer.send('S.', { seq: 0, ack: 1 });
    peer.send('.', { seq: 1, ack: 1 });
    expect(peer.sink.events).toEqual(['0 connected']);
    peer.send('P.', { seq: 1, ack: 1, data: 3 });
    expect(peer.sink.events).toEqual(['0 connected', '0 data 3']);
  });

  it('opens at once from both ends of a wire', () => {
    const pair = Pair.configured();
    const sinks = [new RecordingSink(), new RecordingSink()] as const;
    pair.left.connect(0, { address: RIGHT_ADDRESS, port: 700 }, sinks[0], { localPort: 600 });
    pair.right.connect(0, { address: 0x0a00_0001, port: 600 }, sinks[1], { localPort: 700 });
    pair.run(5 * SECOND);
    expect([sinks[0].events.length, sinks[1].events.length]).toEqual([1, 1]);
    expect(pair.left.connectionCount + pair.right.connectionCount).toBe(2);
  });

  it('uses 3 seconds after a handshake that could not be measured (RFC 6298, 5.7)', () => {
    const peer = TcpPeer.connecting();
    peer.advance(2 * SECOND);
    peer.send('S.', { seq: 0, ack: 1 });
    peer.take();
    peer.socket!.write(peer.host.now, new Uint8Array(1));
    peer.advance(4 * SECOND);
    expect(peer.take()).toEqual(['2000 P. 1 ack 1 len 1', '5000 P. 1 ack 1 len 1']);
  });

  it('sends no more than the peer says it takes, and 536 to one that does not say', () => {
    for (const [options, length] of [
      [[{ kind: 'mss', mss: 1000 }], 1000],
      [[], 536],
    ] as const) {
      const peer = TcpPeer.connecting();
      peer.take();
      peer.send('S.', { seq: 0, ack: 1, options });
      peer.take();
      peer.socket!.write(0, new Uint8Array(2000));
      expect(peer.take()[0]).toBe(`0 . 1 ack 1 len ${length}`);
    }
  });

  it('draws sequence numbers and ports that differ from connection to connection', () => {
    const pair = Pair.configured();
    const seen = new Set<string>();
    for (let count = 0; count < 20; count++) {
      const { client } = connectPair(pair, 3000 + count);
      pair.run(SECOND);
      client.abort(pair.now);
      seen.add(/TCP (\d+) > \d+ \[S\] seq (\d+)/.exec(pair.log.filter((line) => line.includes('[S]')).at(-1)!)![0]);
    }
    expect(seen.size).toBe(20);
  });
});

describe('what is refused', () => {
  it('a SYN to a port where nobody listens', () => {
    const pair = Pair.configured();
    const sink = new RecordingSink();
    pair.left.connect(0, { address: RIGHT_ADDRESS, port: 4 }, sink);
    pair.run(SECOND);
    expect(sink.events).toEqual(['4 gone refused']);
    expect(pair.right.drops['no-socket']).toBe(1);
  });

  it('more half-open connections than the backlog holds', () => {
    const peer = TcpPeer.listening({ tcp: { backlog: 0 } });
    peer.send('S', { seq: 0 });
    expect(peer.take()).toEqual([]);
    expect(peer.host.stack.drops['backlog-full']).toBe(1);
  });

  it('a second listener on the same port', () => {
    const peer = TcpPeer.listening();
    expect(peer.host.stack.listen(2000, () => peer.sink)).toBeNull();
  });

  it('new connections once the listener is closed; half-open ones are reset', () => {
    const peer = TcpPeer.listening();
    peer.send('S', { seq: 0 });
    peer.take();
    peer.listener!.close(0);
    expect(peer.take()).toEqual(['0 R. 1 ack 1']);
    peer.send('S', { seq: 100 });
    expect(peer.take()[0]).toMatch(/R\. .* ack 101/);
  });

  it('a connection to nowhere: no route, and it says so with the next dispatch', () => {
    const pair = Pair.configured();
    const sink = new RecordingSink();
    pair.left.connect(0, { address: 0x0808_0808, port: 80 }, sink);
    pair.run(SECOND);
    expect(sink.events).toEqual(['0 gone unreachable']);
  });

  it('a connection to a neighbor whom ARP does not find: after its own timeout', () => {
    const pair = Pair.configured();
    const sink = new RecordingSink();
    pair.left.connect(0, { address: 0x0a00_0063, port: 80 }, sink, { connectTimeout: 10 * SECOND });
    pair.run(20 * SECOND);
    expect(sink.events).toEqual(['10000 gone unreachable']);
  });
});
