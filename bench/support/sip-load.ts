/** Registrations of many phones on a real wire, in a process of its own in the phones' network namespace. */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { autoMac } from '../../device/identity.ts';
import { parseIpv4 } from '../../firmware/wire/address.ts';
import { AfPacketWire } from '../../hal/host/af-packet.ts';
import { WireDemux } from '../../hal/host/nic-demux.ts';
import { HostTimeline } from '../../hal/host/timeline.ts';
import { SECOND } from '../../hal/timer.ts';
import { SeededRng } from '../../hal/virtual/rng.ts';
import { Station } from '../../probe/station.ts';
import { PHONE_END, SERVER_ADDRESS } from './peer-network.ts';
import { SipStation, sipSettingsFor } from './sip-station.ts';

/** Network interfaces of their own, each with a MAC and an IP address: more than the kernel's neighbour table holds would measure that table. */
const HOSTS = 64;
/** Registrations before the clock starts: a process that runs for hours has compiled its code, which in the first seconds is most of the work. */
export const WARM_UP = 3_000;
/** Registrations under way at a time, of each of them. */
const WINDOW = 4;
const FIRST_ADDRESS = parseIpv4('10.90.1.1')!;
const SERVER = parseIpv4(SERVER_ADDRESS)!;
const GIVE_UP_MILLISECONDS = 120_000;

export type Transport = 'tcp' | 'udp';

export interface Registrations {
  readonly seconds: number;
  readonly registered: number;
  /** Microseconds of CPU of this process for each. */
  readonly cpu: number;
}

/** SIP clients of phones, each with a connection, or a UDP port, of its own over the phones' TCP/IP; all stay registered and connected. */
export async function registrations(transport: Transport, count: number): Promise<Registrations> {
  const wire = AfPacketWire.open({ interface: PHONE_END, pollMicroseconds: 0 });
  const timeline = new HostTimeline();
  const demux = new WireDemux({ wire, macsChanged: (macs) => wire.setMacs(macs) });
  const told = { registered: 0, begun: 0 };
  const hosts = Array.from({ length: Math.min(HOSTS, count) }, (_, index) => hostAt(timeline, demux, index));
  await sleep(100);
  const until = async (total: number): Promise<number> => {
    const start = performance.now();
    for (const host of hosts) host.run(registering(timeline, host, transport, total, told));
    while (told.registered < total && performance.now() - start < GIVE_UP_MILLISECONDS) await sleep(1);
    return (performance.now() - start) / 1_000;
  };
  await until(WARM_UP);
  const warm = told.registered;
  const before = process.cpuUsage();
  const seconds = await until(WARM_UP + count);
  const used = process.cpuUsage(before);
  timeline.close();
  await wire.close();
  const registered = told.registered - warm;
  return { seconds, registered, cpu: (used.user + used.system) / Math.max(1, registered) };
}

function hostAt(timeline: HostTimeline, demux: WireDemux, index: number): Station {
  const mac = autoMac(3, 0, index);
  const rng = new SeededRng(`sip/${index}`);
  const host = new Station({ timeline, rng, wire: demux.plug(mac), mac, discovery: () => {} });
  host.stack.setVlan(host.now(), { vlan: null, priority: 0 });
  host.stack.setAddress(host.now(), { address: FIRST_ADDRESS + index, prefixLength: 16, routers: [] });
  return host;
}

function* registering(
  timeline: HostTimeline,
  host: Station,
  transport: Transport,
  count: number,
  told: { registered: number; begun: number },
) {
  let open = 0;
  while (told.begun < count) {
    while (open < WINDOW && told.begun < count) {
      const mac = autoMac(4, 0, told.begun);
      const number = `${100_000 + told.begun}`;
      told.begun += 1;
      open += 1;
      const settings = { ...sipSettingsFor(number), transport };
      const station = new SipStation(timeline, {
        mac,
        number,
        settings,
        address: host.stack.address,
        host: SERVER_ADDRESS,
        hear: (_now, out) => {
          if (out.kind !== 'registered') return;
          told.registered += 1;
          open -= 1;
        },
      });
      const server = { address: SERVER, port: 5060 };
      if (transport === 'udp') station.bind(host.stack, server);
      else station.attach(host.stack.connect(host.now(), server, station));
    }
    yield* host.wait(() => open < WINDOW, 60 * SECOND);
  }
}
