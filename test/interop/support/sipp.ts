import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import type { Daemon } from './daemon.ts';
import { peerRan } from './interop-run.ts';
import type { PeerNamespace } from './peer-namespace.ts';
import { REGISTRAR_AND_CALLER, UNAVAILABLE } from './sipp-scenarios.ts';
import { versionOf } from './versions.ts';

/** It says its version with exit code 99. */
export const SIPP_PRESENT = spawnSync('sipp', ['-v']).error === undefined;

const SCENARIOS = { 'registrar-and-caller': REGISTRAR_AND_CALLER, unavailable: UNAVAILABLE } as const;

/** SIPp that answers one phone as the scenario says, over `u1` (UDP) or `t1` (TCP), and ends with 0 when so many of its calls, that is, Call-IDs, came true. */
export async function startSipp(
  peers: PeerNamespace,
  address: string,
  mode: string,
  scenario: keyof typeof SCENARIOS,
  calls: number,
): Promise<Daemon> {
  const file = peers.path(`${scenario}-${mode}.xml`);
  writeFileSync(file, SCENARIOS[scenario], { mode: 0o644 });
  const where = ['-i', address, '-p', '5060', '-t', mode];
  const how = ['-m', `${calls}`, '-nostdin', '-timeout', '60', '-timeout_error'];
  const daemon = peers.start(`sipp ${scenario}`, ['sipp', ...where, '-sf', file, ...how]);
  const flag = mode === 'u1' ? '-Hlun' : '-Hltn';
  await daemon.ready('listens', () => (peers.run('ss', flag).includes(`${address}:5060`) ? true : null));
  peerRan('SIPp', versionOf('sipp', '-v'), 'SIP server and phone of a scenario');
  return daemon;
}
