/** What perfdhcp does, with the phones' own DHCP client and stack: so many new clients a second, whether the server keeps up or not. */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { autoMac } from '../../device/identity.ts';
import { modelNamed } from '../../device/models.ts';
import { isMalformed } from '../../firmware/malformed.ts';
import { DhcpClient, type DhcpOut } from '../../firmware/protocols/dhcp.ts';
import * as dhcp from '../../firmware/wire/dhcp.ts';
import { AfPacketWire } from '../../hal/host/af-packet.ts';
import { WireDemux } from '../../hal/host/nic-demux.ts';
import { HostTimeline } from '../../hal/host/timeline.ts';
import { type TunableValues, tunableValues } from '../../hal/tunables.ts';
import { SeededRng } from '../../hal/virtual/rng.ts';
import { type Part, Station } from '../../probe/station.ts';
import { PHONE_END } from './peer-network.ts';

type Model = NonNullable<ReturnType<typeof modelNamed>>;

const BROADCAST = 0xffff_ffff;
/** As perfdhcp: nobody probes for an address. */
const TUNABLES = tunableValues({ 'dhcp.probeCount': 0, 'dhcp.coldBootWait': 0 });

export interface OfferedLeases {
  /** Clients that have begun. */
  readonly offered: number;
  /** Of these, how many have their lease before the time is up. */
  readonly bound: number;
  readonly seconds: number;
  /** Of this process meanwhile. */
  readonly cpuSeconds: number;
}

/** Begins `rate` clients a second for so many seconds. */
export async function offeredLeases(rate: number, seconds: number): Promise<OfferedLeases> {
  const wire = AfPacketWire.open({ interface: PHONE_END, pollMicroseconds: 0 });
  const timeline = new HostTimeline();
  const demux = new WireDemux({ wire, macsChanged: (macs) => wire.setMacs(macs) });
  const model = modelNamed('7975')!;
  let bound = 0;
  const stations = Array.from({ length: rate * seconds }, (_, index) => {
    const mac = autoMac(3, 0, index);
    const rng = new SeededRng(`lease/${index}`);
    const station = new Station({ timeline, rng, wire: demux.plug(mac), mac, discovery: () => {} });
    station.stack.setVlan(station.now(), { vlan: null, priority: 0 });
    return station;
  });
  await sleep(100);
  const start = performance.now();
  const before = process.cpuUsage();
  const elapsed = () => (performance.now() - start) / 1000;
  let offered = 0;
  while (elapsed() < seconds) {
    const due = Math.min(stations.length, Math.ceil(elapsed() * rate));
    while (offered < due) {
      const station = stations[offered++]!;
      lease(station, model, TUNABLES, () => {
        bound += 1;
      });
    }
    await sleep(1);
  }
  const { user, system } = process.cpuUsage(before);
  const result = { offered, bound, seconds: elapsed(), cpuSeconds: (user + system) / 1e6 };
  timeline.close();
  await wire.close();
  return result;
}

/** A client that asks for an address, and is done when it has one. */
function lease(station: Station, model: Model, tunables: TunableValues, done: () => void): void {
  const { mac } = station.nic;
  const { vendorClass, parameterRequestList } = model.dhcp;
  const identity = { mac, vendorClass, parameterRequestList, hostName: `SEP${mac.toString(16).padStart(12, '0')}` };
  const client = new DhcpClient({ ...identity, rng: new SeededRng(`client/${mac}`), tunables });
  const socket = station.stack.udp(
    dhcp.CLIENT_PORT,
    (now, payload) => {
      const message = dhcp.parse(payload);
      if (!isMalformed(message)) client.process(now, { kind: 'received', message });
    },
    { unconfigured: true },
  )!;
  const obey = (now: number, out: DhcpOut): void => {
    if (out.kind === 'probe') client.process(now, { kind: 'probed', conflict: false });
    if (out.kind === 'send') {
      const payload = new Uint8Array(dhcp.lengthOf(out.message));
      dhcp.emit(out.message, payload);
      const address = out.to === 'broadcast' ? BROADCAST : out.to;
      socket.send(now, { address, port: dhcp.SERVER_PORT }, payload, { source: out.from });
    }
    if (out.kind === 'bound') {
      station.remove(part);
      socket.close();
      done();
    }
  };
  const part: Part = {
    pollAt: () => client.pollAt(),
    dispatch: (now) => client.dispatch(now, (out) => obey(now, out)),
  };
  station.add(part);
  client.process(station.now(), { kind: 'start' });
  station.run(
    (function* () {
      yield* station.wait(() => true, 0);
    })(),
  );
}
