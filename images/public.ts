/** What the command line and the fleet use of this room. */

export {
  type BuildOptions,
  type BuiltImage,
  buildImages,
  imageFileName,
  signerOf,
  sourceMapName,
  UnknownImageError,
} from './build.ts';
export { type FlashFault, injectFault, parseFault } from './flash-fault.ts';
export {
  type CreateOptions,
  createFlash,
  dumpFlash,
  eraseRegion,
  type FlashInfo,
  FlashToolError,
  flashInfo,
  type InstallOptions,
  installInto,
  type RegionInfo,
  restoreFlash,
  revokeKey,
  type SlotInfo,
  setSetting,
} from './flash-tool.ts';
export { type ImageReport, inspectImage, type SignatureFinding, verifyImage } from './inspect.ts';
export {
  developmentKey,
  type GeneratedKey,
  generateKey,
  KeyError,
  readBootKey,
  readSigningKey,
  type SigningKey,
} from './key.ts';
export { allManifests, type Manifest, RECOVERY } from './manifests.ts';
export { ImageError, type PackOptions, packImage, signImage } from './pack.ts';
export { type BundledPayload, bundlePayload, PayloadError } from './payload.ts';
export { imageDirectory, projectRoot } from './project-root.ts';
export { type TestManifest, testManifests } from './test-manifests.ts';
