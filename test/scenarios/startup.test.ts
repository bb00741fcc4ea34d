import { describe, expect, it } from 'vitest';
import { STAGE_NAMES } from '../../hal/trace.ts';
import { TestWorld } from '../support/test-world.ts';

describe('a phone from power-on to registered', () => {
  it('goes the nine documented steps in order', () => {
    const world = new TestWorld();
    world.powerOn(0);
    const accepted = world.runUntil('registration.accepted');
    world.run(1);
    expect(world.all('stage.enter').map(({ stage }) => stage)).toEqual(STAGE_NAMES);
    expect(world.all('stage.leave').map(({ stage }) => stage)).toEqual(STAGE_NAMES);
    expect(accepted).toMatchObject({ host: '10.100.0.11', port: 2000, protocol: 'sccp', lines: ['2001'] });
    expect(world.screen().join('\n')).toContain('2001');
  });
});
