/** Why the phone was last out of service, as the first alarm on its next registration tells: through a reset, and without one. */
import { describe, expect, it } from 'vitest';
import { isMalformed } from '../../firmware/malformed.ts';
import * as ethernet from '../../firmware/wire/ethernet.ts';
import * as icmp from '../../firmware/wire/icmp.ts';
import * as ipv4 from '../../firmware/wire/ipv4.ts';
import { networkOf } from '../../lab/networks.ts';
import { addMachine } from '../support/lab-machine.ts';
import { type TappedFrame, tappedWorld } from '../support/tapped-world.ts';
import type { TestWorld, TestWorldOptions } from '../support/test-world.ts';

/** What the call manager hears first when the phone is back. */
function alarmAfter(act: (world: TestWorld, frames: TappedFrame[]) => void, lab: TestWorldOptions['lab'] = {}): string {
  const alarms: string[] = [];
  const { world, frames } = tappedWorld({
    lab: {
      ...lab,
      events: (_at, event) => {
        if (event.type === 'alarm') alarms.push(event.text);
      },
    },
  });
  world.powerOn(0);
  world.runUntil('registration.accepted', 120);
  world.run(5);
  expect(alarms[0]).toContain('Last=Initialized');
  alarms.length = 0;
  act(world, frames);
  world.runUntil('registration.accepted', 300);
  return alarms[0]!.replace(/^.*Last=/, 'Last=');
}

const firstNode = (world: TestWorld) => world.lab.callManagers[0]!;

describe('a reset', () => {
  it.each<[string, (world: TestWorld) => void, string]>([
    [
      'a power cycle',
      (world) => {
        world.lab.cutPower(0);
        world.run(2);
        world.lab.restorePower(0);
      },
      'Initialized',
    ],
    [
      'Reset at the call manager',
      (world) => firstNode(world).reset(world.phone.board.deviceName, 'reset'),
      'Reset-Reset',
    ],
    [
      '**#** at the phone',
      (world) => {
        for (const key of ['settings', '*', '*', '#', '*', '*'] as const) world.phone.press(key);
      },
      'Phone-Keypad',
    ],
    ['factory settings', (world) => world.phone.reset('factory-reset'), 'Initialized'],
    ['a fault of the load', (world) => world.phone.reset('fault'), 'Phone-Abort'],
    ['the watchdog', (world) => world.phone.reset('watchdog'), 'Phone-Abort'],
    ['a new load', (world) => world.phone.reset('load-update'), 'Reset-Reset'],
    ['a load that recovery has fetched', (world) => world.phone.reset('recovery'), 'Initialized'],
  ])('by %s', (_how, act, reason) => {
    expect(alarmAfter(act)).toBe(`Last=${reason}`);
  });
});

describe('without a reset', () => {
  it.each<[string, (world: TestWorld) => void, string, TestWorldOptions['lab']?]>([
    [
      'Restart at the call manager',
      (world) => firstNode(world).reset(world.phone.board.deviceName, 'restart'),
      'Reset-Restart',
    ],
    ['the call manager closes', (world) => firstNode(world).stop('fin'), 'CM-closed-TCP'],
    ['the call manager resets the connection', (world) => firstNode(world).stop('rst'), 'CM-reset-TCP'],
    ['the call manager answers no keepalive', (world) => firstNode(world).stop('silent'), 'KeepaliveTO'],
    ['the call manager is off the network', (world) => world.lab.machine('cm1').cable.unplug(), 'TCP-timeout'],
    [
      'the lease runs out',
      (world) => {
        world.lab.dhcp.stop();
        world.runUntil('dhcp.lost', 200);
        world.lab.dhcp.start();
      },
      'IP-address-lost',
      { dhcp: { leaseSeconds: 120 } },
    ],
    ['the switch names another voice VLAN', (world) => world.lab.setVoiceVlan(200), 'Phone-Re-IP', { vlans: [200] }],
    [
      'the cable is pulled and put back',
      (world) => {
        world.lab.unplug(0);
        world.run(5);
        world.lab.plug(0);
      },
      'Phone-Re-IP',
    ],
  ])('%s', (_what, act, reason, lab) => {
    expect(alarmAfter(act, lab)).toBe(`Last=${reason}`);
  });

  it('a router says by ICMP that the call manager cannot be reached', () => {
    const reason = alarmAfter((world, frames) => {
      world.lab.machine('cm1').cable.unplug();
      const router = addMachine(world, networkOf(100).base + 77);
      frames.length = 0;
      for (let waited = 0; waited < 60 && world.all('registration.lost').length === 0; waited++) {
        for (const frame of frames.splice(0)) tellUnreachable(router, frame);
        world.run(0.5);
      }
    });
    expect(reason).toBe('Last=CM-ICMP-Unreach');
  });
});

/** Host unreachable (RFC 792), which quotes the beginning of what the phone sent. */
function tellUnreachable(router: ReturnType<typeof addMachine>, { bytes, direction }: TappedFrame): void {
  const frame = ethernet.parse(bytes);
  if (direction === 'in' || isMalformed(frame) || frame.lengthOrType !== ethernet.ETHERTYPE.ipv4) return;
  const packet = ipv4.parse(bytes, frame.payloadOffset, frame.payloadLength);
  if (isMalformed(packet) || packet.protocol !== ipv4.PROTOCOL.tcp) return;
  const quoted = bytes.slice(frame.payloadOffset, frame.payloadOffset + ipv4.HEADER_LENGTH + 8);
  const message: icmp.Message = { kind: 'unreachable', code: icmp.UNREACHABLE.host, nextHopMtu: 0, payload: quoted };
  const header = { ...packet, totalLength: ipv4.HEADER_LENGTH + icmp.lengthOf(message), protocol: ipv4.PROTOCOL.icmp };
  const length = Math.max(60, ethernet.HEADER_LENGTH + header.totalLength);
  router.nic.transmit(length, (into) => {
    const at = ethernet.emitHeader(frame.source, router.nic.mac, null, ethernet.ETHERTYPE.ipv4, into, 0);
    ipv4.emit({ ...header, flags: 0, source: router.address, destination: packet.source }, into, at);
    icmp.emit(message, into, at + ipv4.HEADER_LENGTH);
  });
}
