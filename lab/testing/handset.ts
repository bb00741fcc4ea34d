/**
 * The least that can stand in for a telephone when the lab is tested: our stack on a port, DHCP, TFTP and SCCP spoken message by message
 * from the codecs. It retransmits nothing but what TCP does, so a test sees each loss.
 */
import { isMalformed } from '../../firmware/malformed.ts';
import type { Endpoint, TcpGone, TcpSocket, UdpSocket } from '../../firmware/net/sockets.ts';
import { Stack } from '../../firmware/net/stack.ts';
import * as dhcp from '../../firmware/wire/dhcp.ts';
import * as dns from '../../firmware/wire/dns.ts';
import * as sccp from '../../firmware/wire/sccp/message.ts';
import * as tftp from '../../firmware/wire/tftp.ts';
import type { Ipv4, Mac } from '../../hal/nic.ts';
import type { Alarm, Timeline } from '../../hal/timeline.ts';
import { NEVER } from '../../hal/timer.ts';
import { WireNic } from '../../hal/virtual/nic.ts';
import { SeededRng } from '../../hal/virtual/rng.ts';
import type { WireEnd } from '../../hal/wire-end.ts';
import { deviceName } from '../device-table.ts';

export interface HandsetOptions {
  readonly timeline: Timeline;
  readonly wire: WireEnd;
  readonly mac: Mac;
  /** Null stays untagged. */
  readonly vlan: number | null;
  readonly deviceType?: number;
  readonly flags?: number;
}

export class Handset {
  readonly stack: Stack;
  readonly name: string;
  readonly mac: Mac;
  readonly #timeline: Timeline;
  readonly #nic: WireNic;
  readonly #alarm: Alarm;
  readonly #options: HandsetOptions;
  #working = false;
  #dhcp: UdpSocket | null = null;
  /** What DHCP gave. */
  lease: dhcp.Message | null = null;
  naks = 0;
  /** Received files by name; a number is an ERROR code. */
  readonly files = new Map<string, Uint8Array | number>();
  registered = false;
  rejected = '';
  connection: TcpSocket | null = null;
  gone: TcpGone | null = null;

  constructor(options: HandsetOptions) {
    this.#options = options;
    this.mac = options.mac;
    this.name = deviceName(options.mac);
    this.#timeline = options.timeline;
    this.#alarm = options.timeline.createAlarm(() => this.work(() => {}));
    this.#nic = new WireNic({
      mac: options.mac,
      wire: options.wire,
      deliver: (bytes, length) => this.work(() => this.stack.process(this.#timeline.now(), bytes, length)),
      linkChanged: () => {},
      busy: () => this.#working,
    });
    this.stack = new Stack({ nic: this.#nic, rng: new SeededRng(this.name) });
    this.stack.setVlan(this.#timeline.now(), { vlan: options.vlan, priority: 0 });
  }

  /** Runs `task`, then what the stack has to do. */
  work(task: () => void): void {
    this.#working = true;
    task();
    this.stack.dispatch(this.#timeline.now());
    this.#working = false;
    const at = this.stack.pollAt();
    this.#alarm.arm(at === NEVER ? NEVER : at);
    this.#nic.drain();
  }

  /** DISCOVER, REQUEST, and the address into use; then `bound`. */
  acquire(bound: () => void = () => {}): void {
    this.work(() => {
      this.#dhcp?.close();
      const socket = this.stack.udp(
        dhcp.CLIENT_PORT,
        (now, payload) => {
          const message = dhcp.parse(payload.slice());
          if (isMalformed(message)) return;
          if (message.options.messageType === dhcp.NAK) this.naks += 1;
          if (message.options.messageType === dhcp.OFFER) {
            const { serverIdentifier } = message.options;
            send(dhcp.REQUEST, { requestedAddress: message.yiaddr, ...(serverIdentifier && { serverIdentifier }) });
          }
          if (message.options.messageType !== dhcp.ACK) return;
          this.lease = message;
          const { subnetMask = 0, routers = [] } = message.options;
          const prefixLength = 32 - Math.log2(2 ** 32 - subnetMask);
          this.stack.setAddress(now, { address: message.yiaddr, prefixLength, routers });
          this.stack.announce(now);
          socket?.close();
          bound();
        },
        { unconfigured: true },
      );
      this.#dhcp = socket;
      const send = (messageType: number, options: dhcp.Options): void => {
        const message: dhcp.Message = {
          op: dhcp.BOOTREQUEST,
          hops: 0,
          xid: this.mac % 0x1_0000_0000,
          secs: 0,
          flags: this.#options.flags ?? 0,
          ciaddr: 0,
          yiaddr: 0,
          siaddr: 0,
          giaddr: 0,
          chaddr: this.mac,
          sname: '',
          file: '',
          options: { messageType, ...options },
        };
        const octets = new Uint8Array(dhcp.lengthOf(message));
        dhcp.emit(message, octets);
        socket?.send(this.#timeline.now(), { address: 0xffff_ffff, port: dhcp.SERVER_PORT }, octets);
      };
      send(dhcp.DISCOVER, {});
    });
  }

  fetch(name: string, server: Ipv4, done: () => void = () => {}): void {
    this.work(() => {
      const blocks: Uint8Array[] = [];
      const finish = (result: Uint8Array | number): void => {
        this.files.set(name, result);
        socket?.close();
        done();
      };
      const socket = this.stack.udp(0, (_now, payload, from) => {
        const message = tftp.parse(payload);
        if (isMalformed(message)) return;
        if (message.kind === 'ERROR') finish(message.code);
        if (message.kind !== 'DATA' || message.block !== blocks.length + 1) return;
        blocks.push(message.octets.slice());
        send({ kind: 'ACK', block: message.block }, from);
        if (message.octets.length < tftp.BLOCK_SIZE) finish(concatenated(blocks));
      });
      const send = (message: tftp.Message, to: Endpoint): void => {
        const octets = new Uint8Array(tftp.lengthOf(message));
        tftp.emit(message, octets);
        socket?.send(this.#timeline.now(), to, octets);
      };
      send({ kind: 'RRQ', filename: name, mode: 'octet', options: [] }, { address: server, port: tftp.SERVER_PORT });
    });
  }

  resolve(name: string, server: Ipv4, done: (addresses: readonly Ipv4[]) => void): void {
    this.work(() => {
      const socket = this.stack.udp(0, (_now, payload) => {
        const message = dns.parse(payload);
        if (isMalformed(message)) return;
        done(message.answers.flatMap(({ data }) => (data.kind === 'address' ? [data.address] : [])));
      });
      const query: dns.Message = {
        id: 1,
        response: false,
        opcode: 0,
        authoritative: false,
        truncated: false,
        recursionDesired: true,
        recursionAvailable: false,
        rcode: 0,
        questions: [{ name, type: dns.TYPE_A, class: dns.CLASS_IN }],
        answers: [],
        authorities: [],
        additionals: [],
      };
      const octets = new Uint8Array(dns.lengthOf(query));
      dns.emit(query, octets);
      socket?.send(this.#timeline.now(), { address: server, port: dns.SERVER_PORT }, octets);
    });
  }

  /** Connects, registers, and asks for the time, which ends a registration. */
  register(server: Ipv4): void {
    this.work(() => {
      const send = (message: sccp.Outgoing): void => {
        this.connection?.write(this.#timeline.now(), sccp.encode(message));
      };
      this.connection = this.stack.connect(
        this.#timeline.now(),
        { address: server, port: 2000 },
        {
          connected: () =>
            send({
              type: 'RegisterReq',
              deviceName: this.name,
              deviceType: this.#options.deviceType ?? 437,
              protocolVer: 22,
            }),
          data: (_now, octets) => {
            for (let at = 0; at + 8 <= octets.length; ) {
              const length = octets[at]! + octets[at + 1]! * 256 + 8;
              const message = sccp.parse(octets.slice(at, at + length));
              at += length;
              if (isMalformed(message)) return;
              if (message.type === 'RegisterAck') send({ type: 'TimeDateReq' });
              if (message.type === 'RegisterReject') this.rejected = message.text;
              if (message.type === 'DefineTimeDate') this.registered = true;
            }
          },
          ended: (now) => this.connection?.close(now),
          writable: () => {},
          gone: (_now, why) => {
            this.gone = why;
            this.registered = false;
          },
        },
      );
    });
  }

  /** From power-on to registered, as far as the network is concerned. */
  boot(): void {
    this.acquire(() => {
      const server = this.lease?.options.tftpServers?.[0];
      if (server === undefined) return;
      this.fetch(`${this.name}.cnf.xml`, server, () => {
        const file = this.files.get(`${this.name}.cnf.xml`);
        const address =
          typeof file === 'object' ? /<processNodeName>([\d.]+)</.exec(new TextDecoder().decode(file)) : null;
        const octets = address?.[1]?.split('.').map(Number);
        if (octets !== undefined) this.register(octets.reduce((sum, octet) => sum * 256 + octet, 0));
      });
    });
  }
}

function concatenated(blocks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(blocks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const block of blocks) {
    whole.set(block, at);
    at += block.length;
  }
  return whole;
}
