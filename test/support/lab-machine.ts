import { createCable } from '../../hal/virtual/cable.ts';
import { SeededRng } from '../../hal/virtual/rng.ts';
import { DhcpServer } from '../../lab/dhcp-server.ts';
import { LabHost } from '../../lab/lab-host.ts';
import { networkOf } from '../../lab/networks.ts';
import type { LabOptions } from '../../lab/public.ts';
import { serverPort } from '../../lab/switch/port-options.ts';
import type { TestWorld } from './test-world.ts';

/** Far above the lab's own stations. */
const FIRST_MAC = 0x025e_2b00_0000;

/** Plugs a machine of the tests' own into a VLAN of the lab: a rogue, a neighbor, somebody with an address that is not his. */
export function addMachine(world: TestWorld, address: number, vlan = 100): LabHost {
  const { lab, timeline } = world;
  const cable = createCable(timeline, { speed: 1000 });
  lab.connectWire(cable.a, serverPort(vlan), `Test${address}`);
  const network = networkOf(vlan);
  return new LabHost({
    timeline,
    rng: new SeededRng(address),
    wire: cable.b,
    mac: FIRST_MAC + (address & 0xffff),
    address,
    prefixLength: network.prefixLength,
    router: network.gateway,
  });
}

/** A second DHCP server in the voice VLAN, which hands out addresses from .200.0 on. */
export function addDhcpServer(world: TestWorld, address: number, changes: LabOptions['dhcp'] = {}): DhcpServer {
  const network = networkOf(100);
  const server = new DhcpServer({ timeline: world.timeline });
  server.addPool({
    network: network.base,
    prefixLength: network.prefixLength,
    first: network.base + 0xc800,
    last: network.base + 0xc8ff,
    leaseSeconds: 3600,
    routers: [address],
    ...changes,
  });
  server.serve(addMachine(world, address), address);
  server.start();
  return server;
}
