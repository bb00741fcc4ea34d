import { join } from 'node:path';
import { MODELS } from '../device/models.ts';
import { ANY_MODEL, type Protocol, type Version } from '../storage/image-format.ts';
import { projectRoot } from './project-root.ts';

/** One image that we build. */
export interface Manifest {
  /** File name without `.img`. */
  readonly name: string;
  readonly load: string;
  readonly version: Version;
  readonly models: readonly string[];
  readonly protocol: Protocol | null;
  /** Module that exports the payload's `entry`. */
  readonly entry: string;
  readonly securityCounter: number;
}

/** Raised when an older image of ours must not run any more. */
const SECURITY_COUNTER = 1;

/** Loads of the first phones have no version in their name that reads as three numbers. */
const VERSIONS: Readonly<Record<string, readonly [number, number, number]>> = {
  P0030801SR02: [8, 1, 2],
  'P003-08-2-00': [8, 2, 0],
  CP7905080003SCCP070409A: [8, 0, 3],
  CP7912080004SCCP080108A: [8, 0, 4],
};

/** `SCCP75.9-4-2SR3-1S` is 9.4.2. Null when the name says nothing. */
export function versionOfLoad(load: string): Version | null {
  const found = /\.(\d+)-(\d+)-(\d+)/.exec(load);
  const numbers = VERSIONS[load] ?? found?.slice(1).map(Number);
  if (numbers === undefined) return null;
  const [major = 0, minor = 0, revision = 0] = numbers;
  return { major, minor, revision, build: 0 };
}

/** One image for each load name: models that share a load share the image. */
export function phoneManifests(): Manifest[] {
  const models = new Map<string, { protocol: Protocol; names: string[] }>();
  for (const model of MODELS) {
    for (const protocol of model.protocols) {
      const load = model.loads[protocol];
      if (load === undefined) continue;
      const shared = models.get(load) ?? { protocol, names: [] };
      shared.names.push(model.name);
      models.set(load, shared);
    }
  }
  const entry = join(projectRoot(), 'firmware', 'main.ts');
  return [...models].map(([load, { protocol, names }]) => {
    const version = versionOfLoad(load);
    if (version === null) throw new Error(`load ${load} has no version`);
    return { name: load, load, version, models: names, protocol, entry, securityCounter: SECURITY_COUNTER };
  });
}

function forEveryModel(name: string, version: readonly [number, number, number]): Manifest {
  const [major, minor, revision] = version;
  return {
    name,
    load: `sepia-${name}.${version.join('-')}`,
    version: { major, minor, revision, build: 0 },
    models: [ANY_MODEL],
    protocol: null,
    entry: join(projectRoot(), 'images', name, 'main.ts'),
    securityCounter: SECURITY_COUNTER,
  };
}

export const RECOVERY = 'recovery';
export const HELLO = 'hello';

/** All images that `sepia image build` makes. */
export function allManifests(): Manifest[] {
  return [...phoneManifests(), forEveryModel(RECOVERY, [1, 0, 0]), forEveryModel(HELLO, [1, 0, 0])];
}
