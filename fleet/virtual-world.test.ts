import { expect, it } from 'vitest';
import { autoMac } from '../device/identity.ts';
import { modelNamed } from '../device/models.ts';
import { SECOND } from '../hal/timer.ts';
import { tunableValues } from '../hal/tunables.ts';
import { VirtualWorld } from './virtual-world.ts';

it('tells a fault in a built load by source line', () => {
  const details: string[] = [];
  const world = new VirtualWorld({
    seed: 1,
    phones: [{ model: modelNamed('7975')!, mac: autoMac(0, 0, 0), protocol: 'sccp' }],
    tunables: tunableValues(),
    realistic: false,
    powerSource: 'external',
    epoch: 0,
    sinks: {
      trace: (_phone, _at, type, fields) => {
        if (type === 'fault') details.push((fields as { detail: string }).detail);
        // Called from within the software, which lets it through: its own frames are in the stack.
        if (type === 'vlan.learned' && details.length === 0) throw new Error('a bug');
      },
    },
  });
  world.powerOn(0);
  world.timeline.runUntil(30 * SECOND);
  expect(details).toHaveLength(1);
  expect(details[0]).toMatch(/^Error: a bug\n/);
  expect(details[0]).toMatch(/\(firmware\/startup\/voice-vlan-stage\.ts:\d+:\d+\)/);
  expect(details[0]).toMatch(/\(firmware\/kernel\.ts:\d+:\d+\)/);
});
