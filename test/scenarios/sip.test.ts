import { describe, expect, it } from 'vitest';
import { TestWorld, type TestWorldOptions } from '../support/test-world.ts';

function sipWorld(options: TestWorldOptions = {}): TestWorld {
  return new TestWorld({ model: '8861', protocol: 'sip', ...options });
}

describe('a phone with a SIP load', () => {
  it('goes from power-on to registered', () => {
    const world = sipWorld();
    world.powerOn(0);
    const accepted = world.runUntil('registration.accepted');
    world.run(1);
    expect(accepted).toMatchObject({
      host: '10.100.0.11',
      port: 5060,
      protocol: 'sip',
      transport: 'tcp',
      lines: ['2001'],
      keepaliveSeconds: 115,
    });
    expect(world.outcomes()).toMatchObject({ 'call-manager': 'done' });
    expect(world.screen().join('\n')).toContain('2001');
  });
});
