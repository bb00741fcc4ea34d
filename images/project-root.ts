import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The directory of package.json: payload sources and built images are found from there, from a checkout and from an installed package alike. */
export function projectRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json'))) {
    const parent = dirname(directory);
    if (parent === directory) throw new Error('no package.json above this module');
    directory = parent;
  }
  return directory;
}

/** Where `buildImages` puts images unless it is told another place. */
export function imageDirectory(): string {
  return join(projectRoot(), 'images', 'build');
}
