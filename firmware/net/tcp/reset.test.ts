import { describe, expect, it } from 'vitest';
import { SECOND } from '../../../hal/timer.ts';
import { TcpPeer } from '../../../test/support/tcp-peer.ts';

/** A connection in each state, and the peer's next sequence number and the acknowledgment it would send. */
const STATES: Readonly<Record<string, () => { peer: TcpPeer; seq: number; ack: number }>> = {
  ESTABLISHED: () => ({ peer: TcpPeer.connected(), seq: 1, ack: 1 }),
  'FIN-WAIT-1': () => {
    const peer = TcpPeer.connected();
    peer.socket!.close(0);
    return { peer, seq: 1, ack: 1 };
  },
  'FIN-WAIT-2': () => {
    const peer = TcpPeer.connected();
    peer.socket!.close(0);
    peer.take();
    peer.send('.', { seq: 1, ack: 2 });
    return { peer, seq: 1, ack: 2 };
  },
  'CLOSE-WAIT': () => {
    const peer = TcpPeer.connected();
    peer.send('F.', { seq: 1, ack: 1 });
    return { peer, seq: 2, ack: 1 };
  },
  CLOSING: () => {
    const peer = TcpPeer.connected();
    peer.socket!.close(0);
    peer.take();
    peer.send('F.', { seq: 1, ack: 1 });
    return { peer, seq: 2, ack: 1 };
  },
  'LAST-ACK': () => {
    const peer = TcpPeer.connected();
    peer.send('F.', { seq: 1, ack: 1 });
    peer.socket!.close(0);
    return { peer, seq: 2, ack: 1 };
  },
};

/** What the user hears of a reset in the state (RFC 9293 3.10.7.4, second check). */
const OUTCOME: Readonly<Record<string, string>> = {
  ESTABLISHED: 'reset',
  'FIN-WAIT-1': 'reset',
  'FIN-WAIT-2': 'reset',
  'CLOSE-WAIT': 'reset',
  CLOSING: 'closed',
  'LAST-ACK': 'closed',
};

describe('a reset', () => {
  for (const [state, make] of Object.entries(STATES)) {
    it(`with the next number ends ${state}`, () => {
      const { peer, seq } = make();
      peer.take();
      peer.send('R', { seq });
      expect(peer.take()).toEqual([]);
      expect(peer.sink.why).toBe(OUTCOME[state]);
      expect(peer.host.stack.connectionCount).toBe(0);
    });

    it(`elsewhere in the window is challenged in ${state} (RFC 5961 3.2)`, () => {
      const { peer, seq } = make();
      peer.take();
      peer.send('R', { seq: seq + 100 });
      expect(peer.take()).toHaveLength(1);
      expect(peer.sink.why).toBeNull();
      // Once; a second within the interval is not answered.
      peer.send('R', { seq: seq + 101 });
      expect(peer.take()).toEqual([]);
    });

    it(`outside the window is ignored in ${state}`, () => {
      const { peer, seq } = make();
      peer.take();
      peer.send('R', { seq: seq + 100_000 });
      peer.send('R', { seq: seq - 1 });
      expect(peer.take()).toEqual([]);
      expect(peer.sink.why).toBeNull();
    });

    it(`a SYN in ${state} is challenged, wherever it stands (RFC 5961 4.2)`, () => {
      for (const offset of [0, 50, 100_000]) {
        const { peer, seq } = make();
        peer.take();
        peer.send('S', { seq: seq + offset });
        expect(peer.take()).toHaveLength(1);
        expect(peer.sink.why).toBeNull();
      }
    });

    it(`an acknowledgment of what was never sent is challenged in ${state}`, () => {
      const { peer, seq, ack } = make();
      peer.take();
      peer.send('.', { seq, ack: ack + 5000 });
      expect(peer.take()).toHaveLength(1);
      expect(peer.sink.why).toBeNull();
    });
  }

  it('in SYN-SENT counts when it acknowledges the SYN', () => {
    const peer = TcpPeer.connecting();
    peer.take();
    peer.send('R', { seq: 0 });
    peer.send('R.', { seq: 0, ack: 77 });
    peer.take();
    expect(peer.sink.why).toBeNull();
    peer.send('R.', { seq: 0, ack: 1 });
    peer.take();
    expect(peer.sink.why).toBe('refused');
  });

  it('in SYN-RECEIVED returns to listening', () => {
    const peer = TcpPeer.listening();
    peer.send('S', { seq: 0 });
    peer.take();
    peer.send('R', { seq: 1 });
    expect(peer.take()).toEqual([]);
    expect(peer.host.stack.connectionCount).toBe(0);
    peer.send('S', { seq: 900 });
    expect(peer.take()).toHaveLength(1);
  });

  it('in SYN-RECEIVED after both opened at once: refused', () => {
    const peer = TcpPeer.connecting();
    peer.take();
    peer.send('S', { seq: 0 });
    peer.take();
    peer.send('R', { seq: 1 });
    peer.take();
    expect(peer.sink.why).toBe('refused');
  });

  it('in TIME-WAIT is ignored (RFC 1337)', () => {
    const peer = TcpPeer.connected();
    peer.socket!.close(0);
    peer.take();
    peer.send('F.', { seq: 1, ack: 2 });
    peer.take();
    peer.send('R', { seq: 2 });
    expect(peer.take()).toEqual([]);
    expect(peer.host.stack.connectionCount).toBe(1);
  });
});

describe('segments that belong to nothing', () => {
  it('get a reset with numbers that their sender accepts', () => {
    const peer = TcpPeer.listening();
    peer.listener!.close(0);
    peer.send('S', { seq: 0 });
    expect(peer.take()[0]).toMatch(/^0 R\. .* ack 1$/);
    peer.send('P.', { seq: 5, ack: 123, data: 3 });
    expect(peer.take()).toEqual(['0 R 123']);
    peer.send('FP', { seq: 5, data: 3 });
    expect(peer.take()[0]).toMatch(/^0 R\. .* ack 9$/);
    peer.send('R.', { seq: 5, ack: 1 });
    expect(peer.take()).toEqual([]);
  });

  it('with an acknowledgment for a listener', () => {
    const peer = TcpPeer.listening();
    peer.send('.', { seq: 5, ack: 123 });
    expect(peer.take()).toEqual(['0 R 123']);
  });

  it('with a wrong acknowledgment in SYN-SENT and SYN-RECEIVED', () => {
    const connecting = TcpPeer.connecting();
    connecting.take();
    connecting.send('S.', { seq: 0, ack: 500 });
    expect(connecting.take()).toEqual(['0 R 500']);
    expect(connecting.sink.why).toBeNull();
    const listening = TcpPeer.listening();
    listening.send('S', { seq: 0 });
    listening.take();
    listening.send('.', { seq: 1, ack: 500 });
    expect(listening.take()).toEqual(['0 R 500']);
    expect(listening.host.stack.connectionCount).toBe(1);
  });
});

it('a peer that restarted is found out: its SYN is challenged, its reset ends our half (RFC 9293 3.5.1)', () => {
  const peer = TcpPeer.connected();
  peer.advance(SECOND);
  peer.send('S', { seq: 1_000_000 });
  expect(peer.take()).toEqual(['1000 . 1 ack 1']);
  peer.send('R', { seq: 1 });
  peer.take();
  expect(peer.sink.events).toEqual(['0 connected', '1000 gone reset']);
});
