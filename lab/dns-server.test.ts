import { describe, expect, it } from 'vitest';
import { isMalformed } from '../firmware/malformed.ts';
import * as dns from '../firmware/wire/dns.ts';
import { SECOND } from '../hal/timer.ts';
import { VirtualTimeline } from '../hal/virtual/timeline.ts';
import { DnsServer } from './dns-server.ts';
import { DirectNetwork } from './testing/direct-sockets.ts';

const SERVER = 0x0a640001;

function world() {
  const timeline = new VirtualTimeline();
  const network = new DirectNetwork(timeline);
  const server = new DnsServer({ timeline });
  server.serve(network.host(SERVER), SERVER);
  server.setRecord(SERVER, 'CiscoCM1.lab.example', [0x0a64000b, 0x0a64000c]);
  server.start();
  const answers: dns.Message[] = [];
  const socket = network.host(0x0a640100).udp(0, (_now, payload) => {
    const message = dns.parse(Uint8Array.from(payload));
    if (!isMalformed(message)) answers.push(message);
  })!;
  const ask = (name: string, type = dns.TYPE_A): dns.Message | undefined => {
    const query: dns.Message = {
      id: 77,
      response: false,
      opcode: 0,
      authoritative: false,
      truncated: false,
      recursionDesired: true,
      recursionAvailable: false,
      rcode: 0,
      questions: [{ name, type, class: dns.CLASS_IN }],
      answers: [],
      authorities: [],
      additionals: [],
    };
    const octets = new Uint8Array(dns.lengthOf(query));
    dns.emit(query, octets);
    socket.send(timeline.now(), { address: SERVER, port: dns.SERVER_PORT }, octets);
    timeline.runUntil(timeline.now() + 1 * SECOND);
    return answers.pop();
  };
  return { server, ask };
}

describe('a DNS server', () => {
  it('answers with every address of a name, whatever its case', () => {
    const { ask } = world();
    const answer = ask('ciscocm1.LAB.example');
    expect(answer).toMatchObject({ id: 77, response: true, authoritative: true, recursionDesired: true, rcode: 0 });
    expect(answer?.questions[0]?.name).toBe('ciscocm1.LAB.example');
    expect(answer?.answers.map(({ data }) => data)).toEqual([
      { kind: 'address', address: 0x0a64000b },
      { kind: 'address', address: 0x0a64000c },
    ]);
  });

  it('says that a name does not exist, and that it has no address of another family', () => {
    const { ask, server } = world();
    expect(ask('nowhere.lab.example')).toMatchObject({ rcode: dns.NAME_ERROR, answers: [] });
    expect(ask('CiscoCM1.lab.example', 28)).toMatchObject({ rcode: dns.NO_ERROR, answers: [] });
    expect(server.counters).toEqual({ queries: 2, answered: 1, nameErrors: 1, malformed: 0 });
  });

  it('is deaf while stopped', () => {
    const { ask, server } = world();
    server.stop();
    expect(ask('CiscoCM1.lab.example')).toBeUndefined();
  });
});
