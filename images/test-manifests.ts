import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { ANY_MODEL } from '../storage/image-format.ts';
import { ed25519Key, type SigningKey } from './key.ts';
import { type Manifest, versionOfLoad } from './manifests.ts';
import { projectRoot } from './project-root.ts';

/** An image that is made to be refused, to fail or to be upgraded to. */
export interface TestManifest extends Manifest {
  readonly signedBy: 'given-key' | 'stranger' | 'nobody';
  /** What has to become of a phone that is told to load it. */
  readonly about: string;
}

/** A model that no board of ours is. */
const OTHER_MODEL = '7902';

function test(name: string, about: string, differs: Partial<TestManifest> = {}): TestManifest {
  const load = `SCCP${name.replaceAll('-', '')}.9-5-1S`;
  return {
    name: `test-${name}`,
    load,
    version: versionOfLoad(load)!,
    models: [ANY_MODEL],
    protocol: 'sccp',
    entry: join(projectRoot(), 'firmware', 'main.ts'),
    securityCounter: 1,
    signedBy: 'given-key',
    about,
    ...differs,
  };
}

function faulty(name: string, about: string): TestManifest {
  return test(name, about, { entry: join(projectRoot(), 'images', 'test-images', `${name}.ts`) });
}

/** Images that `sepia image build` makes besides the loads: to be upgraded to, to fail, or to be refused. Each is used by a scenario in `test/scenarios`. */
export function testManifests(): TestManifest[] {
  return [
    test('good', 'registers, is confirmed'),
    test('newer', 'registers, is confirmed, and raises the security counter to 2', { securityCounter: 2 }),
    test('older', 'is refused: its security counter is too low', {
      load: 'SCCPolder.9-1-1S',
      version: { major: 9, minor: 1, revision: 1, build: 0 },
      securityCounter: 0,
    }),
    test('wrong-model', 'is refused: it is for another model', { models: [OTHER_MODEL] }),
    test('unsigned', 'is refused: nobody vouches for it', { signedBy: 'nobody' }),
    test('wrongly-signed', 'is refused: its key is not in the fuses', { signedBy: 'stranger' }),
    faulty('crashes-at-boot', 'crashes on its trial boot and is reverted'),
    faulty('crashes-after-an-hour', 'is confirmed, crashes once an hour and comes back each time'),
    faulty('never-registers', 'does not confirm itself in time and is reverted'),
    faulty('loops', 'is stopped by the watchdog on its trial boot and is reverted'),
    faulty('leaks', 'ends the process that it runs in'),
  ];
}

/** A key that no board has in its fuses; its seed is public, so that the image is the same each time it is built. */
export function strangersKey(): SigningKey {
  const seed = createHash('sha256').update('Sepia test images, a stranger').digest();
  return ed25519Key(seed, 'stranger');
}
