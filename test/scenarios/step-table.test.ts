import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { STAGE_NAMES } from '../../hal/trace.ts';
import { TestWorld } from '../support/test-world.ts';
import { STEP_TABLE, type StepRow } from './step-table.ts';

const HEADING = '## Not every step occurs on every network';

/** The table as it stands in docs/startup.md. */
function markdown(rows: readonly StepRow[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(['network or phone', ...STAGE_NAMES]),
    line(['---', ...STAGE_NAMES.map(() => '---')]),
    ...rows.map((row) => line([row.name, ...STAGE_NAMES.map((stage) => row.outcomes[stage] ?? '-')])),
  ].join('\n');
}

function outcomesOf(row: StepRow) {
  const world = new TestWorld(row.options);
  if (row.before === 'no DHCP server') world.lab.dhcp.stop();
  world.powerOn(0);
  if (row.before === 'registered, then all TFTP servers stop') {
    world.runUntil('registration.accepted');
    world.run(1);
    for (const server of world.lab.tftp) server.stop();
    world.events.length = 0;
    world.phone.powerOff();
    world.phone.powerOn();
  }
  world.run(row.seconds);
  return world.outcomes();
}

describe('each network says which of the nine steps is done, skipped or failed', () => {
  it.each(STEP_TABLE)('$name', (row) => {
    expect(outcomesOf(row)).toEqual(row.outcomes);
  });

  it('stands in docs/startup.md as it is here', () => {
    const page = readFileSync(new URL('../../docs/startup.md', import.meta.url), 'utf8');
    const section = `${page.slice(page.indexOf(HEADING))}\n\n## `;
    expect(section.slice(0, section.indexOf('\n\n## '))).toContain(markdown(STEP_TABLE));
  });
});
